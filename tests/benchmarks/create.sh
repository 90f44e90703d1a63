#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The measure of create_cluster.yml: the same kubeadm steps as a plain ssh script,
# with the same bundle, which the nodes see at $BUNDLE_ON_NODE. No checks, no plan,
# no second run.
#
#   NODES="cp1=10.0.0.1 cp2=... cp3=... w1=... w2=..."  cp* are control planes
#   VIP_ENDPOINT=host:port  KUBERNETES_VERSION=1.36.3  SSH_KEY=path
#   CGROUP_DRIVER  FAIL_CGROUP_V1  IGNORE_PREFLIGHT  RESTRICT_OOM (what these nodes need)
#   KUBE_PROXY  a KubeProxyConfiguration document in JSON
set -euo pipefail

: "${CGROUP_DRIVER:=systemd}" "${FAIL_CGROUP_V1:=true}"
: "${IGNORE_PREFLIGHT:=none}" "${RESTRICT_OOM:=false}" "${KUBE_PROXY:?}"
vip=${VIP_ENDPOINT%:*} vip_port=${VIP_ENDPOINT##*:}
# shellcheck source=tests/benchmarks/nodes.sh
source "$(dirname "$0")/nodes.sh"

backends() {
  for node in $NODES; do
    [[ $node == cp* ]] && echo "  server ${node%=*} ${node#*=}:6443"
  done
  return 0
}

prepare() { # prepare NAME ADDRESS
  on "$2" <<NODE
name=$1 address=$2
cat >/etc/sysctl.d/99-kubernetes.conf <<'F'
net.ipv4.ip_forward = 1
net.bridge.bridge-nf-call-iptables = 1
F
sysctl -q -p /etc/sysctl.d/99-kubernetes.conf || true
swapoff -a || true
pause=\$(python3 - <<'F'
import json
files = json.load(open("$BUNDLE_ON_NODE/manifest.json"))["files"]
print(max(f["name"] for f in files if f["kind"] == "image" and "/pause:" in f["name"] and "v$KUBERNETES_VERSION" in f["kubernetes"]))
F
)
mkdir -p /etc/containerd /opt/cni/bin /etc/cni/net.d
cat >/etc/containerd/config.toml <<F
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "\$pause"
  restrict_oom_score_adj = $RESTRICT_OOM
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = $([[ $CGROUP_DRIVER == systemd ]] && echo true || echo false)
F
systemctl restart containerd
install -m 0755 $BUNDLE_ON_NODE/kubernetes/v$KUBERNETES_VERSION/amd64/* $BUNDLE_ON_NODE/tools/crictl/*/amd64/crictl /usr/bin/
tar -xzf $BUNDLE_ON_NODE/cni/*/amd64/*.tgz -C /opt/cni/bin
mkdir -p /etc/systemd/system/kubelet.service.d
cat >/etc/systemd/system/kubelet.service <<'F'
[Service]
ExecStart=/usr/bin/kubelet
Restart=always
RestartSec=10
[Install]
WantedBy=multi-user.target
F
cat >/etc/systemd/system/kubelet.service.d/10-kubeadm.conf <<'F'
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=
ExecStart=/usr/bin/kubelet \$KUBELET_KUBECONFIG_ARGS \$KUBELET_CONFIG_ARGS \$KUBELET_KUBEADM_ARGS
F
systemctl daemon-reload
systemctl -q enable kubelet
NODE
}

balance() { # balance NAME ADDRESS
  on "$2" <<NODE
cat >/etc/haproxy/haproxy.cfg <<'F'
global
  maxconn 2000
  log /dev/log local0
defaults
  mode tcp
  timeout connect 5s
  timeout client 10m
  timeout server 10m
frontend api
  bind *:$vip_port
  default_backend api
backend api
  option httpchk GET /readyz
  default-server check check-ssl verify none inter 500ms fall 2 rise 1
$(backends)
F
device=\$(ip -o addr show to $2 | awk '{print \$2; exit}')
cat >/etc/keepalived/keepalived.conf <<F
vrrp_instance api {
  state BACKUP
  interface \$device
  virtual_router_id 51
  priority $((100 - ${1#cp}))
  advert_int 1
  unicast_peer {
$(for node in $NODES; do [[ $node == cp* && ${node#*=} != "$2" ]] && echo "    ${node#*=}"; done; true)
  }
  virtual_ipaddress {
    $vip/24
  }
}
F
systemctl restart haproxy keepalived
NODE
}

component_documents() {
  cat <<F
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: $CGROUP_DRIVER
failCgroupV1: $FAIL_CGROUP_V1
---
$KUBE_PROXY
F
}

init() { # init NAME ADDRESS
  on "$2" <<NODE
cat >/run/init.yaml <<'F'
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: $2}
nodeRegistration:
  name: $1
  ignorePreflightErrors: [$IGNORE_PREFLIGHT]
  kubeletExtraArgs: [{name: node-ip, value: $2}]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v$KUBERNETES_VERSION
controlPlaneEndpoint: $VIP_ENDPOINT
networking: {podSubnet: 10.244.0.0/16}
$(component_documents)
F
kubeadm init --config /run/init.yaml --upload-certs >/run/init.log
NODE
}

join_document() { # join_document NAME ADDRESS TOKEN CERTIFICATE_KEY
  cat <<F
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  bootstrapToken: {apiServerEndpoint: $VIP_ENDPOINT, token: $3, unsafeSkipCAVerification: true}
nodeRegistration:
  name: $1
  ignorePreflightErrors: [$IGNORE_PREFLIGHT]
  kubeletExtraArgs: [{name: node-ip, value: $2}]
F
  [[ -z $4 ]] || printf 'controlPlane:\n  localAPIEndpoint: {advertiseAddress: %s}\n  certificateKey: %s\n' "$2" "$4"
}

join() { # join NAME ADDRESS TOKEN CERTIFICATE_KEY
  on "$2" <<NODE
cat >/run/join.yaml <<'F'
$(join_document "$@")
F
kubeadm join --config /run/join.yaml >/run/join.log
NODE
}

connect_pods() { # connect_pods NAME ADDRESS SUBNETS, a line "name address subnet" a node
  on "$2" <<NODE
while read -r name address subnet; do
  if [[ \$name == "$1" ]]; then
    cat >/etc/cni/net.d/10-bridge.conflist <<F
{"cniVersion": "0.4.0", "name": "bridge", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "subnet": "\$subnet"}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
F
  else
    ip route replace "\$subnet" via "\$address"
  fi
done <<'F'
$3
F
NODE
}

first=$(tr ' ' '\n' <<<"$NODES" | head -n 1)
stage prepare
each prepare '*'
stage images
each import_images '*' "$KUBERNETES_VERSION"
stage 'load balancer'
each balance 'cp*'
stage init
init "${first%=*}" "${first#*=}"
token=$(on "${first#*=}" <<<"kubeadm --kubeconfig /etc/kubernetes/admin.conf token create")
key=$(sed -n 's/.*--certificate-key \([0-9a-f]*\).*/\1/p' < <(on "${first#*=}" <<<'cat /run/init.log'))
stage 'control planes join'
for node in $NODES; do
  [[ $node == cp* && $node != "$first" ]] && join "${node%=*}" "${node#*=}" "$token" "$key"
done
stage 'workers join'
each join 'w*' "$token" ""
subnets=$(on "${first#*=}" <<'NODE'
export KUBECONFIG=/etc/kubernetes/admin.conf
until [[ $(kubectl get nodes -o jsonpath='{.items[*].spec.podCIDR}' | wc -w) -eq $(kubectl get nodes -o name | wc -l) ]]; do sleep 0.2; done
kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name}{" "}{.status.addresses[?(@.type=="InternalIP")].address}{" "}{.spec.podCIDR}{"\n"}{end}'
NODE
)
stage 'pod network and Ready'
each connect_pods '*' "$subnets"
on "${first#*=}" <<'NODE'
kubectl --kubeconfig /etc/kubernetes/admin.conf wait --for=condition=Ready nodes --all --timeout=120s >/dev/null
NODE
stage end
