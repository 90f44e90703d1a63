#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of bundle_install on the node; the action plugin of the same name selects and brings the files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_install
short_description: Install Kubernetes from a bundle directory
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Selects the files of a bundle (see the guide C(docs/bundle.md)) that a node needs, by architecture, Kubernetes
    version and role, brings those that are missing, verifies size and SHA-256, installs binaries and CNI plugins
    atomically and imports images into the container runtime.
  - What is installed is known by its SHA-256. A file that was not touched since it was last hashed (same inode,
    size, modification and change time) is not read again.
  - Never changes the version of C(kubeadm), C(kubelet) or C(kubectl) on a member of a cluster, unless
    O(allow_version_change) is true.
options:
  bundle:
    description: Bundle directory on the controller. Only its manifest is read there when O(bundle_on_node) is given.
    type: path
    required: true
  bundle_on_node:
    description: Directory where the node sees the same bundle. Nothing is copied then. Empty means none.
    type: str
    default: ''
  kubernetes_version:
    description: Exact version, with or without the leading C(v).
    type: str
    required: true
  control_plane:
    description: Whether the node needs the images of the control plane.
    type: bool
    default: false
  test_images:
    description: Whether the images that verification uses are imported too.
    type: bool
    default: true
  kinds:
    description: Kinds of files to install.
    type: list
    elements: str
    choices: [binary, tool, cni_plugins, image, runtime]
    default: [binary, tool, cni_plugins, image]
  tools:
    description: Tools to install, by name.
    type: list
    elements: str
    default: [crictl]
  runtimes:
    description: Files of kind V(runtime) to install - name to version, empty for the newest that the bundle has.
    type: dict
    default: {}
  runtime:
    description: Container runtime that images are imported into.
    type: str
    choices: [containerd, crio, docker]
    default: containerd
  socket:
    description: Its CRI socket.
    type: path
    default: /run/containerd/containerd.sock
  bin_dir:
    description: Directory for binaries and tools.
    type: path
    default: /usr/bin
  cni_bin_dir:
    description: Directory for CNI plugins.
    type: path
    default: /opt/cni/bin
  allow_version_change:
    description: Whether Kubernetes binaries of a cluster member may change their version. For upgrades.
    type: bool
    default: false
  files:
    description: The selected manifest entries. Set by the action plugin.
    type: list
    elements: dict
    default: []
  sources:
    description: Paths on the node by path in the bundle. Set by the action plugin; empty means only observe.
    type: dict
    default: {}
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
"""

EXAMPLES = r"""
- name: Install Kubernetes from the bundle
  kubeops.cluster.bundle_install:
    bundle: /var/lib/kubeops/bundle
    kubernetes_version: 1.36.3
    control_plane: "{{ inventory_hostname in groups['control_plane'] }}"
"""

RETURN = r"""
plan:
  description: The steps, each with its reason.
  returned: success
  type: list
  elements: dict
  sample:
    - action: import
      target: registry.k8s.io/pause:3.10.2
      reason: missing
needed:
  description: Paths of the bundle that the plan reads.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._bundle.act import Installer
from ..module_utils._bundle.manifest import BundleFile, bundle_file
from ..module_utils._bundle.plan import Layout, needed_paths, plan_install
from ..module_utils._bundle.probe import Probe, node_arch
from ..module_utils._bundle.select import for_arch
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._core.plan import Plan
from ..module_utils._core.runner import Runner

KINDS = ["binary", "tool", "cni_plugins", "image", "runtime"]


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe and plan; act and verify once the sources are known; the result in the shape of RETURN."""
    params, runner = module.params, Runner(module)
    files = for_arch([bundle_file(entry) for entry in params["files"]], node_arch())
    layout = Layout(params["bin_dir"], params["cni_bin_dir"])
    probe = Probe.start(runner, layout, params["socket"])
    installer = Installer(runner, probe, params["sources"], params["runtime"], params["socket"])

    plan = _plan(probe, files, params["allow_version_change"])
    if plan.refusals:
        raise plan.refusals[0].as_error()
    if not module.check_mode and plan.changed and params["sources"]:
        installer.apply(plan.steps)
        _require_nothing_left(_plan(probe, files, True))
    if not module.check_mode:
        installer.save_index()
    return {**plan.as_result(), "needed": needed_paths(plan)}


def _plan(probe: Probe, files: tuple[BundleFile, ...], allow_version_change: bool) -> Plan:
    return plan_install(files, probe.observe(files), probe.layout, allow_version_change)


def _require_nothing_left(plan: Plan) -> None:
    if plan.changed:
        left = "; ".join(f"{step.target}: {step.reason}" for step in plan.steps)
        raise KubeopsError(what="the node does not have what was just installed", seen=left)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "bundle": {"type": "path", "required": True},
            "bundle_on_node": {"type": "str", "default": ""},
            "kubernetes_version": {"type": "str", "required": True},
            "control_plane": {"type": "bool", "default": False},
            "test_images": {"type": "bool", "default": True},
            "kinds": {"type": "list", "elements": "str", "choices": KINDS, "default": KINDS[:4]},
            "tools": {"type": "list", "elements": "str", "default": ["crictl"]},
            "runtimes": {"type": "dict", "default": {}},
            "runtime": {"type": "str", "choices": ["containerd", "crio", "docker"], "default": "containerd"},
            "socket": {"type": "path", "default": "/run/containerd/containerd.sock"},
            "bin_dir": {"type": "path", "default": "/usr/bin"},
            "cni_bin_dir": {"type": "path", "default": "/opt/cni/bin"},
            "allow_version_change": {"type": "bool", "default": False},
            "files": {"type": "list", "elements": "dict", "default": []},
            "sources": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
