# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the Kubernetes version and the bundle it comes from (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .._version.releases import AS_OF, NEWEST, OLDEST, release, supported
from .._version.version import KubeVersion, Minor
from .finding import ERROR, WARNING, Finding, shown
from .model import Inventory, Surroundings


def wanted(inventory: Inventory) -> KubeVersion | None:
    """The version the inventory asks for; None where it is missing or malformed."""
    try:
        return KubeVersion.parse(inventory.value("kubeops_version"))
    except ValueError:
        return None


def version_form(inventory: Inventory, around: Surroundings) -> Iterator[Finding]:
    """Exactly one release: what a cluster becomes must not depend on the day."""
    given = inventory.value("kubeops_version")
    if not inventory.hosts or wanted(inventory) is not None:
        return
    if given == "":
        yield _version("version.missing", "", "is required", f"write kubeops_version: {_newest(around)}")
    else:
        hint = f"write all three numbers, in quotes: kubeops_version: '{_example(given)}'"
        yield _version("version.malformed", shown(given), "is no exact version", hint)


def _example(given: Any) -> str:
    match = re.match(r"v?(\d+\.\d+)", str(given))
    return f"{match[1]}.0" if match else f"{NEWEST}.0"


def _newest(around: Surroundings) -> str:
    lines = supported(around.today) or (NEWEST,)
    return f"{lines[-1]}.0"


def version_supported(inventory: Inventory, around: Surroundings) -> Iterator[Finding]:
    """https://kubernetes.io/releases/patch-releases/"""
    version = wanted(inventory)
    if version is None:
        return
    listed = ", ".join(map(str, supported(around.today))) or f"newer than {NEWEST}"
    known = release(version.line)
    if version.line < OLDEST:
        message = f"is older than {OLDEST}, the oldest minor this collection knows how to install"
        yield _version("version.too_old", str(version), message, f"use a supported minor: {listed}")
    elif known is None:
        message = f"is newer than {NEWEST}, the newest minor known on {AS_OF}; its rules are taken to hold"
        yield _version("version.unknown", str(version), message, "look for a newer release of the collection", WARNING)
    elif around.today > known.end_of_life:
        message = f"gets no more fixes: {version.line} was supported until {known.end_of_life}"
        yield _version("version.end_of_life", str(version), message, f"use {listed}", around.end_of_life)


def _version(rule: str, value: str, message: str, fix: str, level: str = ERROR) -> Finding:
    return Finding(rule, level, message, fix, variable="kubeops_version", value=value)


def bundle(inventory: Inventory, around: Surroundings) -> Iterator[Finding]:
    """A bundle has to be there, and to hold the version."""
    if inventory.value("kubeops_package_source") != "bundle":
        return
    path = str(inventory.value("kubeops_bundle"))
    if not isinstance(around.bundle, Mapping):
        yield Finding(
            "bundle.unreadable",
            ERROR,
            str(around.bundle or "there is no bundle"),
            "make one with playbooks/build_bundle.yml, or set kubeops_package_source to repository",
            variable="kubeops_bundle",
            value=path,
        )
        return
    version, has = wanted(inventory), bundle_versions(around.bundle)
    if version is not None and str(version) not in has:
        listed = ", ".join(has) or "none at all"
        message = f"is not in the bundle {path}, which has {listed}"
        yield _version("bundle.version", str(version), message, "use one of those, or add it with build_bundle.yml")


def bundle_versions(manifest: Mapping[str, Any]) -> list[str]:
    """Kubernetes versions whose kubelet is in the bundle, oldest first, without a leading v."""
    found = {KubeVersion.parse(entry["version"]) for entry in _kubelets(manifest)}
    return [str(version) for version in sorted(found)]


def bundle_architectures(manifest: Mapping[str, Any], version: KubeVersion) -> list[str]:
    """Architectures the bundle has that version for."""
    entries = (entry for entry in _kubelets(manifest) if KubeVersion.parse(entry["version"]) == version)
    return sorted({str(entry.get("arch", "")) for entry in entries})


def _kubelets(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    files = manifest.get("files", ())
    return [entry for entry in files if entry.get("kind") == "binary" and entry.get("name") == "kubelet"]


def line(inventory: Inventory) -> Minor:
    """The minor wanted; the newest known where the version is malformed, which is a finding of its own."""
    version = wanted(inventory)
    return version.line if version else NEWEST


RULES = (version_form, version_supported, bundle)
