# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about where the pod network's manifest comes from: the role cni reads it when the cluster is made (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .finding import ERROR, Finding
from .model import Inventory, Surroundings, networks_or_none

PUBLISHED = ("flannel", "calico")
MANIFEST_PLUGINS = (*PUBLISHED, "cilium", "manifest")
BUNDLE = "bundle:"


def named_manifest(inventory: Inventory, around: Surroundings) -> Iterator[Finding]:
    """cni_manifest can be read, and is known to be the right one."""
    source = _role_variable(inventory, "cni_manifest")
    if inventory.value("kubeops_cni") not in MANIFEST_PLUGINS or not source or source.startswith(BUNDLE):
        return
    if "://" in source:
        if not _role_variable(inventory, "cni_manifest_sha256"):
            fix = "set cni_manifest_sha256 to the SHA-256 of the file as published"
            yield _finding("network.manifest_checksum", "is a URL without a checksum", fix, "cni_manifest", source)
    elif not around.exists(source):
        fix = "correct the path, or put the file there"
        yield _finding("network.manifest_missing", "no such file on the controller", fix, "cni_manifest", source)


def some_manifest(inventory: Inventory, around: Surroundings) -> Iterator[Finding]:
    """There is one: published at a pinned version, in the bundle, or named."""
    plugin = str(inventory.value("kubeops_cni"))
    if plugin not in MANIFEST_PLUGINS or _role_variable(inventory, "cni_manifest"):
        return
    if inventory.value("kubeops_package_source") != "bundle":
        if plugin not in PUBLISHED:
            message = "has no manifest that its project publishes"
            yield _finding("network.manifest_needed", message, "name yours in cni_manifest", "kubeops_cni", plugin)
        return
    if not isinstance(around.bundle, Mapping):
        return
    has = [str(entry["name"]) for entry in around.bundle.get("files", ()) if entry.get("kind") == "manifest"]
    if plugin not in has:
        add = "bundle_cni: [{}]" if plugin in PUBLISHED else "bundle_manifests: [{{name: {}, version, url, sha256}}]"
        yield _finding(
            "bundle.network",
            f"the bundle {inventory.value('kubeops_bundle')} has no manifest of it; it has {', '.join(has) or 'none'}",
            f"add it with build_bundle.yml ({add.format(plugin)}), or name one with cni_manifest",
            "kubeops_cni",
            plugin,
        )


def calico_family(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """The published manifest is fitted to IPv4 pod subnets."""
    families = {network.version for network in networks_or_none(inventory.value("kubeops_pod_subnet"))}
    if inventory.value("kubeops_cni") == "calico" and 6 in families:
        fix = "set kubeops_cni to manifest and give a calico manifest prepared for IPv6 in cni_manifest"
        message = f"its manifest is for IPv4, kubeops_pod_subnet is {inventory.value('kubeops_pod_subnet')}"
        yield _finding("network.calico_family", message, fix, "kubeops_cni", "calico")


def _role_variable(inventory: Inventory, name: str) -> str:
    given = (inventory.variables.get(host, {}).get(name) for host in inventory.control_planes)
    return next((str(value) for value in given if value), "")


def _finding(rule: str, message: str, fix: str, variable: str, value: str) -> Finding:
    return Finding(rule, ERROR, message, fix, variable=variable, value=value)


RULES = (named_manifest, some_manifest, calico_family)
