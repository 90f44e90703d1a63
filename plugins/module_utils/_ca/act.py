# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out one stage of the rotation on a node."""

from __future__ import annotations

import base64
import ssl
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from .._core import clock, files, http
from .._core.errors import KubeopsError, Refusal
from .._core.plan import Plan, Step
from .._core.runner import Runner
from .._kubeadm import api, cluster_probe, containers, credentials, kubeconfig, paths, probe, static_pod
from .._x509 import issue, keep, renew
from .._x509.model import Certificate
from .._x509.renewal import RENEW
from . import kubelet_client, model, plan
from . import probe as observer

TIMEOUT = 180.0
# API servers look at their client CAs at once, and every minute where they missed that.
TRUST_TIMEOUT = 120.0
POLL_SECONDS = 0.5
STOP_SECONDS = "30"
KUBELET = "kubelet"
AT_ONCE = "bring it up first; rotate_ca goes on here"
ETCD_HEALTH = "http://127.0.0.1:2381/readyz"


def make(place: model.Place, bundle: Sequence[Certificate], key_type: str, valid_for: timedelta) -> None:
    """Make the CA that comes: the same name, another key. Its certificate last: that is what counts as made."""
    key = issue.make_key(key_type)
    name = bundle[0].common_name or place.common_name
    put(place, issue.make_ca(key, name, clock.now(), valid_for), key)


def put(place: model.Place, certificate: bytes, key: bytes) -> None:
    """Write a CA that comes beside the one in use."""
    keep.write_pair(place.next_cert, place.next_key, certificate, key, keep.Owner())


def carry_out(runner: Runner, planned: Plan, valid_for: timedelta, kubeconfigs: Sequence[str]) -> None:
    """Every step but the restarts, in order. kubeconfigs: those elsewhere that were looked at too."""
    for step in planned.steps:
        if step.action == plan.WRITE_CERT:
            files.write_atomic(step.target, _pem(step.data["certificates"]), keep.CERT_MODE, backup=True)
        elif step.action == plan.WRITE_KEY:
            _take_over_key(step.target)
        elif step.action == plan.TRUST:
            _trust(step.target, _pem(step.data["certificates"]))
        elif step.action == plan.MANIFEST:
            files.write_atomic(step.target, step.data["text"], mode=0o600, backup=True)
        elif step.action == plan.KUBELET_CLIENT:
            kubelet_client.replace(step.target)
        elif step.action in (plan.REMOVE, plan.KUBELET_SERVER):
            files.remove(step.target)
    _reissue(runner, [step for step in planned.steps if step.action == plan.REISSUE], valid_for, kubeconfigs)


def restart(runner: Runner, steps: Sequence[Step]) -> None:
    """One component after the other; each is healthy before the next. Quorum and the others are asked before each."""
    for step in steps:
        if step.target == KUBELET:
            runner.run(["systemctl", "restart", KUBELET], timeout=120)
        else:
            _require_others()
            _stop(runner, step.target)
        _wait(f"{step.target} did not become healthy", lambda name=step.target: _fresh(runner, name))  # type: ignore[misc]


def wait_until_trusted(place: model.Place) -> None:
    """Wait until this node's API server takes a client that the incoming CA signed: a file proves nothing."""
    leaf = issue.Leaf("kubeops:trust-probe")
    authority, key = files.read_bytes(place.next_cert) or b"", files.read_bytes(place.next_key) or b""
    own, certificate = issue.issue(leaf, authority, key, clock.now(), timedelta(minutes=10), "ecdsa-p256")
    url = f"{_api_url()}/version"
    Path(paths.RUN).mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=paths.RUN) as handle:
        handle.write(own + certificate)
        handle.flush()
        _wait("the API server does not trust the incoming CA", lambda: _accepted(url, handle.name), TRUST_TIMEOUT)


