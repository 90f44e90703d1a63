#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of bundle_build."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_build
short_description: Make a bundle directory from the upstreams
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Downloads Kubernetes binaries, crictl, the CNI plugins, manifests of pod networks and, where asked for, containerd,
    runc and etcd. Each is compared with its published or given SHA-256. Pulls the images that each version's kubeadm
    lists and that the manifests name, and writes the bundle's manifest.
  - Files that are already there and whole are not fetched again; a killed run is continued by the next one.
  - Images are pulled with C(skopeo), which must be installed when O(images) is true.
options:
  directory:
    description: The bundle, made if missing.
    type: path
    required: true
  kubernetes_versions:
    description: Exact versions, with or without the leading C(v).
    type: list
    elements: str
    required: true
  archs:
    description: Architectures in Kubernetes' words. For images, the building machine's own must be among them.
    type: list
    elements: str
    default: [amd64]
  crictl_version:
    description: Release of cri-tools.
    type: str
    required: true
  cni_version:
    description: Release of the CNI plugins.
    type: str
    required: true
  kubernetes_url:
    description: Base URL of Kubernetes' binaries.
    type: str
    default: https://dl.k8s.io/release
  crictl_url:
    description: Base URL of cri-tools' releases.
    type: str
    default: https://github.com/kubernetes-sigs/cri-tools/releases/download
  cni_url:
    description: Base URL of the CNI plugins' releases.
    type: str
    default: https://github.com/containernetworking/plugins/releases/download
  containerd_version:
    description: Release of containerd, with its C(v), for nodes whose distribution has none that will do.
    type: str
    default: ''
  runc_version:
    description: Release of runc, with its C(v). Needed beside O(containerd_version).
    type: str
    default: ''
  containerd_url:
    description: Base URL of containerd's releases.
    type: str
    default: https://github.com/containerd/containerd/releases/download
  runc_url:
    description: Base URL of runc's releases.
    type: str
    default: https://github.com/opencontainers/runc/releases/download
  etcd_version:
    description: Release of etcd, with its C(v), for an etcd on hosts of its own, and for its restore. Empty means none.
    type: str
    default: ''
  etcd_url:
    description: Base URL of etcd's releases.
    type: str
    default: https://github.com/etcd-io/etcd/releases/download
  manifests:
    description: Manifests of pod networks. The images that they name are pulled too, for every node.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What C(kubeops_cni) calls it.
        type: str
        required: true
      version:
        description: Its release.
        type: str
        required: true
      url:
        description: Where it is published.
        type: str
        required: true
      sha256:
        description: What it has to be.
        type: str
        required: true
  images:
    description: Whether images are pulled.
    type: bool
    default: true
  test_images:
    description: Images for verification, with role C(test).
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
attributes:
  check_mode:
    support: partial
    details: Tells which downloads are due. Which images are is only known to the downloaded kubeadm.
"""

EXAMPLES = r"""
- name: Make a bundle for two minors
  kubeops.cluster.bundle_build:
    directory: /srv/bundle
    kubernetes_versions: [1.35.6, 1.36.3]
    crictl_version: v1.36.0
    cni_version: v1.9.0
"""

RETURN = r"""
plan:
  description: The downloads and pulls, in order.
  returned: success
  type: list
  elements: dict
manifest:
  description: Path of the manifest.
  returned: success
  type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._bundle.build import Builder, wanted_images
from ..module_utils._bundle.manifest import NAME, BundleFile
from ..module_utils._bundle.probe import node_arch
from ..module_utils._bundle.upstream import Download, Releases, Upstreams, downloads, image_path, manifest
from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner

UPSTREAMS = ("kubernetes", "crictl", "cni", "containerd", "runc", "etcd")


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, fetch; the manifest is written last, so that it never promises what is not there."""
    params = module.params
    versions = ["v" + version.removeprefix("v") for version in params["kubernetes_versions"]]
    upstreams = Upstreams(*(params[f"{name}_url"].rstrip("/") for name in UPSTREAMS))
    releases = Releases(versions, *(params[f"{name}_version"] for name in UPSTREAMS[1:]))
    manifests = [manifest(each["name"], each["version"], each["url"], each["sha256"]) for each in params["manifests"]]
    builder = Builder(Runner(module), Path(params["directory"]), params["archs"], versions)
    files = builder.manifest()
    plan = builder.plan([*downloads(upstreams, releases, params["archs"]), *manifests], files)
    result = {**plan.as_result(), "manifest": str(builder.directory / NAME)}
    if not module.check_mode:
        for step in plan.steps:
            files[step.target] = builder.download(step.data["download"])
            builder.write_manifest(files)
        pulled = _pull(builder, files, manifests, params["test_images"]) if params["images"] else []
        result["plan"] += pulled
        result["changed"] = bool(result["plan"])
    return result


def _pull(
    builder: Builder, files: dict[str, BundleFile], manifests: list[Download], test_images: list[str]
) -> list[dict[str, str]]:
    pulled = []
    for reference, (role, versions) in wanted_images(builder, manifests, node_arch(), test_images).items():
        for arch in builder.archs:
            path = image_path(reference, arch)
            known = files.get(path)
            if known and set(versions) <= set(known.kubernetes):
                continue
            files[path] = builder.pull(reference, arch, role, sorted({*versions, *(known.kubernetes if known else ())}))
            builder.write_manifest(files)
            pulled.append({"action": "pull", "target": path, "reason": reference})
    return pulled


def main() -> None:
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "kubernetes_versions": {"type": "list", "elements": "str", "required": True},
            "archs": {"type": "list", "elements": "str", "default": ["amd64"]},
            "crictl_version": text,
            "cni_version": text,
            "kubernetes_url": {"type": "str", "default": "https://dl.k8s.io/release"},
            "crictl_url": {
                "type": "str",
                "default": "https://github.com/kubernetes-sigs/cri-tools/releases/download",
            },
            "cni_url": {
                "type": "str",
                "default": "https://github.com/containernetworking/plugins/releases/download",
            },
            "containerd_version": {"type": "str", "default": ""},
            "runc_version": {"type": "str", "default": ""},
            "containerd_url": {
                "type": "str",
                "default": "https://github.com/containerd/containerd/releases/download",
            },
            "runc_url": {"type": "str", "default": "https://github.com/opencontainers/runc/releases/download"},
            "etcd_version": {"type": "str", "default": ""},
            "etcd_url": {"type": "str", "default": "https://github.com/etcd-io/etcd/releases/download"},
            "manifests": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": dict.fromkeys(("name", "version", "url", "sha256"), text),
            },
            "images": {"type": "bool", "default": True},
            "test_images": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
