# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of etcd's static pod manifest and of its environment at birth (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .._etcd.model import Member

NEW = "new"
EXISTING = "existing"

_BIRTH = re.compile(r"^\s+- --initial-cluster(-state)?=.*\n", re.MULTILINE)
_ANCHOR = re.compile(r"^(?P<indent>\s+)- --initial-advertise-peer-urls=.*\n", re.MULTILINE)


def initial_cluster(members: Sequence[Member], name: str, peer_url: str) -> str:
    """Value of --initial-cluster: the members as listed, with this one by its name.

    A member that was announced has no name yet; only this host can be that one.
    """
    pairs = [
        f"{name if peer_url in member.peer_urls else member.name}={url}"
        for member in members
        for url in member.peer_urls
    ]
    if not any(peer_url in member.peer_urls for member in members):
        pairs.append(f"{name}={peer_url}")
    return ",".join(sorted(pairs))


def environment(cluster: str, state: str) -> str:
    """The environment file that only the first start reads."""
    return f"ETCD_INITIAL_CLUSTER={cluster}\nETCD_INITIAL_CLUSTER_STATE={state}\n"


def manifest(text: str, cluster: str, state: str) -> str:
    """The manifest with other flags of birth; the rest is left as it is."""
    plain = _BIRTH.sub("", text)

    def with_flags(match: re.Match[str]) -> str:
        indent = match["indent"]
        return f"{match[0]}{indent}- --initial-cluster={cluster}\n{indent}- --initial-cluster-state={state}\n"

    return _ANCHOR.sub(with_flags, plain)
