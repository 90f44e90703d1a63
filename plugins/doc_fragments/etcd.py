# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by which modules reach etcd."""

from __future__ import annotations


class ModuleDocFragment:
    """Endpoints and the certificates to speak to them."""

    DOCUMENTATION = r"""
options:
  endpoints:
    description: Client URLs of etcd. The first that answers tells the other members.
    type: list
    elements: str
    default: ['https://127.0.0.1:2379']
  ca_file:
    description: CA that etcd's server certificates are verified with, a PEM file on the node.
    type: path
    default: /etc/kubernetes/pki/etcd/ca.crt
  cert_file:
    description: Client certificate, a PEM file on the node.
    type: path
    default: /etc/kubernetes/pki/apiserver-etcd-client.crt
  key_file:
    description: Key of the client certificate, a PEM file on the node.
    type: path
    default: /etc/kubernetes/pki/apiserver-etcd-client.key
"""
