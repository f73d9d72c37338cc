#!/bin/sh
# Sourced by scripts/services/cluster: the programs that a cluster is made of. Sets $lab_bin and
# $containerd_bin, the folders that hold them.
# shellcheck disable=SC2154 # what is not set here is set by the file that sources this one

lab_source=$here/kubernetes/lab
kubernetes_version=$(sed -n 's#^[[:space:]]*k8s.io/kubernetes v##p' "$lab_source/go.mod" | head -n 1)
lab_bin=$cache/kubernetes-$kubernetes_version/bin
containerd_version=$(sed -n 's/^version=//p' "$here/build-containerd")
containerd_bin=$cache/containerd-$containerd_version/bin

# package:a file that it brings
debian_files='runc:/usr/sbin/runc busybox-static:/bin/busybox
  containernetworking-plugins:/usr/lib/cni/bridge iproute2:/sbin/ip procps:/sbin/sysctl'

missing_packages() {
  for pair in $debian_files; do
    [ -x "${pair#*:}" ] || printf '%s ' "${pair%%:*}"
  done
}

# What the binaries were made of, so that a change of the sources makes them again.
lab_stamp() {
  (cd "$lab_source" && find . -type f | sort | xargs cat | cksum)
}

is_lab_built() {
  [ -x "$lab_bin/lab" ] && [ -x "$lab_bin/pause" ] && [ "$(cat "$lab_bin/stamp" 2>/dev/null)" = "$(lab_stamp)" ]
}

is_containerd_built() {
  [ -x "$containerd_bin/containerd" ] && [ -x "$containerd_bin/ctr" ] &&
    [ -x "$containerd_bin/containerd-shim-runc-v2" ]
}

are_programs_built() {
  [ -z "$(missing_packages)" ] && is_containerd_built && is_lab_built
}

build_programs() {
  install_packages
  is_lab_built || build_lab_once
  is_containerd_built || "$here/build-containerd" >/dev/null
}

build_lab_once() {
  command -v go >/dev/null 2>&1 || fail "needs go on PATH to build Kubernetes $kubernetes_version"
  mkdir -p "$lab_bin"
  exec 8>"$lab_bin/lock"
  flock 8
  is_lab_built && return 0
  say "building Kubernetes $kubernetes_version, once; this takes minutes"
  build_lab
  exec 8>&-
}

install_packages() {
  packages=$(missing_packages)
  [ -n "$packages" ] || return 0
  [ "$(id -u)" -eq 0 ] || fail "needs these packages, and root to install them: $packages"
  say "installing $packages"
  # shellcheck disable=SC2086 # one word for each package
  {
    apt-cache show $packages >/dev/null 2>&1 || apt-get -q -o DPkg::Lock::Timeout=300 update
    DEBIAN_FRONTEND=noninteractive apt-get -yq -o DPkg::Lock::Timeout=300 install \
      --no-install-recommends $packages
  } >&2
}

# The version is what the kubelet and the API server tell each other; it is not in the module itself.
build_lab() {
  version_package=k8s.io/component-base/version
  minor=${kubernetes_version#*.}
  variables="-X $version_package.gitVersion=v$kubernetes_version
    -X k8s.io/client-go/pkg/version.gitVersion=v$kubernetes_version
    -X $version_package.gitMajor=${kubernetes_version%%.*} -X $version_package.gitMinor=${minor%%.*}"
  (
    cd "$lab_source"
    export CGO_ENABLED=0 GOWORK=off GOFLAGS='-p=2 -buildvcs=false -trimpath'
    nice -n 10 go build -tags grpcnotrace,netgo,osusergo \
      -ldflags "-s -w $(printf %s "$variables" | tr '\n' ' ')" -o "$lab_bin/lab.new" .
    nice -n 10 go build -ldflags '-s -w' -o "$lab_bin/pause.new" ./pause
  ) >&2 || fail "cannot build Kubernetes: the words of go are above"
  # Renamed, not written over: another cluster may be running the old ones.
  mv -f "$lab_bin/lab.new" "$lab_bin/lab"
  mv -f "$lab_bin/pause.new" "$lab_bin/pause"
  rm -rf "${lab_bin%/bin}/images"
  lab_stamp >"$lab_bin/stamp"
}
