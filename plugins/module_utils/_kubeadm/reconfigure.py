# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a live node to changed settings, one component after the other."""

from __future__ import annotations

import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._core import clock, files
from .._core.errors import KubeopsError, Refusal
from .._core.plan import Plan, Step
from .._core.runner import Runner
from . import (
    cluster_probe,
    command,
    config,
    credentials,
    drift,
    generate,
    paths,
    probe,
    safety,
    static_pod,
    trial,
)
from .api import ApiClient, admin, object_path

NAMESPACE = "kube-system"
SERVED_TIMEOUT = 300.0
PHASE_TIMEOUT = 120.0
OTHERS_TIMEOUT = 60.0
RESTART_TIMEOUT = 30.0
POLL_SECONDS = 1.0
KUBE_PROXY_ANNOTATION = "kubeops.io/config-applied"


def observe_control_plane(api: ApiClient) -> drift.Live:
    """Read from node and cluster what kubeadm's settings became."""
    return replace(
        _own_files(),
        config_maps={name: _config_map(api, name) for name in ("kubeadm-config", "kubelet-config", "kube-proxy")},
        served_names=served_names(api.url),
    )


def _own_files() -> drift.Live:
    manifests = _read(paths.MANIFESTS, {name: f"{name}.yaml" for name in generate.MANIFESTS})
    return drift.Live(
        manifests=manifests,
        kubelet=_read(paths.KUBELET, {name: name for name in generate.KUBELET_FILES}),
    )


def own_version() -> str:
    """Return the version that this node's API server has by its manifest."""
    return static_pod.parse(files.read_text(f"{paths.MANIFESTS}/kube-apiserver.yaml") or "").version


def observe_worker() -> drift.Live:
    """Read what the kubelet of a worker runs with."""
    return drift.Live(kubelet=_read(paths.KUBELET, {name: name for name in generate.KUBELET_FILES}))


def plan_worker(runner: Runner, node: config.Node, extra: Mapping[str, Mapping[str, Any]]) -> Plan:
    """Plan what brings a worker's kubelet to the cluster's configuration and to its own flags."""
    live = observe_worker()
    flags = drift.with_birth_flags(
        generate.worker_flags(runner, node, extra), live.kubelet.get(generate.FLAGS_FILE, "")
    )
    wanted = {**generate.worker(runner, node.patches).kubelet, generate.FLAGS_FILE: flags}
    return drift.plan(generate.Generated(kubelet=wanted), live)


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


def require_others(api: ApiClient, node_name: str, planned: Plan) -> None:
    """Raise Refusal where the cluster could not do without what the plan restarts on this node."""
    if drift.restarts(planned):
        require_others_ready(api, node_name)
    if drift.restarts_etcd(planned):
        credentials.require_spare_member(cluster_probe.other_members(api, node_name))


def act(runner: Runner, planned: Plan, documents: Sequence[config.Document], url: str) -> None:
    """Carry out the steps in their order, waiting for each component before the next."""
    for step in planned.steps:
        if step.action == drift.CERTIFICATE:
            _renew_certificate(runner, step, documents, url)
        elif step.action == drift.MANIFEST:
            _replace_manifest(runner, step)
    kubelet(runner, planned)
    with command.config_file(config.dump(documents)) as path:
        _config_maps(runner, [step for step in planned.steps if step.action == drift.CONFIG_MAP], path)


def kubelet(runner: Runner, planned: Plan) -> None:
    """Write the kubelet's files, restart it, and wait until it is healthy; else the files replaced come back."""
    texts = {step.target: step.data["text"] for step in planned.steps if step.action == drift.KUBELET}
    if texts:
        trial.change(runner, trial.kubelet(runner), texts)


def is_down(api: ApiClient) -> bool:
    """Whether this node's API server is not ready, also after what a restart takes."""
    deadline = clock.monotonic() + RESTART_TIMEOUT
    while not api.ready():
        if clock.monotonic() > deadline:
            return True
        time.sleep(POLL_SECONDS)
    return False


def plan_revival(runner: Runner, documents: Sequence[config.Document]) -> Plan:
    """Plan what may bring this node's API server back, without asking any: what is down here and stands otherwise.

    What is down loses nothing by being replaced; what runs is left until the API answers.
    """
    wanted, live = generate.without_api(runner, documents), _own_files()
    safety.refuse(drift.refuse_remaking(wanted, live))
    broken = {trial.API_SERVER} | (set() if probe.healthy(trial.health_url(trial.ETCD)) else {trial.ETCD})
    return drift.plan(
        generate.Generated(
            manifests={name: text for name, text in wanted.manifests.items() if name in broken},
            kubelet={} if trial.kubelet_healthy() else wanted.kubelet,
        ),
        live,
    )


def revive(runner: Runner, planned: Plan) -> None:
    """Carry out that plan: the kubelet first, because it starts the others."""
    kubelet(runner, planned)
    for step in planned.steps:
        if step.action == drift.MANIFEST:
            name = step.data["name"]
            trial.change(
                runner, trial.component(runner, name, alone=name == trial.ETCD), {step.target: step.data["text"]}
            )
    trial.require_healthy(trial.component(runner, trial.API_SERVER))


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
    _wait_until_served(step.data["names"], url)


def _replace_manifest(runner: Runner, step: Step) -> None:
    name, new = step.data["name"], step.data["text"]
    old = files.read_text(step.target) or ""
    # A member that has written in a newer format may not start as an older one.
    way_back = name != "etcd" or static_pod.parse(old).image == static_pod.parse(new).image
    trial.change(runner, trial.component(runner, name), {step.target: new}, way_back=way_back)


def _wait_until_served(names: Collection[str], url: str) -> None:
    deadline = clock.monotonic() + SERVED_TIMEOUT
    while not set(names) <= served_names(url):
        if clock.monotonic() > deadline:
            raise KubeopsError(
                f"the API server does not serve its new certificate within {SERVED_TIMEOUT:g} s",
                seen=f"{url} does not name {', '.join(sorted(set(names) - served_names(url)))}",
                fix="see its log, then run again; the files replaced are kept below /var/lib/kubeops/backups",
            )
        time.sleep(POLL_SECONDS)


def _config_map(api: ApiClient, name: str) -> dict[str, str]:
    found = api.get(object_path("configmaps", name, NAMESPACE))
    return dict(found.get("data", {})) if found else {}


def _read(directory: str, names: dict[str, str]) -> dict[str, str]:
    texts = {key: files.read_text(f"{directory}/{name}") for key, name in names.items()}
    return {key: text for key, text in texts.items() if text is not None}
