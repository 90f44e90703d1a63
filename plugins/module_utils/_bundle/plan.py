# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a bundle is missing on a node. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .._core.plan import Plan, Refused, Step
from .manifest import BundleFile

INSTALL, EXTRACT, IMPORT = "install", "extract", "import"
# Changing these on a member of a cluster is an upgrade, with an order and rules of its own.
VERSIONED = ("kubeadm", "kubelet", "kubectl")


@dataclass(frozen=True)
class Observed:
    """`hashes`: sha256 of the installed file by path. `archives`: sha256 of the archive whose members are all in
    place, by archive name. `images`: image id by reference, None when the runtime does not answer.
    `versions`: of installed Kubernetes binaries whose hash is not the wanted one.
    """

    hashes: Mapping[str, str] = field(default_factory=dict)
    archives: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    in_cluster: bool = False


@dataclass(frozen=True)
class Layout:
    """Directories of the node."""

    bin_dir: str = "/usr/bin"
    cni_bin_dir: str = "/opt/cni/bin"
    runtime_dir: str = "/usr/local/bin"

    def target(self, file: BundleFile) -> str:
        """Where the file, or what it holds, goes."""
        if file.kind == "cni_plugins":
            return self.cni_bin_dir
        if file.kind == "runtime":
            return self.runtime_dir if is_archive(file) else f"{self.runtime_dir}/{file.name}"
        return f"{self.bin_dir}/{file.name}"


def is_archive(file: BundleFile) -> bool:
    return file.path.endswith((".tgz", ".tar.gz"))


def plan_install(files: Sequence[BundleFile], seen: Observed, layout: Layout, allow_version_change: bool) -> Plan:
    """Steps for what is missing; refused where a binary of a cluster member would change its version."""
    steps = tuple(step for file in files for step in _steps(file, seen, layout))
    refusals = () if allow_version_change or not seen.in_cluster else tuple(_refusals(files, seen))
    return Plan(
        steps=steps,
        refusals=refusals,
        before="",
        after="".join(f"{step.action} {step.target} ({step.reason})\n" for step in steps),
    )


def _steps(file: BundleFile, seen: Observed, layout: Layout) -> Iterator[Step]:
    data = {"file": file}
    if file.kind == "image":
        found = (seen.images or {}).get(file.name)
        if found != file.image_id:
            yield Step(IMPORT, file.name, "another image has this name" if found else "missing", data)
    elif is_archive(file):
        if seen.archives.get(file.name) != file.sha256:
            yield Step(EXTRACT, layout.target(file), f"{file.name} {file.version} is not in place", data)
    else:
        target = layout.target(file)
        found = seen.hashes.get(target)
        if found != file.sha256:
            yield Step(INSTALL, target, f"is not {file.version}" if found else "missing", data)


def _refusals(files: Sequence[BundleFile], seen: Observed) -> Iterator[Refused]:
    for file in files:
        installed = seen.versions.get(file.name, file.version)
        if file.kind == "binary" and file.name in VERSIONED and installed != file.version:
            yield Refused(
                rule="version-change",
                evidence=f"{file.name} is {installed}, wanted {file.version}, and this node is a member of a cluster",
                variable="kubeops_version",
                fix=f"set kubeops_version to {installed.lstrip('v')}, or upgrade the cluster",
            )


def needed_paths(plan: Plan) -> list[str]:
    """Paths inside the bundle that the plan reads."""
    return [step.data["file"].path for step in plan.steps]


def parse_images(listed: Collection[Mapping[str, object]]) -> dict[str, str]:
    """References and digests' image ids from ``crictl images --output json``'s list."""
    images: dict[str, str] = {}
    for image in listed:
        tags = image.get("repoTags")
        for reference in tags if isinstance(tags, list) else []:
            images[str(reference)] = str(image.get("id", ""))
    return images


def parse_kubernetes_version(output: str) -> str:
    """``v1.36.3`` out of what a Kubernetes binary prints as its version, "" where there is none."""
    found = re.search(r"v\d+\.\d+\.\d+\S*", output)
    return found.group(0).rstrip('",') if found else ""
