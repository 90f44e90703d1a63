# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out kubeadm upgrade on a node, and sees for itself that the node runs what it should."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.runner import Runner
from .._etcd.choice import Status, choose
from .._version.version import KubeVersion
from . import (
    cluster_probe,
    command,
    config,
    credentials,
    drift,
    generate,
    kubelet_flags,
    kubelet_server,
    output,
    paths,
    reconfigure,
    static_pod,
    trial,
    upgrade,
)
from .api import ApiClient, admin, object_path

# kubeadm's own waits (upgradeManifests for each static pod) end well before this.
TIMEOUT_SECONDS = 2400.0
VERIFY_SECONDS = 120.0
READY_SECONDS = 60.0
# kubeadm keeps the manifests that it replaced here, and copies of etcd's data, one directory for each run.
BACKUPS = f"{paths.KUBERNETES}/tmp"
MANIFEST_BACKUPS = "kubeadm-backup-manifests-*"
ETCD_MANIFEST = f"{paths.MANIFESTS}/etcd.yaml"
ETCD_BACKUPS = "kubeadm-backup-etcd-*"
# kubeadm applies patches in the order of their names: the last to speak of etcd's command.
BIRTH_PATCH = "etcd~birth+strategic.yaml"

_STORED = re.compile(r"^kubernetesVersion:\s*[\"']?([^\s\"']+)", re.MULTILINE)


def observe(runner: Runner, target: str, settings: upgrade.Settings, node_name: str) -> upgrade.Observed:
    """Look at this node and, on a control plane, at the cluster around it."""
    kubeadm = runner.run(["kubeadm", "version", "--output", "short"], timeout=30).stdout.strip()
    components = {name: pod.version for name, pod in static_pods().items()}
    flags = files.read_text(paths.KUBELET_FLAGS) or ""
    unknown = tuple(kubelet_flags.unknown(flags, KubeVersion.parse(target).line))
    seen: dict[str, Any] = {"kubeadm": kubeadm, "components": components, "unknown_flags": unknown}
    # Another kubeadm has no say about the configuration of the target.
    seen["kubelet_config_differs"] = kubeadm == target and _kubelet_config_differs(runner, settings.patches)
    if not components:
        return upgrade.Observed(**seen, kubelet=_kubelet(runner))
    with admin() as api:
        # After a run that was killed it may still be about to start.
        clock.until(api.ready, READY_SECONDS)
        credentials.require_healthy(api)
        configuration = credentials.cluster_configuration(api)
        stored = _STORED.search(configuration)
        pods = _control_plane_pods(api)
        return upgrade.Observed(
            **seen,
            kubelet_server=kubelet_server.left(),
            stored=stored[1] if stored else "",
            kube_proxy=_kube_proxy(api),
            etcd=_etcd(runner, target, configuration) if kubeadm == target and settings.etcd_upgrade else "",
            others={node: _oldest(own) for node, own in pods.items() if node != node_name},
        )


def _etcd(runner: Runner, target: str, configuration: str) -> str:
    """Tag of the etcd that kubeadm brings; empty where the cluster's configuration names one of its own."""
    if output.pinned(configuration, "etcd"):
        return ""
    argv = ["kubeadm", "config", "images", "list", "--kubernetes-version", target]
    return output.image_tag(runner.run(argv, timeout=30).stdout, "etcd")


def static_pods() -> dict[str, static_pod.StaticPod]:
    """kubeadm's static pods of this node by name; none on a worker."""
    texts = {name: files.read_text(f"{paths.MANIFESTS}/{name}.yaml") for name in generate.MANIFESTS}
    return {name: static_pod.parse(text) for name, text in texts.items() if text is not None}


def prepare(node_name: str) -> str:
    """Before anything restarts here: the others are up, and another etcd member leads. Returns that member's name."""
    if not static_pods():
        return ""
    with admin() as api:
        reconfigure.require_others_ready(api, node_name)
    return hand_over_etcd()


