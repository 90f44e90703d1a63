# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what matters from kubeadm's static pod manifests (pure).

kubeadm writes them with sigs.k8s.io/yaml: one list item a line, no anchors, no
folding. That is why they can be read without a YAML library, which nodes lack.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_ARGUMENT = re.compile(r"^\s*-\s+(['\"]?)--(?P<name>[A-Za-z0-9-]+)(?:=(?P<value>.*))?\1\s*$")
_IMAGE = re.compile(r"^\s+image:\s*[\"']?(?P<image>[^\s\"']+)", re.MULTILINE)
# Ports that kubeadm leaves at their defaults; both answer /healthz to anybody.
LOCAL_PORTS = {"kube-controller-manager": "10257", "kube-scheduler": "10259"}
_LOOPBACK = ("127.0.0.1", "[::1]", "localhost")


@dataclass(frozen=True)
class StaticPod:
    """Image and command line of one control plane component.

    Attributes:
        image: full image reference, empty when the manifest names none.
        arguments: values by flag name without dashes; a flag may stand more than once.
    """

    image: str = ""
    arguments: dict[str, list[str]] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Tag of the image, for instance ``v1.36.3``; empty when pinned by digest."""
        return self.image.partition("@")[0].rpartition("/")[2].partition(":")[2]

    def argument(self, name: str, default: str = "") -> str:
        """Return the last value of a flag, which is the one that counts."""
        values = self.arguments.get(name)
        return values[-1] if values else default


def parse(manifest: str) -> StaticPod:
    """Read one manifest."""
    arguments: dict[str, list[str]] = {}
    for line in manifest.splitlines():
        match = _ARGUMENT.match(line)
        if match:
            arguments.setdefault(match["name"], []).append(match["value"] or "")
    image = _IMAGE.search(manifest)
    return StaticPod(image["image"] if image else "", arguments)


def uses_local_etcd(apiserver: StaticPod) -> bool:
    """Tell whether the API server speaks to an etcd on its own node."""
    return any(host in apiserver.argument("etcd-servers") for host in _LOOPBACK)


def etcd_urls(etcd: StaticPod, others: Sequence[str]) -> list[str]:
    """Client URLs of this node's member, and of those at other addresses on the same port."""
    own = etcd.argument("advertise-client-urls")
    port = own.rpartition(":")[2]
    hosts = [f"[{address}]" if ":" in address else address for address in others]
    return [own, *(f"https://{host}:{port}" for host in hosts)]


def lists_member(etcd: StaticPod, members: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether this node's member is in etcd's list; one that did not start yet has an address, but no name."""
    name, address = etcd.argument("name"), etcd.argument("initial-advertise-peer-urls")
    return any(member.get("name") == name or address in member.get("peerURLs", []) for member in members)


def local_url(apiserver: StaticPod) -> str:
    """Return the URL of this node's own API server, empty when it names no address."""
    address = apiserver.argument("advertise-address")
    if not address:
        return ""
    host = f"[{address}]" if ":" in address else address
    return f"https://{host}:{apiserver.argument('secure-port', '6443')}"


def health_url(pod: StaticPod, port: str) -> str:
    """Return where a component of LOCAL_PORTS says on its node whether it is healthy, by its own flags."""
    address = pod.argument("bind-address", "127.0.0.1")
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    host = f"[{local}]" if ":" in local else local
    return f"https://{host}:{pod.argument('secure-port', port)}/healthz"
