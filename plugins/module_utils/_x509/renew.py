# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observes and renews kubeadm's certificates on a control plane."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from .._core import clock, files
from .._core.errors import KubeopsError, Refusal
from .._core.plan import Plan, Step
from .._core.runner import Runner
from .._kubeadm import kubeconfig, paths, probe, static_pod
from . import estate, issue, keep
from .renewal import RENEW, Found

HEALTH = {
    estate.CONTROLLER_MANAGER: "https://127.0.0.1:10257/healthz",
    estate.SCHEDULER: "https://127.0.0.1:10259/healthz",
}
# kube-apiserver looks at its files at once, and every minute where it missed that.
SERVED_TIMEOUT = 90.0
RESTART_TIMEOUT = 180.0
STOP_SECONDS = "30"
POLL_SECONDS = 0.5
_NANOSECONDS = 1_000_000_000


def observe() -> list[Found]:
    """Read what kubeadm keeps on this node; raises Refusal where it is no control plane."""
    entries = [entry for entry in estate.estate(_layout()) if entry.managed_by == estate.KUBEADM]
    authorities = {entry.name: entry for entry in entries if entry.use == estate.CA}
    leaves = [entry for entry in entries if entry.authority]
    return [_found(entry, authorities.get(entry.authority)) for entry in leaves]


def started(runner: Runner) -> dict[str, float]:
    """Return when each component's running container was made, seconds since the epoch."""
    listed = json.loads(runner.run(["crictl", "ps", "--output", "json"], timeout=30).stdout)
    return {
        entry["metadata"]["name"]: int(entry["createdAt"]) / _NANOSECONDS
        for entry in listed.get("containers", [])
        if entry.get("labels", {}).get("io.kubernetes.pod.namespace") == "kube-system"
    }


def renew(found: Sequence[Found], planned: Plan, valid_for: timedelta) -> None:
    """Issue and write what the plan names: same subject and names, new key, one file after the other."""
    due = {step.target for step in planned.steps if step.action == RENEW}
    for each in found:
        if each.entry.name in due:
            _renew(each, valid_for, clock.now())


def restart(runner: Runner, steps: Sequence[Step]) -> None:
    """Restart components one after the other; each is healthy before the next."""
    for step in steps:
        _restart(runner, step.target)


def wait_until_served(found: Sequence[Found]) -> list[dict[str, str]]:
    """Return what is served on every port, once it is what is on disk; raises KubeopsError where it stays another."""
    ports = [(each.entry, endpoint) for each in found for endpoint in each.entry.endpoints]
    return [_wait_until_served(entry.name, entry.path, endpoint) for entry, endpoint in ports]


def _wait_until_served(name: str, path: str, endpoint: estate.Endpoint) -> dict[str, str]:
    wanted = issue.serial(files.read_bytes(path) or b"")
    deadline = clock.monotonic() + SERVED_TIMEOUT
    while (seen := served_serial(endpoint)) != wanted:
        if clock.monotonic() > deadline:
            raise KubeopsError(
                f"{name} was renewed, but {endpoint} does not serve it",
                seen=f"serial served {seen or 'none'}, on disk {wanted}",
                fix=f"restart {endpoint.name} on this node, see its log, then run again",
            )
        time.sleep(POLL_SECONDS)
    return {"name": name, "endpoint": str(endpoint), "serial": wanted}


