# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version of what runs where: the input of the skew rules and of the road (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from . import given
from .version import KubeVersion

APISERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
CLOUD_CONTROLLER_MANAGER = "cloud-controller-manager"
KUBELET = "kubelet"
KUBE_PROXY = "kube-proxy"
KUBECTL = "kubectl"
KUBEADM = "kubeadm"
ETCD = "etcd"
COREDNS = "coredns"

# Those that kubeadm runs as static pods, in the order in which it replaces them.
STATIC_PODS = (ETCD, APISERVER, CONTROLLER_MANAGER, SCHEDULER)
COMPONENTS = (*STATIC_PODS, CLOUD_CONTROLLER_MANAGER, KUBELET, KUBE_PROXY, KUBECTL, KUBEADM)


@dataclass(frozen=True)
class Node:
    """One node.

    Attributes:
        name: name of the Node object.
        control_plane: it runs an API server.
        components: running version by name, of COMPONENTS; what is not there, or not known, is absent.
        runtime: name of the container runtime (containerd, cri-o, docker), empty where not known.
        runtime_version: its version as it says it, for instance 2.1.4 or 1.6.20~ds1.
        cgroup: 1 or 2; 0 where not known.
        cgroup_v1_accepted: its kubelet is told to run on cgroup v1 (failCgroupV1 false).
        flags: names of the flags given, without dashes, by component.
        gates: feature gates given, by component.
        etcd_leader: the leader of a stacked etcd runs here.
        local: components that speak to this node's own API server instead of any of them.
    """

    name: str
    control_plane: bool = False
    components: Mapping[str, KubeVersion] = field(default_factory=dict)
    runtime: str = ""
    runtime_version: str = ""
    cgroup: int = 0
    cgroup_v1_accepted: bool = False
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gates: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    etcd_leader: bool = False
    local: frozenset[str] = frozenset()

    def at(self, component: str, version: KubeVersion) -> Node:
        """The same node after a step."""
        return replace(self, components={**self.components, component: version})


@dataclass(frozen=True)
class Observation:
    """The cluster as it runs.

    Attributes:
        nodes: every node.
        coredns: version of the CoreDNS addon; None where there is none, or another DNS.
        clients: version of kubectl outside the nodes, by where it is (the controller).
        external_etcd: version by endpoint of an etcd that kubeadm does not run.
        etcd_pinned: kubeadm's configuration names an etcd image of its own, which upgrades leave alone.
        coredns_pinned: likewise an image of CoreDNS.
    """

    nodes: tuple[Node, ...]
    coredns: KubeVersion | None = None
    clients: Mapping[str, KubeVersion] = field(default_factory=dict)
    external_etcd: Mapping[str, KubeVersion] = field(default_factory=dict)
    etcd_pinned: bool = False
    coredns_pinned: bool = False

    @property
    def control_planes(self) -> tuple[Node, ...]:
        """Nodes with an API server."""
        return tuple(node for node in self.nodes if node.control_plane)

    @property
    def workers(self) -> tuple[Node, ...]:
        """All other nodes."""
        return tuple(node for node in self.nodes if not node.control_plane)

    def running(self, component: str) -> Iterator[tuple[Node, KubeVersion]]:
        """Every node where the component's version is known."""
        for node in self.nodes:
            version = node.components.get(component)
            if version is not None:
                yield node, version

    def versions(self, component: str) -> list[KubeVersion]:
        """The versions of a component that are in use, oldest first."""
        return sorted({version for _node, version in self.running(component)})


@lru_cache(maxsize=1024)
def component_version(text: str) -> KubeVersion:
    """From what a component or an image tag says: "v1.36.3", "3.6.8-0" (an image's build number is dropped).

    Raises ValueError.
    """
    core, dash, build = text.strip().partition("-")
    return KubeVersion.parse(core if dash and build.isdigit() else text)


def observation_from_mapping(data: Mapping[str, Any]) -> Observation:
    """From plain data: nodes, coredns, clients, external_etcd, as the module version_skew takes them.

    Raises ValueError naming the node and the component whose version is none, and what has another shape.
    """
    data = given.mapping("what was observed", data)
    clients, external = (given.mapping(key, data.get(key)) for key in ("clients", "external_etcd"))
    return Observation(
        nodes=tuple(_node(given.entry("a node", node, "name")) for node in given.items("nodes", data.get("nodes"))),
        coredns=_version("the cluster", COREDNS, data["coredns"]) if data.get("coredns") else None,
        clients={place: _version(place, KUBECTL, text) for place, text in clients.items()},
        external_etcd={url: _version(url, ETCD, text) for url, text in external.items()},
        etcd_pinned=bool(data.get("etcd_pinned", False)),
        coredns_pinned=bool(data.get("coredns_pinned", False)),
    )


def _node(data: Mapping[str, Any]) -> Node:
    name = str(data["name"])
    components, flags, gates = (
        given.mapping(f"{name}: {key}", data.get(key)) for key in ("components", "flags", "gates")
    )
    unknown = sorted(set(components) - set(COMPONENTS))
    if unknown:
        raise ValueError(f"{name}: {unknown[0]!r} is no component; known are {', '.join(COMPONENTS)}")
    return Node(
        name=name,
        control_plane=bool(data.get("control_plane", False)),
        components={component: _version(name, component, text) for component, text in components.items() if text},
        runtime=str(data.get("runtime") or ""),
        runtime_version=str(data.get("runtime_version") or ""),
        cgroup=int(data.get("cgroup") or 0),
        cgroup_v1_accepted=bool(data.get("cgroup_v1_accepted", False)),
        flags={part: tuple(given.items(f"{name}: flags of {part}", names)) for part, names in flags.items()},
        gates={part: dict(given.mapping(f"{name}: gates of {part}", values)) for part, values in gates.items()},
        etcd_leader=bool(data.get("etcd_leader", False)),
        local=frozenset(given.items(f"{name}: local", data.get("local"))),
    )


def _version(place: str, component: str, text: Any) -> KubeVersion:
    try:
        return component_version(str(text))
    except ValueError as error:
        raise ValueError(f"{component} of {place}: {error}") from error