def hand_over_etcd() -> str:
    """Let another member lead where this node's leads, so that nobody waits for an election. Returns its name."""
    etcd = credentials.local_etcd()
    if etcd is None:
        return ""
    statuses = etcd.statuses(etcd.members())
    leader = next((status for status in statuses if status.is_leader), None)
    if leader is None or etcd.url not in leader.member.client_urls:
        return ""
    others = [status for status in statuses if _can_lead(status)]
    if not others:
        return ""
    heir = choose([status.member for status in statuses], others).status.member
    etcd.move_leader(heir.id)
    return heir.name


def act(runner: Runner, target: str, action: str, settings: upgrade.Settings) -> list[output.Phase]:
    """Run kubeadm upgrade apply or node; raises KubeopsError with cause and evidence."""
    with command.config_file(config.dump([upgrade.document(target, settings)])) as path:
        argv = ["upgrade", action, "--config", path, *(["--yes"] if action == upgrade.APPLY else [])]
        return command.run(runner, argv, TIMEOUT_SECONDS)


def drop_flags(flags: Sequence[str]) -> None:
    """Take flags out of the file that kubeadm keeps for the kubelet, which is kept aside."""
    text = files.read_text(paths.KUBELET_FLAGS) or ""
    left = kubelet_flags.without(text, flags)
    if left != text:  # kubeadm may just have done the same
        files.write_atomic(paths.KUBELET_FLAGS, left, backup=True)


def etcd_manifest() -> str:
    """How etcd runs on this node; empty where it does not."""
    return files.read_text(ETCD_MANIFEST) or ""


@contextmanager
def keeping_birth(runner: Runner, target: str, settings: upgrade.Settings, born: str) -> Iterator[upgrade.Settings]:
    """Settings with a patch that keeps the flags of etcd's birth: given back later, they cost one more restart."""
    patch = _birth_patch(runner, target, settings, born) if born and settings.etcd_upgrade else ""
    if not patch:
        yield settings
        return
    with tempfile.TemporaryDirectory(dir=paths.RUN) as directory:
        for file in Path(settings.patches).iterdir() if settings.patches else ():
            shutil.copy2(file, directory)
        files.write_atomic(f"{directory}/{BIRTH_PATCH}", patch, mode=0o600)
        yield replace(settings, patches=directory)


def _birth_patch(runner: Runner, target: str, settings: upgrade.Settings, born: str) -> str:
    manifests = generate.from_cluster(runner, "kubeadm", target, static_pods()["kube-apiserver"], settings.patches)
    return drift.birth_patch(manifests["etcd"], born)


def keep_birth(runner: Runner, before: str) -> None:
    """Give etcd's manifest, which was so before, the flags of its birth back; raises KubeopsError as trial.change does.

    kubeadm upgrades write them as for the first member of a new cluster. With those, a member that loses its disk
    would begin a cluster of its own beside the others. Where keeping_birth did its work, nothing is left to do.
    """
    now = etcd_manifest()
    text = drift.with_birth(now, before)
    if before and text != now:
        trial.change(runner, trial.component(runner, trial.ETCD, alone=True), {ETCD_MANIFEST: text})


def verify(target: str, node_name: str, seconds: float = VERIFY_SECONDS) -> None:
    """Wait until this node's control plane runs the target and is ready; raises KubeopsError where it does not."""
    problems = _settled(target, node_name, seconds) if static_pods() else []
    if problems:
        raise KubeopsError(f"the control plane of this node does not run {target}", seen="; ".join(problems))


def _settled(target: str, node_name: str, seconds: float) -> list[str]:
    """Wait until nothing is wrong; what still is when the time is up."""
    problems: list[str] = []

    def settled() -> bool:
        problems[:] = wrong(target, node_name)
        return not problems

    return [] if clock.until(settled, seconds) else problems


def wrong(target: str, node_name: str) -> list[str]:
    """What keeps this control plane from being one of the target version; empty where it is."""
    pods = static_pods()
    try:
        with admin() as api:
            if not api.ready():
                return [f"the API server at {api.url} is not ready"]
            running = _control_plane_pods(api).get(node_name, {})
            found = [_wrong_pod(name, pod.version, running.get(name)) for name, pod in pods.items()]
            served = (api.get("/version") or {}).get("gitVersion", "")
    except KubeopsError as error:
        return [str(error)]
    found += [f"{name}.yaml says {pods[name].version}" for name in upgrade.VERSIONED if pods[name].version != target]
    found += [f"the API server says that it is {served}"] if served != target else []
    return [text for text in (*found, _wrong_etcd()) if text]


