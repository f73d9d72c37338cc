#!/bin/sh
# Sourced by scripts/services/cluster: images made of folders, for there is no registry to pull from.
# shellcheck disable=SC2154 # what is not set here is set by the file that sources this one

run_ctr() {
  ctr -a "$sockets/containerd.sock" -n k8s.io "$@"
}

load_archive() {
  run_ctr images import --snapshotter "$(cat "$state/snapshotter")" "$1" >>"$state/log/images.log" 2>&1 ||
    fail "cannot load $1: $(tail -n 5 "$state/log/images.log")"
}

# load_folder NAME[,NAME] FOLDER [ENTRYPOINT...]
load_folder() {
  archive=$(mktemp "$state/image.XXXXXX")
  make_archive "$archive" "$@"
  load_archive "$archive"
  rm -f "$archive"
}

machine() {
  case $(uname -m) in
    aarch64) echo arm64 ;;
    *) echo amd64 ;;
  esac
}

# JSON strings of the arguments, with commas between.
json_list() {
  for word in "$@"; do
    printf '"%s",' "$(printf %s "$word" | sed 's/[\\"]/\\&/g')"
  done | sed 's/,$//'
}

# make_archive FILE NAME[,NAME] FOLDER [ENTRYPOINT...]: one layer, in the form of `docker save`.
make_archive() {
  file=$1
  names=$2
  folder=$3
  shift 3
  start='"Cmd":["sh"]'
  [ $# -eq 0 ] || start="\"Entrypoint\":[$(json_list "$@")]"
  work=$(mktemp -d "$state/image.XXXXXX")
  tar -C "$folder" --sort=name --mtime=@0 --numeric-owner --owner=0 --group=0 -cf "$work/layer.tar" .
  layer=$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)
  printf '{"architecture":"%s","os":"linux","created":"1970-01-01T00:00:00Z","config":{"Env":["PATH=%s"],%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(machine)" /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$start" "$layer" >"$work/config"
  config=$(sha256sum "$work/config" | cut -d ' ' -f 1)
  mv "$work/config" "$work/$config.json"
  printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' \
    "$config" "$(printf %s "$names" | sed 's/,/","/g')" >"$work/manifest.json"
  tar -C "$work" -cf "$file" manifest.json "$config.json" layer.tar
  rm -rf "$work"
}

# Kept beside the programs: they depend on nothing else, and up is twice as fast with them.
make_base_images() {
  base=${lab_bin%/bin}/images
  mkdir -p "$base"
  [ -s "$base/pause.tar" ] || {
    root=$(mktemp -d "$base/root.XXXXXX")
    chmod 755 "$root"
    cp "$lab_bin/pause" "$root/pause"
    make_archive "$root.tar" "$pause_image" "$root" /pause
    mv -f "$root.tar" "$base/pause.tar"
    rm -rf "$root"
  }
  [ -s "$base/busybox.tar" ] || {
    root=$(mktemp -d "$base/root.XXXXXX")
    chmod 755 "$root"
    make_busybox_root "$root"
    make_archive "$root.tar" docker.io/library/busybox:1.36,docker.io/library/busybox:latest "$root"
    mv -f "$root.tar" "$base/busybox.tar"
    rm -rf "$root"
  }
}

make_busybox_root() {
  for name in bin etc home proc root sys dev var; do mkdir -p "$1/$name"; done
  mkdir -m 1777 "$1/tmp"
  cp -L /bin/busybox "$1/bin/busybox"
  "$1/bin/busybox" --list | while read -r applet; do
    [ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$1/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/etc/group"
}
