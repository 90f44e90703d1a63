# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observes and renews kubeadm's certificates on a control plane."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from .._core import clock, files
from .._core.errors import KubeopsError, Refusal
from .._core.plan import Plan, Step
from .._core.runner import Runner
from .._kubeadm import api, cluster_probe, containers, credentials, paths, probe, reconfigure, static_pod
from .._kubeadm.containers import Container
from . import estate, issue, keep, load, renewal, served
from . import observe as layouts
from .renewal import RECOVER, RENEW, RESTART, WAKE, Found, not_permitted

# kube-apiserver looks at its files at once, and every minute where it missed that.
SERVED_TIMEOUT = 90.0
# In a cluster that is down the others have to come up too before etcd serves.
RECOVERY_TIMEOUT = 300.0
RESTART_TIMEOUT = 180.0
STOP_SECONDS = "30"
POLL_SECONDS = 0.5
AT_ONCE = "renew all control planes at once (playbook recover_certificates)"


@dataclass(frozen=True)
class Observed:
    """What is on the node: kubeadm's certificates, and the components that read them."""

    found: Sequence[Found]
    components: Mapping[str, Container]


def observe(runner: Runner, kubeconfigs: Sequence[str] = ()) -> Observed:
    """Read what kubeadm keeps on this node, and these kubeconfigs; raises Refusal on what is no whole control plane."""
    layout = layouts.layout()
    _require_whole(layout)
    entries = [entry for entry in estate.estate(layout) if entry.managed_by == estate.KUBEADM]
    authorities = estate.authorities(entries)
    known = {os.path.realpath(entry.path) for entry in entries}
    more = [path for path in dict.fromkeys(map(os.path.realpath, kubeconfigs)) if path not in known]
    entries += [estate.owned_kubeconfig(path) for path in more]
    found = [_found(entry, authorities.get(entry.authority)) for entry in entries if entry.authority]
    expected = {reader: Container() for entry in entries for reader in entry.readers if reader != estate.KUBELET}
    newest = containers.newest(runner)
    return Observed(found, {name: newest.get(name, none) for name, none in expected.items()})


def named(observed: Observed, names: Sequence[str], kubeconfigs: Sequence[str] = ()) -> dict[str, bool]:
    """Tell of these names and kubeconfigs whether they are on this node; another control plane may have the others."""
    here = {each.entry.name for each in observed.found if each.certificate is not None}
    return {**{name: name in here for name in names}, **{path: Path(path).exists() for path in kubeconfigs}}


def _require_whole(layout: estate.Layout) -> None:
    if layout.api_server is None:
        raise Refusal(
            "this node is no control plane",
            seen=f"{paths.MANIFESTS} holds none of its manifests",
            fix="run this on hosts of the group control_plane that are part of the cluster",
            rule="not_a_control_plane",
        )
    if layout.missing:
        raise Refusal(
            "this control plane is not whole, so nothing says what reads its certificates",
            seen=f"missing in {paths.MANIFESTS}: {', '.join(layout.missing)}",
            fix="put the manifests back first",
            rule="manifest_missing",
        )
    if layout.pki != paths.PKI:
        raise Refusal(
            "this control plane keeps its certificates in another directory than the rest of this collection knows",
            seen=f"certificatesDir {layout.pki}, by the manifest of {estate.API_SERVER}",
            fix=f"renew them with kubeadm certs renew, or move them to {paths.PKI} in kubeadm's configuration and the "
            "manifests; check_certificates looks at them where they are",
            rule="certificates_dir_unknown",
        )


def renew(found: Sequence[Found], planned: Plan, valid_for: timedelta) -> None:
    """Issue and write what the plan names: same subject and names, new key, one file after the other."""
    due = {step.target for step in planned.steps if step.action == RENEW}
    for each in found:
        if each.entry.name in due:
            _renew(each, valid_for, clock.now())


def require_others(ended: Sequence[str] = (), way_out: str = RECOVER) -> None:
    """Raise Refusal where the others could not do without this control plane for a while.

    ended: certificates of this node that nobody can use any more; way_out: what to do then.
    """
    try:
        with api.admin() as client:
            credentials.require_healthy(client)
            name = layouts.node_name()
            reconfigure.require_others_ready(client, name)
            credentials.require_spare_member(cluster_probe.other_members(client, name))
    except KubeopsError as error:
        raise not_permitted(error, ended, way_out) from error


def require_nobody() -> None:
    """In a cluster that is down there is nobody to spare."""


def restart(runner: Runner, steps: Sequence[Step], before_each: Callable[[], None]) -> None:
    """Restart components one after the other; each is healthy before the next."""
    down = [step.target for step in steps if step.action == WAKE]
    if down:
        before_each()
        runner.run(["systemctl", "restart", estate.KUBELET], timeout=120)
    for step in steps:
        if step.action == RESTART:
            before_each()
            _stop(runner, step.target)
        _wait_until_healthy(runner, step.target)


