# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a live node to changed settings, one component after the other."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from .._core import clock, files
from .._core.errors import KubeopsError, Refusal
from .._core.plan import Plan, Step
from .._core.runner import Runner
from . import cluster_probe, command, config, containers, drift, generate, kubeconfig, paths, probe, static_pod
from .api import ApiClient, admin, object_path

NAMESPACE = "kube-system"
HEALTH_TIMEOUT = 300.0
PHASE_TIMEOUT = 120.0
OTHERS_TIMEOUT = 60.0
POLL_SECONDS = 1.0
KUBE_PROXY_ANNOTATION = "kubeops.io/config-applied"
# Health of components on the node: kubeadm's own probes.
HEALTH = {
    "etcd": "http://127.0.0.1:2381/readyz",
    "kube-controller-manager": "https://127.0.0.1:10257/healthz",
    "kube-scheduler": "https://127.0.0.1:10259/healthz",
}


def observe_control_plane(api: ApiClient) -> drift.Live:
    """Read from node and cluster what kubeadm's settings became."""
    manifests = _read(paths.MANIFESTS, {name: f"{name}.yaml" for name in generate.MANIFESTS})
    return drift.Live(
        manifests=manifests,
        kubelet=_read(paths.KUBELET, {name: name for name in generate.KUBELET_FILES}),
        config_maps={name: _config_map(api, name) for name in ("kubeadm-config", "kubelet-config", "kube-proxy")},
        served_names=served_names(api.url),
        version=static_pod.parse(manifests.get("kube-apiserver", "")).version,
    )


def observe_worker() -> drift.Live:
    """Read what the kubelet of a worker runs with."""
    return drift.Live(kubelet=_read(paths.KUBELET, {"config.yaml": "config.yaml"}))


def wanted_names(cluster: config.Cluster, node: config.Node) -> list[str]:
    """Return the names the operator may rely on in the API server's certificate."""
    host = urlsplit(f"//{cluster.endpoint}").hostname if cluster.endpoint else ""
    return [name for name in (*cluster.extra_sans, host, node.address) if name]


def served_names(url: str) -> frozenset[str]:
    """Return names and addresses of the certificate served: a file proves nothing about what is in use."""
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=paths.CA_CERT)
    address = (parts.hostname or "", parts.port or 443)
    try:
        plain = socket.create_connection(address, timeout=5)
        with context.wrap_socket(plain, server_hostname=address[0]) as secured:
            names = (secured.getpeercert() or {}).get("subjectAltName", ())
    except OSError as error:
        raise KubeopsError(f"the API server at {url} cannot be asked for its certificate", seen=str(error)) from error
    return frozenset(str(entry[1]) for entry in names)


def require_others_ready(api: ApiClient, node_name: str) -> None:
    """Raise Refusal before anything restarts here while another control plane is not up.

    This keeps API and quorum through a change, and stops one that broke one control
    plane from reaching the next.
    """
    deadline = clock.monotonic() + OTHERS_TIMEOUT
    while True:
        down = cluster_probe.not_ready(api, without=node_name)
        if not down:
            return
        if clock.monotonic() > deadline:
            raise Refusal(
                "another control plane is not ready, so nothing is restarted on this one",
                seen=", ".join(down),
                fix="repair or remove that control plane first; its pods say why it is not ready",
                rule="control_planes_one_at_a_time",
            )
        time.sleep(POLL_SECONDS)


def act(runner: Runner, planned: Plan, documents: Sequence[config.Document], url: str) -> None:
    """Carry out the steps in their order, waiting for each component before the next."""
    with command.config_file(config.dump(documents)) as path:
        _config_maps(runner, [step for step in planned.steps if step.action == drift.CONFIG_MAP], path)
        for step in planned.steps:
            if step.action == drift.CERTIFICATE:
                _renew_certificate(runner, step, documents, url)
            elif step.action == drift.MANIFEST:
                _replace_manifest(runner, step, url)
    kubelet(runner, planned)


