# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the node itself can see: its own components, and the way to other nodes' pods and to DNS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from .._core import files, http
from .._core.errors import KubeopsError
from .._inventory.finding import Finding
from .._kubeadm import kubeconfig, paths, static_pod
from . import dns
from .judge import bracket, finding
from .model import Node
from .pods import PORT
from .probe import THREADS

TIMEOUT = 5.0


def health_urls() -> dict[str, str]:
    """URL by component of what has a health endpoint on this node."""
    urls = {"kubelet": kubeconfig.kubelet_health_url(files.read_text(paths.KUBELET_CONFIG) or "")}
    for name, port in static_pod.LOCAL_PORTS.items():
        manifest = files.read_text(f"{paths.MANIFESTS}/{name}.yaml")
        if manifest is not None:
            urls[name] = static_pod.health_url(static_pod.parse(manifest), port)
    return urls


def components(node: Node, urls: Mapping[str, str]) -> Iterator[Finding]:
    """Findings for components that don't say they are healthy."""
    for name, url in urls.items():
        seen = _unhealthy(url)
        if seen:
            fix = f"look at the log of {name} on this node"
            yield finding("local_component", node, f"{name} at {url}: {seen}", fix)


def neighbours(own: str, pods: Iterable[Mapping[str, str]], limit: int) -> list[Mapping[str, str]]:
    """The next pods of other nodes after this one, round the ring, so that large clusters stay cheap."""
    ring = sorted(pods, key=lambda pod: pod["node"])
    after = [pod for pod in ring if pod["node"] > own]
    before = [pod for pod in ring if pod["node"] < own]
    return (after + before)[:limit]


def reach(node: Node, pods: Sequence[Mapping[str, str]]) -> list[Finding]:
    """Findings for pods that don't answer to this node."""
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(_pod_answer, pods))
    fix = "the pod network has to carry traffic between all nodes; see the variable kubeops_cni"
    return [
        finding("pod_unreachable", node, f"pod {pod['address']} on {pod['node']} does not answer: {seen}", fix)
        for pod, seen in zip(pods, answers)
        if seen
    ]


def resolve(node: Node, server: str, name: str) -> Iterator[Finding]:
    """A finding where the cluster's DNS does not know its own name."""
    seen = dns.ask(server, name)
    if seen:
        fix = "look at CoreDNS, and at kube-proxy on this node, which leads the service address there"
        yield finding("dns_no_answer", node, f"{name} is not resolved by {server}: {seen}", fix)


def _unhealthy(url: str) -> str:
    try:
        # The certificate is self-signed, and the address is this node's own.
        answer = http.request(url, timeout=TIMEOUT, insecure=True)
    except KubeopsError as error:
        return error.seen
    return "" if answer.status == 200 else f"HTTP {answer.status}: {answer.text[:200]}"


def _pod_answer(pod: Mapping[str, str]) -> str:
    try:
        answer = http.request(f"http://{bracket(pod['address'])}:{PORT}/hostname", timeout=TIMEOUT)
    except KubeopsError as error:
        return error.seen
    return "" if answer.text.strip() == pod["name"] else f"HTTP {answer.status}: {answer.text[:200]}"