def wait_until_served(found: Sequence[Found], timeout: float, at_once: str = AT_ONCE) -> list[dict[str, str]]:
    """Return what is served on every port, once it is what is on disk; raises KubeopsError where it stays another.

    at_once: what to do where the whole cluster is down.
    """
    ports = [(each.entry, endpoint) for each in found for endpoint in each.entry.endpoints]
    deadline = clock.monotonic() + timeout
    return [_wait_until_served(entry, endpoint, deadline, at_once) for entry, endpoint in ports]


def _wait_until_served(entry: estate.Entry, endpoint: estate.Endpoint, deadline: float, at_once: str) -> dict[str, str]:
    wanted = load.certificates(files.read_bytes(entry.path) or b"")[0].serial
    while (seen := served.served(endpoint)).serial != wanted:
        if clock.monotonic() > deadline:
            raise KubeopsError(
                f"{entry.name} was renewed, but {endpoint} does not serve it",
                seen=f"serial served {seen.serial or 'none'} {seen.failure}, on disk {wanted}",
                fix=f"restart {endpoint.name} on this node, see its log, then run again; where the whole cluster is "
                f"down, {at_once}",
            )
        time.sleep(POLL_SECONDS)
    return {"name": entry.name, "endpoint": str(endpoint), "serial": wanted}


def _found(entry: estate.Entry, authority: estate.Entry | None) -> Found:
    certificate, key, defect = _pair(entry)
    path = Path(entry.path)
    ca_cert = files.read_bytes(authority.path) if authority else None
    if entry.name == entry.path and certificate and not defect:
        defect = renewal.foreign(certificate, ca_cert)
    return Found(
        entry,
        certificate,
        key,
        ca_cert,
        files.read_bytes(authority.key_path) if authority and authority.key_path else None,
        path.stat().st_mtime if path.exists() else 0.0,
        defect,
        authority.path if authority else "",
        authority.key_path if authority else "",
        files.links(filter(None, (entry.path, entry.key_path))),
    )


def _pair(entry: estate.Entry) -> tuple[bytes | None, bytes | None, str]:
    """Certificate and key, and why its file could not be written anew."""
    if entry.form != estate.KUBECONFIG:
        return files.read_bytes(entry.path), files.read_bytes(entry.key_path), ""
    data = files.read_bytes(entry.path)
    if data is None:
        return None, None, ""
    pem, defect = renewal.embedded(data)
    return pem, pem, defect


def _renew(found: Found, valid_for: timedelta, now: datetime) -> None:
    certificate = found.certificate or b""
    leaf, kind = issue.leaf_of(certificate), issue.key_type(certificate)
    key, renewed = issue.issue(leaf, found.ca_cert or b"", found.ca_key or b"", now, valid_for, kind)
    write(found.entry, key, renewed)


def write(entry: estate.Entry, key: bytes, certificate: bytes) -> None:
    """Replace a certificate and its key where they stand: two files, or a kubeconfig."""
    if entry.form == estate.KUBECONFIG:
        _write_kubeconfig(entry.path, key, certificate)
    else:
        keep.write_pair(entry.path, entry.key_path, certificate, key, keep.Owner())


def _write_kubeconfig(path: str, key: bytes, certificate: bytes) -> None:
    text = files.read_text(path) or ""
    for name, pem in zip(renewal.EMBEDDED, (certificate, key)):
        encoded = base64.b64encode(pem).decode("ascii")
        text, count = renewal.line(name).subn(rf"\g<1>{encoded}", text)
        if count != 1:
            raise KubeopsError(
                f"{path} is not written as kubeadm writes it",
                seen=f"{name} stands there {count} times",
                fix="make it anew with kubeadm init phase kubeconfig",
            )
    files.write_atomic(path, text, mode=0o600, backup=True)


def _stop(runner: Runner, name: str) -> None:
    """The kubelet starts it again; who waits for its health must not see the one that ends."""
    before = containers.running(runner, name)
    if before:
        runner.run(["crictl", "stop", "--timeout", STOP_SECONDS, before], timeout=120)


def health_url(name: str) -> str:
    """Where the controller manager or the scheduler of this node says whether it is healthy, by its manifest."""
    pod = static_pod.parse(files.read_text(f"{paths.MANIFESTS}/{name}.yaml") or "")
    return static_pod.health_url(pod, static_pod.LOCAL_PORTS[name])


def _healthy(name: str) -> bool:
    return name not in static_pod.LOCAL_PORTS or probe.healthy(health_url(name))


def _wait_until_healthy(runner: Runner, name: str) -> None:
    deadline = clock.monotonic() + RESTART_TIMEOUT
    while not (containers.running(runner, name) and _healthy(name)):
        if clock.monotonic() > deadline:
            raise KubeopsError(
                f"{name} did not become healthy within {RESTART_TIMEOUT:g} s of its restart",
                fix="see its log with crictl logs; the files replaced are kept below /var/lib/kubeops/backups",
            )
        time.sleep(POLL_SECONDS)
