# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets a control plane's kubelet ask other API servers while the static pods of its own node are replaced.

kubeadm 1.33 and later have it ask the API server of its own node only. While that one's etcd is replaced it cannot
answer, and the kubelet starts the new etcd only once its request to delete the old one's mirror pod has ended, half a
minute later: https://github.com/kubernetes/kubernetes/issues/139502. After that its watch stays away for as long again.
The endpoint, which kubelets of workers use, leads to the other API servers meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.runner import Runner
from . import kubeconfig, paths, probe, trial

# Where the kubelet belongs, for a run that follows one that was killed.
MARK = f"{paths.KUBEOPS}/kubelet-server.json"
TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Servers:
    """URLs of the API server that the kubelet belongs to, and of the one it asks meanwhile."""

    own: str
    meanwhile: str


@contextmanager
def at_endpoint(runner: Runner, own_url: str) -> Iterator[bool]:
    """Let the kubelet ask the endpoint, if it asks own_url and the endpoint answers it; yields whether it does.

    Raises KubeopsError where it does not come back to its own API server.
    """
    servers = _left() or _servers(own_url)
    moved = servers is not None and _move(runner, servers)
    try:
        yield moved
    except KubeopsError:
        # That error is what has to be told. Whoever runs again settles the kubelet first.
        if servers:
            _ask(runner, servers.own)
        raise
    settle(runner)


def left() -> str:
    """Which API server a run that was killed left the kubelet with; empty where none did."""
    servers = _left()
    return servers.meanwhile if servers else ""


def settle(runner: Runner) -> None:
    """Bring the kubelet back to its own API server, wherever that was left; raises KubeopsError if it does not work."""
    servers = _left()
    if servers and not _works(runner, servers.own):
        raise KubeopsError(
            f"the kubelet does not answer, or its node is not known to {servers.own}, after {TIMEOUT_SECONDS:g} s",
            seen=f"{paths.KUBELET_CONF} names {_now()}",
            fix="on the node: journalctl -u kubelet; run again once it is repaired",
        )
    files.remove(MARK)


def _left() -> Servers | None:
    """What the mark says, as long as the kubelet's file was not made anew since."""
    text = files.read_text(MARK)
    servers = Servers(**json.loads(text)) if text else None
    return servers if servers and _now() in (servers.own, servers.meanwhile) else None


def _servers(own_url: str) -> Servers | None:
    """Both, where the kubelet asks its own API server and could ask another one."""
    endpoint = kubeconfig.server(files.read_text(paths.ADMIN_CONF) or "")
    movable = own_url == _now() and endpoint not in ("", own_url)
    return Servers(own_url, endpoint) if movable and probe.own_node(endpoint) else None


def _move(runner: Runner, servers: Servers) -> bool:
    Path(paths.KUBEOPS).mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write_atomic(MARK, json.dumps(asdict(servers)) + "\n", mode=0o600)
    if _works(runner, servers.meanwhile):
        return True
    settle(runner)
    return False


def _works(runner: Runner, server: str) -> bool:
    """Whether the kubelet, asking this API server, becomes healthy and renews its node's lease."""
    before = probe.lease_renewed(server)
    _ask(runner, server)

    def works() -> bool:
        return trial.kubelet_healthy() and probe.lease_renewed(server) not in ("", before)

    return clock.until(works, TIMEOUT_SECONDS, POLL_SECONDS)


def _ask(runner: Runner, server: str) -> None:
    """Name it in the kubelet's file, which the kubelet reads when it starts."""
    text = files.read_text(paths.KUBELET_CONF) or ""
    if kubeconfig.server(text) != server:
        files.write_atomic(paths.KUBELET_CONF, kubeconfig.with_server(text, server), mode=0o600)
        runner.run(["systemctl", "restart", "kubelet"], timeout=120)


def _now() -> str:
    return kubeconfig.server(files.read_text(paths.KUBELET_CONF) or "")