def wait_until_served(runner: Runner) -> None:
    """Wait until every port of this control plane serves what is on disk: the old CA has to be in nobody's use."""
    found = [each for each in renew.observe(runner).found if each.certificate]
    renew.wait_until_served(found, renew.SERVED_TIMEOUT, AT_ONCE)


def _accepted(url: str, identity: str) -> bool:
    """401 is what a certificate of an unknown CA gets; /version is open to everybody who is known."""
    try:
        return http.request(url, ca_file=paths.CA_CERT, cert_file=identity, key_file=identity).status == 200
    except KubeopsError:
        return False


def _take_over_key(target: str) -> None:
    place = next(place for place in model.PLACES if place.key == target)
    files.write_atomic(target, files.read_bytes(place.next_key) or b"", keep.KEY_MODE, backup=True)


def _trust(path: str, pem: bytes) -> None:
    encoded = base64.b64encode(pem).decode("ascii")
    text, count = plan.CA_DATA.subn(rf"\g<1>{encoded}", files.read_text(path) or "")
    if count != 1:
        raise KubeopsError(
            f"{path} is not written as kubeadm writes it",
            seen=f"certificate-authority-data stands there {count} times",
            fix="leave one cluster in it",
        )
    files.write_atomic(path, text, mode=0o600, backup=True)


def _reissue(runner: Runner, steps: Sequence[Step], valid_for: timedelta, kubeconfigs: Sequence[str]) -> None:
    if not steps:
        return
    found = renew.observe(runner, kubeconfigs).found
    named = Plan(tuple(Step(RENEW, step.data["name"], step.reason) for step in steps))
    renew.renew(found, named, valid_for)


def _require_others() -> None:
    """Refuse while etcd could not do without this member, or another control plane is not ready."""
    credentials.require_spare_member()
    deadline = clock.monotonic() + TIMEOUT
    with api.admin() as client:
        node = probe.own_node_name()
        while down := cluster_probe.not_ready(client, without=node):
            if clock.monotonic() > deadline:
                raise Refusal(
                    "another control plane is not ready, so nothing is restarted on this one",
                    seen=", ".join(down),
                    fix="repair that control plane, then run rotate_ca again: it goes on where it stopped",
                    rule="control_planes_one_at_a_time",
                )
            time.sleep(POLL_SECONDS)


def _stop(runner: Runner, name: str) -> None:
    before = containers.running(runner, name)
    if before:
        runner.run(["crictl", "stop", "--timeout", STOP_SECONDS, before], timeout=120, check=False)


def _fresh(runner: Runner, name: str) -> bool:
    """It began after everything that it read was written, and is healthy."""
    read = [*plan.read_once(observer.kubelet_ca())[name], f"{paths.MANIFESTS}/{name}.yaml"]
    newest = max(Path(path).stat().st_mtime for path in read if Path(path).exists())
    return observer.began(runner).get(name, 0.0) > newest - 1.0 and probe.healthy(_health(name))


def _health(name: str) -> str:
    if name == KUBELET:
        return kubeconfig.kubelet_health_url(files.read_text(paths.KUBELET_CONFIG) or "")
    if name == "kube-apiserver":
        return f"{_api_url()}/readyz"
    return ETCD_HEALTH if name == "etcd" else renew.health_url(name)


def _api_url() -> str:
    return static_pod.local_url(static_pod.parse(files.read_text(f"{paths.MANIFESTS}/kube-apiserver.yaml") or ""))


def _wait(what: str, ready: Callable[[], bool], timeout: float = TIMEOUT) -> None:
    deadline = clock.monotonic() + timeout
    while not ready():
        if clock.monotonic() > deadline:
            raise KubeopsError(
                f"{what} within {timeout:g} s",
                fix="see its log with crictl logs or journalctl -u kubelet; then run rotate_ca again: it goes on here",
            )
        time.sleep(POLL_SECONDS)


def _pem(certificates: Sequence[Certificate]) -> bytes:
    return "".join(ssl.DER_cert_to_PEM_cert(one.der) for one in certificates).encode("ascii")
