#!/bin/sh
# Sourced by scripts/services/cluster: the files that its programs read.
# shellcheck disable=SC2154 # what is not set here is set by the file that sources this one

write_settings() {
  write_containerd_settings
  write_network_settings
  write_kubelet_settings
}

write_containerd_settings() {
  cat >"$state/containerd.toml" <<END
version = 3
root = "$state/containerd"
state = "$sockets/containerd"
imports = []
[grpc]
  address = "$sockets/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$state/opt"
[plugins."io.containerd.image-verifier.v1.bindir"]
  bin_dir = "$state/opt/image-verifier"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "$(cat "$state/snapshotter")"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "$pause_image"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "$state/registries"
[plugins."io.containerd.cri.v1.runtime"]
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "$state/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = "runc"
        Root = "$sockets/runc"
        SystemdCgroup = false
END
}

# Pods have addresses of a bridge of their own, whose first one is the host's. Every pull of an image
# goes to a port on which nobody listens, so that it fails at once and nothing leaves this machine.
write_network_settings() {
  mkdir -p "$state/cni" "$state/registries/_default"
  cat >"$state/cni/10-lab.conflist" <<END
{"cniVersion": "0.4.0", "name": "lab", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$state/cni-ipam", "ranges": [[{"subnet": "$net.0/24"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
  cat >"$state/registries/_default/hosts.toml" <<'END'
server = "http://127.0.0.1:9"
[host."http://127.0.0.1:9"]
capabilities = ["pull", "resolve"]
END
  : >"$state/resolv.conf"
}

write_kubelet_settings() {
  cat >"$state/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $net.1
port: $kubelet_port
healthzPort: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: $state/pki/ca.crt}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix://$sockets/containerd.sock
cgroupDriver: cgroupfs
cgroupsPerQOS: true
cgroupRoot: /$cgroup
enforceNodeAllocatable: []
failCgroupV1: false
makeIPTablesUtilChains: false
failSwapOn: false
resolvConf: $state/resolv.conf
clusterDNS: ["$net.1"]
clusterDomain: cluster.local
volumeStatsAggPeriod: 5s
podLogsDir: $state/pod-logs
volumePluginDir: $state/kubelet-plugins
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
serializeImagePulls: false
registryPullQPS: 0
eventRecordQPS: 0
kubeAPIQPS: 200
kubeAPIBurst: 400
shutdownGracePeriod: 0s
featureGates: {ImageVolume: true}
END
}