def served_serial(endpoint: estate.Endpoint) -> str:
    """Return the serial number served, empty where nothing answers with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is looked at, not trusted
    try:
        plain = socket.create_connection((endpoint.host, endpoint.port), timeout=5)
        with plain, context.wrap_socket(plain) as secured:
            der = secured.getpeercert(binary_form=True)
    except OSError:
        return ""
    return issue.serial(ssl.DER_cert_to_PEM_cert(der).encode("ascii")) if der else ""


def _layout() -> estate.Layout:
    pods = {name: files.read_text(f"{paths.MANIFESTS}/{name}.yaml") for name in (*HEALTH, estate.API_SERVER, "etcd")}
    if pods[estate.API_SERVER] is None:
        raise Refusal(
            "this node is no control plane",
            seen=f"{paths.MANIFESTS}/kube-apiserver.yaml is missing",
            fix="run this on hosts of the group control_plane that are part of the cluster",
            rule="not_a_control_plane",
        )
    parsed = {name: static_pod.parse(text) for name, text in pods.items() if text is not None}
    etcd = parsed.get("etcd")
    flags = {name: values[-1] for name, values in etcd.arguments.items()} if etcd else {}
    return estate.Layout(
        api_server=parsed[estate.API_SERVER],
        controller_manager=parsed.get(estate.CONTROLLER_MANAGER),
        scheduler=parsed.get(estate.SCHEDULER),
        etcd=estate.EtcdSettings(flags) if etcd else None,
    )


def _found(entry: estate.Entry, authority: estate.Entry | None) -> Found:
    certificate, key = _pair(entry)
    path = Path(entry.path)
    return Found(
        entry,
        certificate,
        key,
        files.read_bytes(authority.path) if authority else None,
        files.read_bytes(authority.key_path) if authority and authority.key_path else None,
        path.stat().st_mtime if path.exists() else 0.0,
    )


def _pair(entry: estate.Entry) -> tuple[bytes | None, bytes | None]:
    if entry.form != estate.KUBECONFIG:
        return files.read_bytes(entry.path), files.read_bytes(entry.key_path)
    text = files.read_text(entry.path)
    if text is None:
        return None, None
    pem = kubeconfig.identity(text).pem.encode("ascii")
    return pem, pem


def _renew(found: Found, valid_for: timedelta, now: datetime) -> None:
    certificate = found.certificate or b""
    leaf, kind = issue.leaf_of(certificate), issue.key_type(certificate)
    key, renewed = issue.issue(leaf, found.ca_cert or b"", found.ca_key or b"", now, valid_for, kind)
    if found.entry.form == estate.KUBECONFIG:
        _write_kubeconfig(found.entry.path, key, renewed)
    else:
        keep.write_pair(found.entry.path, found.entry.key_path, renewed, key, keep.Owner())


def _write_kubeconfig(path: str, key: bytes, certificate: bytes) -> None:
    text = files.read_text(path) or ""
    for name, pem in (("client-certificate-data", certificate), ("client-key-data", key)):
        encoded = base64.b64encode(pem).decode("ascii")
        text, count = re.subn(rf"^(\s+{name}:\s*).*$", rf"\g<1>{encoded}", text, flags=re.MULTILINE)
        if count != 1:
            raise KubeopsError(
                f"{path} is not written as kubeadm writes it",
                seen=f"{name} stands there {count} times",
                fix="make it anew with kubeadm init phase kubeconfig",
            )
    files.write_atomic(path, text, mode=0o600, backup=True)


def _restart(runner: Runner, name: str) -> None:
    before = _container(runner, name)
    if before:
        runner.run(["crictl", "stop", "--timeout", STOP_SECONDS, before], timeout=120)
    deadline = clock.monotonic() + RESTART_TIMEOUT
    while _container(runner, name) in ("", before) or not probe.healthy(HEALTH[name]):
        if clock.monotonic() > deadline:
            raise KubeopsError(
                f"{name} did not become healthy within {RESTART_TIMEOUT:g} s of its restart",
                fix="see its log with crictl logs; the files replaced are kept below /var/lib/kubeops/backups",
            )
        time.sleep(POLL_SECONDS)


def _container(runner: Runner, name: str) -> str:
    listed = runner.run(["crictl", "ps", "--name", f"^{name}$", "--output", "json"], timeout=30)
    containers = json.loads(listed.stdout).get("containers", [])
    return str(containers[0]["id"]) if containers else ""
