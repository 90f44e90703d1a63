# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the modules around kubeadm share."""

from __future__ import annotations


class ModuleDocFragment:
    """What kubeadm's configuration is made of."""

    CLUSTER = r"""
options:
  cluster:
    description:
      - What holds for the whole cluster. It becomes C(ClusterConfiguration), C(KubeletConfiguration) and
        C(KubeProxyConfiguration).
      - See U(https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/).
    type: dict
    required: true
    suboptions:
      version:
        description: Kubernetes version, C(1.36.3) or C(v1.36.3).
        type: str
        required: true
      name:
        description: Name of the cluster in kubeconfigs.
        type: str
        default: kubernetes
      endpoint:
        description: C(host:port) by which clients and nodes reach the API. Empty only with a single control plane.
        type: str
        default: ''
      pod_subnet:
        description: Pod addresses, CIDR, two with a comma for dual stack. Empty leaves kubeadm's default.
        type: str
        default: ''
      service_subnet:
        description: Service addresses, CIDR, two with a comma for dual stack. Empty leaves kubeadm's default.
        type: str
        default: ''
      dns_domain:
        description: DNS domain of services. Empty leaves kubeadm's default.
        type: str
        default: ''
      image_repository:
        description: Registry of the control plane's images. Empty leaves kubeadm's default.
        type: str
        default: ''
      extra_sans:
        description: Further names and addresses in the API server's certificate.
        type: list
        elements: str
        default: []
      api_server:
        description: Settings of kube-apiserver.
        type: dict
        suboptions: &component
          extra_args:
            description: Flags by name without dashes. A list gives a flag several times.
            type: dict
            default: {}
          extra_volumes:
            description: kubeadm C(HostPathMount) objects.
            type: list
            elements: dict
            default: []
      controller_manager:
        description: Settings of kube-controller-manager.
        type: dict
        suboptions: *component
      scheduler:
        description: Settings of kube-scheduler.
        type: dict
        suboptions: *component
      etcd:
        description: Settings of the stacked etcd.
        type: dict
        suboptions:
          extra_args:
            description: Flags by name without dashes. A list gives a flag several times.
            type: dict
            default: {}
      feature_gates:
        description: Kubernetes feature gates, name to bool, set on every component.
        type: dict
        default: {}
      kubelet:
        description: Overlay of C(KubeletConfiguration).
        type: dict
        default: {}
      kube_proxy:
        description: Overlay of C(KubeProxyConfiguration).
        type: dict
        default: {}
      audit_policy_file:
        description: Audit policy on the node. Empty means no audit log.
        type: path
        default: ''
      admission_file:
        description: C(AdmissionConfiguration) on the node. Empty means the API server's own defaults.
        type: path
        default: ''
      encryption_file:
        description:
          - C(EncryptionConfiguration) on the node. Empty means no encryption at rest.
          - kubeadm_init makes it with a random key on the first control plane; those that join get a copy.
            A cluster made without it is not given one later, the file has to be put on every control plane by hand.
        type: path
        default: ''
      external_etcd:
        description:
          - C(endpoints), and the paths C(ca_file), C(cert_file), C(key_file) on the node.
          - Empty means stacked etcd.
        type: dict
        default: {}
      addons:
        description: Addons kubeadm installs.
        type: list
        elements: str
        choices: [coredns, kube-proxy]
        default: [coredns, kube-proxy]
      extra:
        description: Free overlay, document kind to fields, merged into the documents last.
        type: dict
        default: {}
"""

    NODE = r"""
options:
  node:
    description: What holds for this node alone.
    type: dict
    required: true
    suboptions:
      name:
        description: Name of the Node object.
        type: str
        required: true
      ip:
        description: Address in the cluster network, two with a comma for dual stack.
        type: str
        required: true
      api_port:
        description: Port of the API server on this node.
        type: int
        default: 6443
      cri_socket:
        description: Socket of the container runtime with its C(unix://) scheme. Empty lets kubeadm find it.
        type: str
        default: ''
      kubelet_extra_args:
        description: Flags of this node's kubelet, by name without dashes.
        type: dict
        default: {}
      ignore_preflight:
        description: Names of kubeadm's preflight errors to treat as warnings.
        type: list
        elements: str
        default: []
      patches:
        description: Directory on the node with kubeadm patches. Empty means none.
        type: path
        default: ''
      taints:
        description:
          - Taints the node registers with, each with C(key), C(value) and C(effect).
          - Left out means kubeadm's default.
        type: list
        elements: dict
"""

    PARTIAL = r"""
options:
  on_partial:
    description:
      - What to do with a node on which an earlier attempt stopped in the middle.
      - V(fail) refuses and names the evidence. V(resume) continues and keeps what is there.
        V(reset) empties this node first, moving etcd data aside; it touches no iptables rules and no CNI files.
      - Where nothing can be lost (the cluster never knew the node, etcd never started) the module resumes by itself.
    type: str
    choices: [fail, resume, reset]
    default: fail
"""

    LOCK = r"""
options:
  lock_timeout:
    description: Seconds to wait for another run that still works on this node.
    type: int
    default: 300
"""
