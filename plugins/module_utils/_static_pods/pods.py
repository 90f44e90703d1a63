# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops and starts static pods of the control plane by moving their manifests out of the kubelet's sight.

https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.processes import running
from .._core.runner import Programs, Runner
from .._kubeadm import paths

STOPPED = f"{paths.KUBEOPS}/stopped"
POLL_SECONDS = 0.3
# Longer than the 30 s that a static pod has to end.
KUBELET_SECONDS = 45.0
RUNTIME_SECONDS = 60.0
# A front of the others first, and what they need last.
STOP_ORDER = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")


def manifest(name: str) -> Path:
    """Where the kubelet reads a pod's manifest."""
    return Path(paths.MANIFESTS, f"{name}.yaml")


def stopped_manifest(name: str) -> Path:
    """Where it waits while the pod is stopped."""
    return Path(STOPPED, f"{name}.yaml")


def manifest_text(name: str) -> str:
    """The manifest, in use or set aside; empty where there is none."""
    return files.read_text(str(manifest(name))) or files.read_text(str(stopped_manifest(name))) or ""


def set_aside(names: Sequence[str]) -> list[str]:
    """Names of pods whose manifests wait to be put back."""
    return [name for name in names if stopped_manifest(name).exists() and not manifest(name).exists()]


def stop(names: Sequence[str], timeout: float) -> None:
    """Set the manifests aside and wait until no process of theirs is left."""
    Path(STOPPED).mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in names:
        if manifest(name).exists():
            _move(manifest(name), stopped_manifest(name))
    started, asked = clock.monotonic(), False
    while left := [name for name in names if running(name)]:
        waited = clock.monotonic() - started
        if waited > KUBELET_SECONDS and not asked:
            asked = True
            _stop_sandboxes(left)
        if waited > timeout:
            raise KubeopsError(
                f"{', '.join(left)} still runs {timeout:g} s after its manifest was set aside",
                seen=f"processes {', '.join(str(pid) for name in left for pid in running(name))}",
                fix="see that the kubelet and the container runtime run on this node, then run again",
            )
        time.sleep(POLL_SECONDS)


def _stop_sandboxes(names: Sequence[str]) -> None:
    """Stop the pods without the kubelet.

    One that was started while no API server answered removes no pod before it has heard from one.
    """
    runner = Runner(Programs())
    for name in names:
        wanted = ["--namespace", "kube-system", "--label", f"component={name}", "--state", "ready", "--quiet"]
        for sandbox in runner.run(["crictl", "pods", *wanted]).stdout.split():
            runner.run(["crictl", "stopp", sandbox], timeout=RUNTIME_SECONDS)


def start(names: Sequence[str]) -> None:
    """Put the manifests back; where the kubelet has a newer one already, the old one is kept as a backup."""
    for name in names:
        waiting = stopped_manifest(name)
        if not waiting.exists():
            continue
        if manifest(name).exists():
            files.remove(str(waiting), backup=True)
        else:
            _move(waiting, manifest(name))


def _move(source: Path, target: Path) -> None:
    source.rename(target)
    files.sync_directory(str(target.parent))
    files.sync_directory(str(source.parent))
