# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs kubeadm, and explains it when it fails."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.runner import Runner
from . import journal, kubeconfig, output, paths, probe

JOURNAL_LINES = "60"
LOG_LINES = "20"


def run(runner: Runner, argv: Sequence[str], timeout: float) -> list[output.Phase]:
    """Run kubeadm, which holds the node's lock with us, and return its phases.

    Raises KubeopsError with cause and evidence.
    """
    start = clock.monotonic()
    lines: list[tuple[float, str]] = []
    result = runner.run(
        ["kubeadm", *argv],
        timeout=timeout,
        check=False,
        on_line=lambda line: lines.append((clock.monotonic() - start, line)),
        pass_fds=journal.descriptors(),
    )
    phases = output.phases(lines, result.seconds)
    if result.rc < 0:
        raise KubeopsError(
            f"kubeadm {_label(argv)} was killed by signal {-result.rc}",
            seen="its phases so far: " + ", ".join(phase.name for phase in phases),
            fix="run again: what can be resumed safely is, anything else is refused with the way out",
            details={"phases": describe(phases)},
        )
    if result.rc != 0:
        raise _failure(runner, argv, result.stderr or result.stdout, phases)
    return phases


@contextmanager
def config_file(text: str) -> Iterator[str]:
    """Yield the path of a configuration on tmpfs that only root can read, and remove it."""
    Path(paths.RUN).mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=paths.RUN, suffix=".yaml", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        yield handle.name


def validate(runner: Runner, path: str) -> None:
    """Let kubeadm itself judge a configuration; raises KubeopsError naming what it refuses."""
    result = runner.run(["kubeadm", "config", "validate", "--config", path], check=False, timeout=30)
    if result.rc != 0:
        raise KubeopsError(
            "kubeadm refuses the configuration",
            seen=output.error(result.stderr),
            fix="correct the variable behind this field (kubeops_kubeadm_extra overlays the documents)",
        )


def describe(phases: Sequence[output.Phase]) -> list[dict[str, Any]]:
    """Return phases as plain data for results."""
    return [{"name": phase.name, "seconds": phase.seconds} for phase in phases]


def _failure(runner: Runner, argv: Sequence[str], stderr: str, phases: Sequence[output.Phase]) -> KubeopsError:
    message = output.error(stderr)
    cause, fix = output.likely_cause(message)
    evidence = gather_evidence(runner)
    return KubeopsError(
        f"kubeadm {_label(argv)} failed" + (f", likely because {cause}" if cause else ""),
        seen=message + _last_words(evidence),
        fix=fix,
        details={
            "failed_phase": output.failed_phase(stderr),
            "likely_cause": cause,
            "phases": describe(phases),
            "evidence": evidence,
        },
    )


def gather_evidence(runner: Runner) -> dict[str, Any]:
    """Return the kubelet's health and last errors, and the last log of the container that died."""
    config = files.read_text(paths.KUBELET_CONFIG)
    return {
        "kubelet_healthy": None if config is None else probe.healthy(kubeconfig.kubelet_health_url(config)),
        "kubelet_log": output.error_lines(
            _quietly(runner, ["journalctl", "-u", "kubelet", "-n", JOURNAL_LINES, "-o", "cat", "--no-pager"])
        ),
        "dead_container": _dead_container(runner),
    }


def _dead_container(runner: Runner) -> dict[str, Any]:
    """The control plane container that exited last; empty when none did or crictl is missing."""
    listed = _quietly(runner, ["crictl", "ps", "--all", "--state", "exited", "--output", "json"])
    containers = json.loads(listed).get("containers", []) if listed else []
    mine = [
        entry for entry in containers if entry.get("labels", {}).get("io.kubernetes.pod.namespace") == "kube-system"
    ]
    if not mine:
        return {}
    last = max(mine, key=lambda entry: int(entry.get("createdAt", 0)))
    log = _quietly(runner, ["crictl", "logs", "--tail", LOG_LINES, last["id"]])
    return {
        "name": last["metadata"]["name"],
        "attempt": last["metadata"].get("attempt", 0),
        "log": output.error_lines(log),
    }


def _quietly(runner: Runner, argv: Sequence[str]) -> str:
    """Evidence is gathered after a failure: whatever is missing must not hide it."""
    try:
        result = runner.run(argv, check=False, timeout=15)
    except KubeopsError:
        return ""
    return (result.stdout or result.stderr) if result.rc == 0 else ""


def _label(argv: Sequence[str]) -> str:
    """The sub-commands without options: "init phase upload-certs"."""
    return " ".join(itertools.takewhile(lambda word: not word.startswith("-"), argv))


def _last_words(evidence: dict[str, Any]) -> str:
    dead = evidence["dead_container"]
    if dead and dead["log"]:
        return f"\nLast log of {dead['name']}: {dead['log'][-1]}"
    if evidence["kubelet_healthy"] is False and evidence["kubelet_log"]:
        return f"\nLast log of the kubelet: {evidence['kubelet_log'][-1]}"
    return ""
