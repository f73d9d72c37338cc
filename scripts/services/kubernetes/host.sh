#!/bin/sh
# Sourced by scripts/services/cluster: what it takes from the host (addresses, ports, control groups,
# kernel settings) and gives back.
# shellcheck disable=SC2154 # what is not set here is set by the file that sources this one

# The first network 10.244.N that no interface of this host has, so that clusters live side by side.
choose_net() {
  [ ! -s "$state/net" ] || return 0
  third=77
  while ip -o -4 addr show | grep -q " 10\.244\.$third\.1/"; do third=$((third + 1)); done
  echo "10.244.$third" >"$state/net"
}

# free_port FROM: the first port from there on which nobody listens
free_port() {
  port=$1
  while ss -Hltn | awk '{print $4}' | grep -q ":$port\$"; do port=$((port + 1)); done
  echo "$port"
}

choose_ports() {
  [ ! -s "$state/ports" ] || return 0
  etcd=$(free_port 12379)
  {
    echo "api_port=$(free_port 16443)"
    echo "etcd_port=$etcd"
    echo "etcd_peer_port=$(free_port $((etcd + 1)))"
    echo "kubelet_port=$(free_port 20250)"
  } >"$state/ports"
}

# Before the first pod comes, for the first address of the bridge is also the node's.
make_bridge() {
  ip link show "$bridge" >/dev/null 2>&1 || ip link add "$bridge" type bridge
  ip addr replace "$net.1/24" dev "$bridge"
  ip link set "$bridge" up
}

# Overlayfs, unless the state lies on a file system that cannot carry it.
choose_snapshotter() {
  [ ! -s "$state/snapshotter" ] || return 0
  try=$(mktemp -d "$state/overlay.XXXXXX")
  mkdir "$try/lower" "$try/upper" "$try/work" "$try/merged"
  chosen=native
  if mount -t overlay overlay -o "lowerdir=$try/lower,upperdir=$try/upper,workdir=$try/work" "$try/merged" 2>/dev/null; then
    umount "$try/merged"
    chosen=overlayfs
  fi
  rm -rf "$try"
  echo "$chosen" >"$state/snapshotter"
}

# The kubelet wants the root of its control groups to exist, in every hierarchy.
make_cgroup() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p "/sys/fs/cgroup/$cgroup"
    for controller in cpuset cpu io memory pids; do
      echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true
    done 2>/dev/null
    return 0
  fi
  for hierarchy in /sys/fs/cgroup/*/; do
    mountpoint -q "$hierarchy" || continue
    mkdir -p "$hierarchy$cgroup"
    # A new group of this hierarchy can hold no process until it has both.
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$hierarchy$cgroup/$file" ] || cat "$hierarchy$file" >"$hierarchy$cgroup/$file"
    done
  done
}

remove_cgroup() {
  for folder in /sys/fs/cgroup/*/"$cgroup" "/sys/fs/cgroup/$cgroup"; do
    [ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

# The kubelet sets these for the whole machine.
keep_kernel_settings() {
  [ -s "$state/sysctl" ] || sysctl vm.overcommit_memory kernel.panic kernel.panic_on_oops >"$state/sysctl" || true
}

restore_kernel_settings() {
  [ ! -s "$state/sysctl" ] || sysctl -q -p "$state/sysctl" || true
}

# What is still mounted below our folders (tokens' tmpfs, root file systems), deepest first.
unmount_all() {
  awk -v a="$state/" -v b="$sockets/" 'index($2, a) == 1 || index($2, b) == 1 {print $2}' /proc/mounts |
    sort -r | while read -r mounted; do umount -l "$mounted" || true; done
}