def backups(since: float = 0.0, pattern: str = MANIFEST_BACKUPS) -> list[str]:
    """What kubeadm replaced, manifests or etcd's data: directories, newest first; since is seconds since the epoch."""
    found = [entry for entry in Path(BACKUPS).glob(pattern) if entry.stat().st_mtime >= since]
    return [str(entry) for entry in sorted(found, key=lambda entry: entry.stat().st_mtime, reverse=True)]


def remove_older_etcd_copies() -> None:
    """kubeadm copies all of etcd's data whenever it runs, and never removes a copy: the newest is enough."""
    for path in backups(pattern=ETCD_BACKUPS)[1:]:
        shutil.rmtree(path, ignore_errors=True)  # what cannot be removed takes space, and nothing else


def roll_back(since: float, node_name: str, seconds: float = VERIFY_SECONDS) -> str:
    """Put the replaced manifests of Kubernetes back and wait until they serve; says what came of it.

    etcd stays on its new version: a member that has written in a newer format may not start as an older one.
    """
    kept = [path for path in backups(since) if Path(path, "kube-apiserver.yaml").exists()]
    if not kept:
        return "kubeadm had replaced no manifest of the API server"
    # The oldest of this run: what ran before it.
    texts = {name: files.read_text(f"{kept[-1]}/{name}.yaml") for name in upgrade.VERSIONED}
    for name, text in texts.items():
        if text is not None and text != files.read_text(f"{paths.MANIFESTS}/{name}.yaml"):
            files.write_atomic(f"{paths.MANIFESTS}/{name}.yaml", text, mode=0o600, backup=True)
    version = static_pod.parse(texts["kube-apiserver"] or "").version
    problems = _settled(version, node_name, seconds)
    if not problems:
        return f"it was put back to {version} and serves"
    why = "; ".join(problems)
    return f"its manifests were put back to {version} (from {kept[-1]}), but it does not serve yet: {why}"


def _kubelet(runner: Runner) -> str:
    """Version of the kubelet that is installed."""
    return runner.run(["kubelet", "--version"], timeout=30).stdout.strip().rpartition(" ")[2]


def _kubelet_config_differs(runner: Runner, patches: str) -> bool:
    """Whether kubeadm would change what the kubelet reads."""
    return drift.plan(generate.worker(runner, patches), reconfigure.observe_worker()).changed


def _control_plane_pods(api: ApiClient) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Mirror pods of the control plane: node to component to summary."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for item in (api.get(cluster_probe.STATIC_PODS) or {}).get("items", []):
        pod = cluster_probe.component_summary(item)
        found.setdefault(pod["node"], {})[pod["component"]] = pod
    return found


def _oldest(pods: Mapping[str, Mapping[str, Any]]) -> str:
    versions = [static_pod.StaticPod(pods[name]["image"]).version for name in upgrade.VERSIONED if name in pods]
    return min(versions, key=KubeVersion.parse, default="")


def _kube_proxy(api: ApiClient) -> str:
    found = api.get(object_path("daemonsets", "kube-proxy", "kube-system", "apps/v1"))
    return static_pod.StaticPod(found["spec"]["template"]["spec"]["containers"][0]["image"]).version if found else ""


def _can_lead(status: Status) -> bool:
    return not (status.is_leader or status.member.is_learner or status.own_errors)


def _wrong_pod(name: str, version: str, pod: Mapping[str, Any] | None) -> str:
    if pod is None:
        return f"there is no pod of {name}"
    running = static_pod.StaticPod(pod["image"]).version
    if running != version:
        return f"{name} runs {running}, its manifest says {version}"
    return "" if pod["ready"] else f"{name} is not ready"


def _wrong_etcd() -> str:
    etcd = credentials.local_etcd()
    if etcd is None:
        return ""
    try:
        errors = etcd.status().get("errors", ())
    except KubeopsError as error:
        return f"etcd of this node: {error}"
    return f"etcd of this node: {json.dumps(errors)}" if errors else ""
