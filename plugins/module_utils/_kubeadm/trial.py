# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changed files on trial: what reads them becomes healthy with them, or the files replaced come back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.runner import Runner
from . import api, command, containers, kubeconfig, paths, probe, static_pod

KUBELET = "kubelet"
API_SERVER = "kube-apiserver"
ETCD = "etcd"
ETCD_METRICS = "http://127.0.0.1:2381"
# Whether it worked before the change, a short pause aside.
WORKED_TIMEOUT = 10.0
HEALTH_TIMEOUT = 300.0
# The kubelet waits up to 300 s before it starts again what died with the component on trial.
WAY_BACK_TIMEOUT = 420.0
# What died so often, each time after a longer pause, does so for a reason that time does not cure.
DEATHS = 3
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Reader:
    """What reads the files on trial.

    Attributes:
        name: a component, or kubelet.
        mode: of its files.
        restart: makes it read them; the kubelet itself watches the manifests of static pods.
        attempt: name of its newest process, another one with every start; empty where there is none.
        healthy: whether it runs and serves.
    """

    name: str
    mode: int
    restart: Callable[[], object]
    attempt: Callable[[], str]
    healthy: Callable[[], bool]


def component(runner: Runner, name: str, *, alone: bool = False) -> Reader:
    """A static pod. alone: it is well when itself is; otherwise the node's API server has to be ready too."""

    def healthy() -> bool:
        return (
            (name == API_SERVER or probe.healthy(health_url(name)))
            and containers.running(runner, name) != ""
            and (alone or api_ready())
        )

    def attempt() -> str:
        return containers.newest(runner).get(name, containers.Container()).id

    return Reader(name, 0o600, lambda: None, attempt, healthy)


def kubelet(runner: Runner) -> Reader:
    """The kubelet, which reads its files when it starts."""

    def attempt() -> str:
        shown = runner.run(["systemctl", "show", "--property=InvocationID", KUBELET], timeout=30)
        return shown.stdout.strip().partition("=")[2]

    return Reader(
        KUBELET, 0o644, lambda: runner.run(["systemctl", "restart", KUBELET], timeout=120), attempt, kubelet_healthy
    )


def health_url(name: str) -> str:
    """Where etcd, the controller manager or the scheduler says how it is, by its manifest as it stands now."""
    pod = static_pod.parse(files.read_text(f"{paths.MANIFESTS}/{name}.yaml") or "")
    if name == ETCD:
        return pod.argument("listen-metrics-urls", ETCD_METRICS).partition(",")[0] + "/readyz"
    return static_pod.health_url(pod, static_pod.LOCAL_PORTS[name])


def api_ready() -> bool:
    """Whether this node's API server is ready where its manifest, as it stands now, says that it listens."""
    return probe.healthy(f"{api.own_url()}/readyz")


def kubelet_healthy() -> bool:
    """Whether the kubelet answers where its configuration, as it stands now, says that it does."""
    return probe.healthy(kubeconfig.kubelet_health_url(files.read_text(paths.KUBELET_CONFIG) or ""))


def require_healthy(reader: Reader) -> None:
    """Wait until it is; raises KubeopsError where it does not become so."""
    reason = _wait(reader, {""}, WAY_BACK_TIMEOUT)
    if reason:
        raise KubeopsError(f"{reader.name} {reason}", fix="see its log with crictl logs, then run again")


def change(runner: Runner, reader: Reader, texts: Mapping[str, str], *, way_back: bool = True) -> None:
    """Replace files, by path, and wait until what reads them is healthy with them.

    Where it does not become so, the files replaced come back, unless they did no better
    or way_back is false, and KubeopsError says what was seen and how the node was left.
    """
    replaced = {path: files.read_text(path) for path in texts}
    worked = not _wait(reader, {""}, WORKED_TIMEOUT)
    before = reader.attempt()
    reason = _run_with(reader, texts, {"", before}, HEALTH_TIMEOUT)
    if not reason:
        return
    evidence = command.gather_evidence(runner)
    left = _put_back(reader, replaced, before) if way_back and worked else "it was left so"
    raise KubeopsError(
        f"{reader.name} {reason} with the new settings; {left}",
        seen=json.dumps(_last_words(reader, evidence)),
        fix="correct the setting and run again; the files replaced are kept below /var/lib/kubeops/backups",
        details={"evidence": evidence},
    )


def _put_back(reader: Reader, replaced: Mapping[str, str | None], before: str) -> str:
    """Say what came of it. The process that never gave way to the new files needs no successor."""
    try:
        now = reader.attempt()
    except KubeopsError:
        now = ""  # that it cannot be watched may be why the old files are needed
    reason = _run_with(reader, replaced, {"", now} - {before}, WAY_BACK_TIMEOUT)
    return (
        f"the old ones were put back, but it {reason} with them either" if reason else "it runs with the old ones again"
    )


def _run_with(reader: Reader, texts: Mapping[str, str | None], stale: Collection[str], timeout: float) -> str:
    try:
        for path, text in texts.items():
            if text is None:
                files.remove(path, backup=True)
            else:
                files.write_atomic(path, text, mode=reader.mode, backup=True)
        reader.restart()
        return _wait(reader, stale, timeout)
    except KubeopsError as error:
        return f"could not be restarted ({error.what})"


def _wait(reader: Reader, stale: Collection[str], timeout: float) -> str:
    """Return why it is not healthy in a process that is none of the stale ones; empty when it is, at two looks."""
    deadline = clock.monotonic() + timeout
    attempts: set[str] = set()
    seen_well = ""
    while True:
        attempt = reader.attempt()
        well = attempt not in stale and reader.healthy()
        if well and attempt == seen_well:
            return ""
        seen_well = attempt if well else ""
        attempts |= {attempt} - set(stale)
        if len(attempts) > DEATHS:
            return f"died {DEATHS} times"
        if clock.monotonic() > deadline:
            return f"did not become healthy within {timeout:g} s"
        time.sleep(POLL_SECONDS)


def _last_words(reader: Reader, evidence: Mapping[str, object]) -> object:
    if reader.name == KUBELET:
        return evidence["kubelet_log"]
    return evidence["dead_container"] or evidence["kubelet_log"]
