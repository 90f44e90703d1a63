# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads settings of components from flags and the kubelet's configuration (pure).

kubeadm writes the configuration with sigs.k8s.io/yaml: block style, two spaces, no anchors. People add comments, and
write drop-ins and kube-proxy's as they like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._kubeadm import kubelet_flags

_FLAG = re.compile(r"--([a-z0-9-]+)")
_GATE = re.compile(r"[\"']?\b([A-Za-z0-9]+)[\"']?:[ \t]+(true|false)\b")
_GATES = re.compile(r"^featureGates:[ \t]*(\{[^}]*\}|(?:\n[ \t]+.*)*)", re.MULTILINE)
_COMMENT = re.compile(r"^#.*\n?|[ \t]+#.*", re.MULTILINE)
_BLANK = re.compile(r"\n(?:[ \t]*\n)+")


def kubelet_options(own: str, others: Iterable[str]) -> str:
    """Everything a kubelet is started with, but for what an upgrade takes out of kubeadm's own file.

    own: that file; others: the kubelet's unit with its drop-ins, and the other files that it names.
    """
    kept = kubelet_flags.without(own, kubelet_flags.WRITTEN_BY_KUBEADM)
    lines = (line for text in (kept, *others) for line in text.splitlines())
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def environment_files(unit: str) -> list[str]:
    """Files whose variables a unit is started with, from systemctl show; before systemd 244 it says EnvironmentFile."""
    return re.findall(r"^EnvironmentFiles?=(\S+)", unit, re.MULTILINE)


def flag_names(options: str) -> list[str]:
    """Names of the flags in a command line or an environment file, sorted."""
    return sorted(set(_FLAG.findall(options)))


def flag_value(options: str, name: str) -> str:
    """Every value that a flag is given, joined by commas as those that add up are; empty where there is none."""
    return ",".join(re.findall(rf"--{name}[= ]([^\s\"']+)", options))


def feature_gates(value: str) -> dict[str, bool]:
    """From the value of --feature-gates: "A=true,B=false"."""
    pairs = (part.partition("=") for part in value.strip("\"'").split(",") if "=" in part)
    return {name.strip(): text.strip().lower() == "true" for name, _equals, text in pairs}


def yaml_scalar(document: str, key: str) -> str:
    """A scalar at the top of a YAML document; empty where it is not there."""
    match = re.search(rf"^{key}:[ \t]*[\"']?([^\s\"'#]+)", document, re.MULTILINE)
    return match[1] if match else ""


def yaml_gates(document: str) -> dict[str, bool]:
    """The mapping featureGates at the top of a YAML document."""
    match = _GATES.search(_BLANK.sub("\n", _COMMENT.sub("", document)))
    return {name: value == "true" for name, value in _GATE.findall(match[1])} if match else {}


def kubelet_gates(documents: Iterable[str], options: str) -> dict[str, bool]:
    """Of a kubelet with these configurations, of which later ones win, and flags over all of them."""
    found: dict[str, bool] = {}
    for document in documents:
        found.update(yaml_gates(document))
    return {**found, **feature_gates(flag_value(options, "feature-gates"))}
