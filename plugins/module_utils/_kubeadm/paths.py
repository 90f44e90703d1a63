# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where kubeadm and this collection keep what belongs to a node."""

from __future__ import annotations

KUBERNETES = "/etc/kubernetes"
MANIFESTS = f"{KUBERNETES}/manifests"
PKI = f"{KUBERNETES}/pki"
CA_CERT = f"{PKI}/ca.crt"
API_SERVER_CERT = f"{PKI}/apiserver.crt"
ADMIN_CONF = f"{KUBERNETES}/admin.conf"
KUBELET_CONF = f"{KUBERNETES}/kubelet.conf"
BOOTSTRAP_CONF = f"{KUBERNETES}/bootstrap-kubelet.conf"
ETCD_CA = f"{PKI}/etcd/ca.crt"
ETCD_CLIENT_CERT = f"{PKI}/apiserver-etcd-client.crt"
ETCD_CLIENT_KEY = f"{PKI}/apiserver-etcd-client.key"
ETCD_DATA = "/var/lib/etcd"

KUBELET = "/var/lib/kubelet"
KUBELET_CONFIG = f"{KUBELET}/config.yaml"
KUBELET_FLAGS = f"{KUBELET}/kubeadm-flags.env"
KUBELET_CLIENT = f"{KUBELET}/pki/kubelet-client-current.pem"

# Ours. kubeadm reset leaves this directory alone.
KUBEOPS = f"{KUBERNETES}/kubeops"
UNFINISHED = f"{KUBEOPS}/unfinished.json"
RUN = "/run/kubeops"
LOCK = f"{RUN}/kubeadm.lock"
# What the API server reads of ours; mounted into its pod.
API_SERVER_FILES = f"{KUBEOPS}/api-server"
ENCRYPTION = f"{API_SERVER_FILES}/encryption.json"
AUDIT_LOG = "/var/log/kubernetes/audit"
