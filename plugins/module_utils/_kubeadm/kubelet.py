# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a node runs the kubelet that is installed on it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from .._core import clock, files
from .._core.plan import Plan, Refused, Step
from .._core.runner import Runner
from .._version.version import KubeVersion
from . import cluster_probe, containers, kubeconfig, paths, probe
from .containers import Container

POLL_SECONDS = 1.0
# How long a kubelet that is Ready may take until it has looked at its static pods; most need a few.
REPLACE_SECONDS = 30.0


@dataclass(frozen=True)
class Observed:
    """installed: version of the program; running: what the cluster says that the node runs, empty when it says nothing.

    ready: the cluster says Ready, and the kubelet says that it is healthy.
    """

    installed: str
    running: str = ""
    ready: bool = False


def observe(runner: Runner) -> Observed:
    """Ask the program, the cluster and the kubelet."""
    installed = runner.run(["kubelet", "--version"], timeout=30).stdout.strip().rpartition(" ")[2]
    node = probe.own_node()
    if node is None:
        return Observed(installed)
    seen = cluster_probe.node_summary(node)
    healthy = probe.healthy(kubeconfig.kubelet_health_url(files.read_text(paths.KUBELET_CONFIG) or ""))
    return Observed(installed, seen["version"], seen["ready"] and healthy)


def plan(target: str, seen: Observed, *, predicting: bool = False) -> Plan:
    """A restart where another version runs, or none that is Ready. predicting: it would have been installed by now."""
    if seen.installed != target and not predicting:
        return Plan(
            refusals=(
                Refused(
                    "kubelet.not_installed",
                    f"the kubelet on this node is {seen.installed}, wanted {target}",
                    "kubeops_version",
                    f"install kubelet {target} first",
                ),
            )
        )
    if seen.running == target and seen.ready:
        return Plan()
    what = f"the node runs {seen.running}" if seen.running != target else "the node is not Ready"
    step = Step("restart", "kubelet", f"{what}, {target} is wanted")
    return Plan((step,), before={"kubelet": seen.running}, after={"kubelet": target})


def replaces_static_pods(running: str, target: str) -> bool:
    """Whether a kubelet of another minor follows: it hashes the containers' specifications in another way."""
    return not running or KubeVersion.parse(running).line != KubeVersion.parse(target).line


def wait_for_replacement(runner: Runner, before: Mapping[str, Container]) -> bool:
    """Wait until none of these containers of static pods is the newest any more; False where some still are.

    A kubelet calls its node Ready before it replaces them, and until then they look as if all was well.
    """
    deadline = clock.monotonic() + REPLACE_SECONDS
    while before:
        newest = containers.newest(runner)
        if all(newest.get(name, Container()).id != container.id for name, container in before.items()):
            break
        if clock.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def wait(runner: Runner, target: str, timeout: float) -> str:
    """Wait until the node is Ready with the target; returns why it is not, empty where it is."""
    deadline = clock.monotonic() + timeout
    while True:
        seen = observe(runner)
        if seen.ready and seen.running == target:
            return ""
        if clock.monotonic() > deadline:
            return f"the cluster says {seen.running or 'nothing of this node'}, {'' if seen.ready else 'not '}Ready"
        time.sleep(POLL_SECONDS)
