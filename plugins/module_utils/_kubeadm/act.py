# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out the steps of a plan with kubeadm. Decides nothing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.runner import Runner
from . import command, config, journal, output, paths, plan, probe, state, static_pod

# kubeadm's own waits end well before this; it only stops a run from hanging for ever.
TIMEOUT_SECONDS = 1200.0
VERIFY_SECONDS = 60.0

# Preflight errors that say no more than that an earlier attempt left something.
# https://kubernetes.io/docs/reference/setup-tools/kubeadm/implementation-details/#preflight-checks
LEFTOVERS = (
    "DirAvailable--var-lib-etcd",
    "FileAvailable--etc-kubernetes-bootstrap-kubelet.conf",
    "FileAvailable--etc-kubernetes-kubelet.conf",
    "FileAvailable--etc-kubernetes-manifests-etcd.yaml",
    "FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml",
    "FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml",
    "FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml",
    "FileAvailable--etc-kubernetes-pki-ca.crt",
    "Port-10250",
    "Port-10257",
    "Port-10259",
    "Port-2379",
    "Port-2380",
)


def tolerant(node: config.Node) -> config.Node:
    """Return the node with preflight errors about its own leftovers ignored."""
    own = {*node.ignore_preflight, *LEFTOVERS, f"Port-{node.api_port}"}
    return replace(node, ignore_preflight=tuple(sorted(own)))


def init(runner: Runner, documents: Sequence[config.Document]) -> list[output.Phase]:
    """Run kubeadm init with these documents."""
    return _kubeadm(runner, plan.INIT, "control_plane", documents)


def join(runner: Runner, document: config.Document, role: str) -> list[output.Phase]:
    """Run kubeadm join with this document."""
    return _kubeadm(runner, plan.JOIN, role, [document])


def reset(runner: Runner, node: config.Node, role: str) -> list[output.Phase]:
    """Empty this node. etcd data is moved aside first; iptables rules and CNI files stay.

    The etcd member and the Node object are the business of a healthy control plane:
    the phase remove-etcd-member would delete the data even where it cannot reach etcd.
    """
    journal.begin(plan.RESET, role)
    stop_kubelet(runner)
    argv = ["reset", "--force", "--cleanup-tmp-dir", "--skip-phases", "remove-etcd-member"]
    socket = ["--cri-socket", node.cri_socket] if node.cri_socket else []
    data = _etcd_data()
    phases = command.run(runner, [*argv, *socket], TIMEOUT_SECONDS)
    _set_aside(data)
    journal.end()
    return phases


def stop_kubelet(runner: Runner) -> None:
    """Stop the kubelet, so that it neither restarts what is removed nor registers again."""
    runner.run(["systemctl", "stop", "kubelet"], timeout=60)


def dry_run_init(runner: Runner, documents: Sequence[config.Document]) -> None:
    """Let kubeadm walk through init without touching the node; raises what init would raise.

    Its preflight is left out: it asks for kernel settings and services that check mode has not set up.
    """
    with command.config_file(config.dump(documents)) as path:
        command.validate(runner, path)
        command.run(runner, ["init", "--config", path, "--dry-run", "--skip-phases", "preflight"], TIMEOUT_SECONDS)


def _kubeadm(runner: Runner, operation: str, role: str, documents: Sequence[config.Document]) -> list[output.Phase]:
    with command.config_file(config.dump(documents)) as path:
        command.validate(runner, path)
        journal.begin(operation, role)
        phases = command.run(runner, [operation, "--config", path], TIMEOUT_SECONDS)
    journal.end()
    return phases


def _etcd_data() -> str:
    manifest = files.read_text(f"{paths.MANIFESTS}/etcd.yaml") or ""
    return static_pod.parse(manifest).argument("data-dir", paths.ETCD_DATA)


def _set_aside(data: str) -> None:
    """Move the member directory out of the data directory: a mistaken reset can be undone."""
    member = Path(data, "member")
    if member.is_dir():
        # Not a rename: the data directory is often a file system of its own.
        shutil.move(str(member), f"{data.rstrip('/')}.{clock.now():%Y%m%dT%H%M%SZ}")


def describe(phases: Sequence[output.Phase]) -> list[dict[str, Any]]:
    """Return phases as plain data for results."""
    return command.describe(phases)


def verify(runner: Runner, role: str) -> dict[str, Any]:
    """Observe until the node is a complete member with its role; raises KubeopsError when it does not become one.

    kubeadm join ends when the kubelet has its certificate, moments before it registers its Node.
    """
    deadline = clock.monotonic() + VERIFY_SECONDS
    observed = probe.probe_kubernetes(runner)
    while not _is_complete(observed, role):
        if clock.monotonic() > deadline:
            raise _incomplete(observed)
        time.sleep(1)
        observed = probe.probe_kubernetes(runner)
    return observed


def _is_complete(observed: dict[str, Any], role: str) -> bool:
    return bool(observed["state"] == state.COMPLETE and observed["role"] == role)


def _incomplete(observed: dict[str, Any]) -> KubeopsError:
    return KubeopsError(
        "kubeadm ended well, but the node is not complete",
        seen="; ".join(observed["evidence"]) or f"state {observed['state']}, role {observed['role']}",
        fix="see the evidence, then run again with kubeops_on_partial=resume",
        details={"kubernetes": observed},
    )