def kubelet(runner: Runner, planned: Plan) -> None:
    """Write the kubelet's files, restart it, and wait until it is healthy."""
    steps = [step for step in planned.steps if step.action == drift.KUBELET]
    if not steps:
        return
    for step in steps:
        files.write_atomic(step.target, step.data["text"], backup=True)
    runner.run(["systemctl", "restart", "kubelet"], timeout=120)
    health = kubeconfig.kubelet_health_url(files.read_text(paths.KUBELET_CONFIG) or "")
    _wait("the kubelet", lambda: probe.healthy(health), runner)


def _config_maps(runner: Runner, steps: Sequence[Step], path: str) -> None:
    names = {step.data["name"] for step in steps}
    if names & {"kubeadm-config", "kubelet-config"}:
        command.run(runner, ["init", "phase", "upload-config", "all", "--config", path], PHASE_TIMEOUT)
    if "kube-proxy" in names:
        command.run(runner, ["init", "phase", "addon", "kube-proxy", "--config", path], PHASE_TIMEOUT)
        _restart_kube_proxy()


def _restart_kube_proxy() -> None:
    """A changed ConfigMap restarts nothing; a changed pod template does, node after node."""
    annotation = {KUBE_PROXY_ANNOTATION: clock.now().isoformat(timespec="seconds")}
    with admin() as api:
        api.patch(
            object_path("daemonsets", "kube-proxy", NAMESPACE, "apps/v1"),
            {"spec": {"template": {"metadata": {"annotations": annotation}}}},
        )


def _renew_certificate(runner: Runner, step: Step, documents: Sequence[config.Document], url: str) -> None:
    """Only the API server's certificate; it reloads the files without a restart.

    Made in a scratch directory on tmpfs, so that the one in use is never missing.
    """
    with tempfile.TemporaryDirectory(dir=paths.RUN) as scratch:
        for name in ("ca.crt", "ca.key"):
            shutil.copy2(f"{paths.PKI}/{name}", scratch)
        elsewhere = {"ClusterConfiguration": {"certificatesDir": scratch}}
        moved = [config.merge(document, elsewhere.get(document["kind"], {})) for document in documents]
        with command.config_file(config.dump(moved)) as path:
            command.run(runner, ["init", "phase", "certs", "apiserver", "--config", path], PHASE_TIMEOUT)
        for name, mode in (("apiserver.key", 0o600), ("apiserver.crt", 0o644)):
            content = Path(scratch, name).read_bytes()
            files.write_atomic(f"{paths.PKI}/{name}", content, mode=mode, backup=True)
    _wait("the API server's new certificate", lambda: set(step.data["names"]) <= served_names(url), runner)


def _replace_manifest(runner: Runner, step: Step, url: str) -> None:
    name = step.data["name"]
    before = containers.running(runner, name)
    files.write_atomic(step.target, step.data["text"], mode=0o600, backup=True)
    health = f"{url}/readyz" if name == "kube-apiserver" else HEALTH[name]
    _wait(name, lambda: containers.running(runner, name) not in ("", before) and probe.healthy(health), runner)
    # Whatever restarted, the node counts as healthy when its API server says so.
    _wait("kube-apiserver", lambda: probe.healthy(f"{url}/readyz"), runner)


def _wait(what: str, ready: Callable[[], bool], runner: Runner) -> None:
    deadline = clock.monotonic() + HEALTH_TIMEOUT
    while not ready():
        if clock.monotonic() > deadline:
            evidence = command.gather_evidence(runner)
            raise KubeopsError(
                f"{what} did not become healthy with the new settings within {HEALTH_TIMEOUT:g} s",
                seen=json.dumps(evidence["dead_container"] or evidence["kubelet_log"]),
                fix="correct the setting and run again; the files replaced are kept below /var/lib/kubeops/backups",
                details={"evidence": evidence},
            )
        time.sleep(POLL_SECONDS)


def _config_map(api: ApiClient, name: str) -> dict[str, str]:
    found = api.get(object_path("configmaps", name, NAMESPACE))
    return dict(found.get("data", {})) if found else {}


def _read(directory: str, names: dict[str, str]) -> dict[str, str]:
    texts = {key: files.read_text(f"{directory}/{name}") for key, name in names.items()}
    return {key: text for key, text in texts.items() if text is not None}
