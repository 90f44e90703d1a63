# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags in the file that kubeadm keeps for a kubelet, kubeadm-flags.env, which a later kubelet refuses (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._version.removals import REMOVED_FLAGS
from .._version.version import Minor

# kubeadm wrote them by itself, and only kubeadm 1.35 takes them out again: a node that goes from 1.34 to 1.36 in one
# step never meets that one (https://github.com/kubernetes/kubernetes/pull/135807).
WRITTEN_BY_KUBEADM = ("pod-infra-container-image",)


def unknown(text: str, line: Minor) -> list[str]:
    """Those of kubeadm's own flags in the file with which a kubelet of that minor does not start."""
    return [
        flag
        for flag in WRITTEN_BY_KUBEADM
        if REMOVED_FLAGS["kubelet"][flag] <= line and re.search(rf"--{flag}\b", text)
    ]


def without(text: str, flags: Iterable[str]) -> str:
    """The file without these flags and their values; everything else as it is."""
    for flag in flags:
        given = rf"--{flag}(?:=|[ \t]+(?!-))[^\s\"']*"
        text = re.sub(rf"[ \t]+{given}|{given}[ \t]*", "", text)
    return text
