# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by which modules find etcd's own programs."""

from __future__ import annotations


class ModuleDocFragment:
    """Where etcd, etcdctl and etcdutl are."""

    DOCUMENTATION = r"""
options:
  bin_dir:
    description:
      - Directory that has C(etcd), C(etcdctl) and C(etcdutl). Defaults to that of the etcd that runs on the host, not
        in a container, and then to the C(PATH).
    type: path
  image:
    description:
      - etcd image, known to the node's container runtime, to take the programs out of where O(bin_dir) is not given and
        the C(PATH) has none. Read with C(ctr), C(docker) or C(podman).
      - Defaults to the image of kubeadm's static pod on this node.
    type: str
    default: ''
"""
