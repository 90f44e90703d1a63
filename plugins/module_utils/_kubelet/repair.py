# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observes and repairs a kubelet's identity on its node."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.plan import Plan
from .._core.runner import Runner
from .._kubeadm import cluster_probe, kubeconfig, paths, probe
from .._x509 import issuance, keep
from .._x509 import observe as layouts
from . import identity

PKI = f"{paths.KUBELET}/pki"
KEY_TYPE = "ecdsa-p256"
START_TIMEOUT = 60.0
POLL_SECONDS = 0.5


def observe() -> identity.Observed:
    """Read what the node has; the default serving certificate only where the kubelet is told of no other."""
    serving = layouts.own_kubelet().own_serving
    return identity.Observed(
        client=files.read_bytes(paths.KUBELET_CLIENT),
        kubeconfig=files.read_text(paths.KUBELET_CONF),
        unfinished=Path(_pending()).exists(),
        serving=files.read_bytes(serving) if serving else None,
        serving_path=serving,
        healthy=_healthy(),
    )


def request(wanted: identity.Wanted) -> str:
    """Make a key that waits for its certificate, and return the request for it."""
    Path(PKI).mkdir(mode=0o755, parents=True, exist_ok=True)
    return keep.request(_files(wanted), KEY_TYPE, keep.Owner()).decode("ascii")


def act(runner: Runner, planned: Plan, wanted: identity.Wanted, certificate: bytes) -> None:
    """Carry out the steps; the waiting key goes last, so that a run killed before it is taken up."""
    for step in planned.steps:
        if step.action == identity.ISSUE:
            _install(wanted, certificate)
        elif step.action == identity.WRITE:
            files.write_atomic(step.target, step.data["text"], mode=0o600, backup=True)
        elif step.action == identity.REMOVE:
            files.remove(step.target, backup=True)
            files.remove(step.target.replace(".crt", ".key"), backup=True)
        else:
            runner.run(["systemctl", "restart", "kubelet"], timeout=120)
            _wait_until_healthy()
    files.remove(_pending())


def wait_until_ready(timeout: float) -> None:
    """Wait until the cluster, asked with the kubelet's certificate, says that its node is Ready."""
    deadline = clock.monotonic() + timeout
    while not _ready():
        if clock.monotonic() > deadline:
            raise KubeopsError(
                "the kubelet has its certificate, but its node is not Ready",
                seen=f"{kubeconfig.server(files.read_text(paths.KUBELET_CONF) or '')} after {timeout:g} s",
                fix="see journalctl -u kubelet on this node; where the API itself is down, recover the control planes "
                "first",
            )
        time.sleep(POLL_SECONDS)


def _install(wanted: identity.Wanted, certificate: bytes) -> None:
    key = files.read_bytes(_pending())
    reason = issuance.why_due(wanted.leaf, certificate, key, wanted.ca_cert, clock.now(), timedelta(0))
    if key is None or reason:
        raise KubeopsError("the kubelet's certificate is not the one asked for", seen=reason)
    # The kubelet names its own so, and lets the link follow.
    target = f"{PKI}/kubelet-client-{clock.now():%Y-%m-%d-%H-%M-%S}.pem"
    files.write_atomic(target, certificate + key, mode=0o600)
    files.link_atomic(paths.KUBELET_CLIENT, target)


def _files(wanted: identity.Wanted) -> issuance.Wanted:
    return issuance.Wanted(paths.KUBELET_CLIENT, paths.KUBELET_CLIENT, wanted.leaf)


def _pending() -> str:
    return f"{paths.KUBELET_CLIENT}.new"


def _healthy() -> bool:
    config = files.read_text(paths.KUBELET_CONFIG)
    return config is not None and probe.healthy(kubeconfig.kubelet_health_url(config))


def _wait_until_healthy() -> None:
    deadline = clock.monotonic() + START_TIMEOUT
    while not _healthy():
        if clock.monotonic() > deadline:
            raise KubeopsError(
                f"the kubelet did not become healthy within {START_TIMEOUT:g} s of its restart",
                fix="see journalctl -u kubelet on this node; what was replaced is below /var/lib/kubeops/backups",
            )
        time.sleep(POLL_SECONDS)


def _ready() -> bool:
    node = probe.own_node()
    return node is not None and bool(cluster_probe.node_summary(node)["ready"])
