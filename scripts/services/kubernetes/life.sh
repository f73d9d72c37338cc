#!/bin/sh
# Sourced by scripts/services/cluster: how it comes up, and how it goes away.
# shellcheck disable=SC2154 # what is not set here is set by the file that sources this one

cluster_up() {
  are_programs_built || fail "not everything is built: run '$0 build' first"
  [ "$(id -u)" -eq 0 ] || fail "needs root"
  mkdir -p "$state/pids" "$state/log" "$sockets"
  chmod 700 "$sockets"
  choose_net
  choose_ports
  choose_snapshotter
  net=$(cat "$state/net")
  # shellcheck disable=SC1091 # written by choose_ports
  . "$state/ports"
  [ -s "$kubeconfig" ] || "$lab_bin/lab" pki "$state/pki" "https://127.0.0.1:$api_port" \
    127.0.0.1 "$net.1" 10.96.0.1 localhost kubernetes kubernetes.default kubernetes.default.svc
  write_settings
  make_cgroup
  make_bridge
  keep_kernel_settings
  start_all
  start_guard
  say "ready; export KUBECONFIG=$kubeconfig"
}

start_all() {
  start_process containerd containerd --config "$state/containerd.toml"
  start_etcd
  start_api_server
  make_base_images
  wait_for 30 "socket of containerd" containerd run_ctr version
  load_archive "${lab_bin%/bin}/images/pause.tar"
  load_archive "${lab_bin%/bin}/images/busybox.tar"
  wait_for 90 "ready API server" kube-apiserver admin get --raw /readyz
  start_controllers
  start_process kubelet lab kubelet --config "$state/kubelet.yaml" --kubeconfig "$kubeconfig" \
    --root-dir "$state/kubelet" --cert-dir "$state/pki/kubelet" --hostname-override "$node" --node-ip "$net.1"
  wait_for 90 "ready node" kubelet is_node_ready
  wait_for 30 "default service account" kube-controller-manager admin -n default get serviceaccount default
}

# Nothing of it survives the machine, so nothing has to reach the disk.
start_etcd() {
  peer=http://127.0.0.1:$etcd_peer_port
  client=http://127.0.0.1:$etcd_port
  start_process etcd lab etcd --name lab --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "lab=$peer"
}

start_api_server() {
  start_process kube-apiserver lab kube-apiserver --etcd-servers "http://127.0.0.1:$etcd_port" \
    --secure-port "$api_port" --advertise-address "$net.1" --cert-dir "$state/pki" \
    --tls-cert-file "$state/pki/apiserver.crt" --tls-private-key-file "$state/pki/apiserver.key" \
    --client-ca-file "$state/pki/ca.crt" --authorization-mode Node,RBAC --allow-privileged=true \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$state/pki/sa.pub" --service-account-signing-key-file "$state/pki/sa.key" \
    --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate "$state/pki/admin.crt" --kubelet-client-key "$state/pki/admin.key" \
    --service-cluster-ip-range 10.96.0.0/24 --enable-priority-and-fairness=false --profiling=false \
    --feature-gates ImageVolume=true
}

start_controllers() {
  start_process kube-controller-manager lab kube-controller-manager --kubeconfig "$kubeconfig" \
    --leader-elect=false --secure-port 0 --root-ca-file "$state/pki/ca.crt" \
    --service-account-private-key-file "$state/pki/sa.key" --kube-api-qps 200 --kube-api-burst 400 \
    --profiling=false
  start_process kube-scheduler lab kube-scheduler --kubeconfig "$kubeconfig" --leader-elect=false \
    --secure-port 0 --profiling=false
}

# Takes the cluster down when the process that wanted it has ended, however that ended, unless that
# process did so itself.
start_guard() {
  [ -n "${OZ_CLUSTER_OWNER:-}" ] || return 0
  OZ_CLUSTER_DIR=$state start_process guard sh -c \
    'tail --pid="$1" -f /dev/null; [ ! -d "$3" ] || { "$2" down && rm -rf --one-file-system "$3"; }' guard \
    "$OZ_CLUSTER_OWNER" "$here/cluster" "$state"
}

admin() {
  lab kubectl --kubeconfig "$kubeconfig" "$@"
}

is_node_ready() {
  [ "$(admin get node "$node" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}{.spec.taints}')" = True ]
}

cluster_down() {
  mkdir -p "$state/pids" "$state/log"
  if is_running guard && [ "$running_pid" -ne "$PPID" ]; then stop_process guard 0; fi
  stop_process kubelet 10
  stop_process kube-scheduler 5
  stop_process kube-controller-manager 5
  [ ! -d "$state/containerd" ] || remove_pods
  stop_process containerd 10
  stop_process kube-apiserver 10
  stop_process etcd 10
  end_shims
  unmount_all
  ip link del "$bridge" 2>/dev/null || true
  restore_kernel_settings
  # Symlinks that the kubelet makes outside of its folder.
  [ ! -d /var/log/containers ] || find /var/log/containers -lname "$state/pod-logs/*" -delete
  remove_cgroup
  rm -rf "$state/log.last"
  mv "$state/log" "$state/log.last"
  for left in pids ports net snapshotter sysctl pki etcd containerd kubelet kubelet-plugins cni cni-ipam \
    registries opt pod-logs containerd.toml kubelet.yaml resolv.conf; do
    rm -rf --one-file-system "${state:?}/$left"
  done
  rm -rf --one-file-system "$sockets"
}

# By the runtime, started again if it has died: nobody else can take its pods away cleanly.
remove_pods() {
  mkdir -p "$sockets"
  start_process containerd containerd --config "$state/containerd.toml"
  tries=25
  until lab remove-pods "unix://$sockets/containerd.sock" 2>>"$state/log/remove-pods.log"; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then
      say "some pods would not go: $(tail -n 1 "$state/log/remove-pods.log")"
      return 0
    fi
    sleep 0.4
  done
}

# On a busy machine the runtime sometimes gives a shim up without having ended it. Its address is ours alone.
end_shims() {
  for shim in $(pgrep -f -- "containerd-shim.* -address $sockets/containerd.sock" || true); do
    kill -s KILL "$shim" 2>/dev/null || true
  done
}
