# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubelet's identity on its node has to be, and which steps lead there (pure).

These are the manual steps for a kubelet whose client certificate was not rotated, except that the key
is made on the node and stays there:
https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/troubleshooting-kubeadm/#kubelet-client-cert
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .._core.errors import KubeopsError
from .._core.plan import Plan, Refused, Step
from .._kubeadm import paths
from .._x509 import duration, issuance, issue, kubeconfig, load, policy
from .._x509.model import Kubeconfig, Unreadable
from .serving import GROUP, USER_PREFIX

ISSUE = "issue"
WRITE = "write"
REMOVE = "remove"
RESTART = "restart"
SERVING = f"{paths.KUBELET}/pki/kubelet.crt"
# What check_certificates warns of.
SERVING_RENEW_BEFORE = policy.Threshold(timedelta(days=30), 0.1)


@dataclass(frozen=True)
class Observed:
    """What the node has. Keys are secret.

    Attributes:
        client: certificate and key in one file; None where it is missing.
        kubeconfig: text of kubelet.conf; None where it is missing.
        unfinished: a key waits, so an earlier repair did not come to its end.
        serving: what the kubelet serves where nobody told it of another certificate, its own or one that was put there;
            None where there is none.
        serving_path: where that lies.
        healthy: the kubelet answers on its health port.
    """

    client: bytes | None = field(default=None, repr=False)
    kubeconfig: str | None = field(default=None, repr=False)
    unfinished: bool = False
    serving: bytes | None = None
    serving_path: str = SERVING
    healthy: bool = False


@dataclass(frozen=True)
class Wanted:
    """What the node shall have.

    Attributes:
        node_name: name of its Node.
        ca_cert: PEM of the cluster's CA.
        renew_before: as cert_check takes it, a time or a part of the lifetime.
        serving_renew_before: the same for the serving certificate that the kubelet made itself.
        server: URL of the API for a kubelet.conf that has to be made.
    """

    node_name: str
    ca_cert: bytes
    renew_before: policy.Threshold
    server: str = ""
    serving_renew_before: policy.Threshold = SERVING_RENEW_BEFORE

    @property
    def leaf(self) -> issue.Leaf:
        return issue.Leaf(f"{USER_PREFIX}{self.node_name}", (GROUP,))


def plan(observed: Observed, wanted: Wanted, now: datetime) -> Plan:
    """Return the steps in their order; none where the identity is good and the kubelet runs with it.

    Refused where the cluster itself gave the node another name, even if that certificate has ended.
    """
    other = _other_node(observed, wanted)
    if other:
        return Plan(refusals=(_renamed(other, wanted.node_name),))
    steps = []
    reason = _why_issue(observed, wanted, now)
    if reason:
        steps.append(Step(ISSUE, paths.KUBELET_CLIENT, reason))
    config = _parsed(observed)
    why_write = _why_write(observed, config, wanted)
    server = wanted.server or _server(config)
    if why_write and not server:
        return Plan(refusals=(_serverless(why_write),))
    if why_write:
        steps.append(Step(WRITE, paths.KUBELET_CONF, why_write, {"text": document(server, wanted.ca_cert)}))
    steps += _serving(observed, wanted.serving_renew_before, now)
    why_restart = _why_restart(observed, steps)
    if why_restart:
        steps.append(Step(RESTART, "kubelet", why_restart))
    return Plan(tuple(steps), warnings=_left_alone(observed, wanted.serving_renew_before, now))


def needs_signature(planned: Plan) -> bool:
    """Tell whether the CA has to sign for this plan."""
    return any(step.action == ISSUE for step in planned.steps)


def unsignable(planned: Plan, node_name: str, no_signer: str) -> tuple[Refused, ...]:
    """Return a refusal where the CA has to sign and no_signer says why no control plane does."""
    if not (no_signer and needs_signature(planned)):
        return ()
    reason = next(step.reason for step in planned.steps if step.action == ISSUE)
    return (
        Refused(
            "ca_external",
            f"the kubelet's client certificate: {reason}; no control plane has the key of the CA ({no_signer})",
            "",
            f"of a CA kept elsewhere: let its holder sign a certificate of CN={USER_PREFIX}{node_name}, O={GROUP}, "
            f"put it with its key, one PEM of mode 0600, at {paths.KUBELET_CLIENT}, let {paths.KUBELET_CONF} name that "
            "file, and restart the kubelet (https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/"
            "troubleshooting-kubeadm/#kubelet-client-cert); else bring a control plane back that has the key",
        ),
    )


def plan_serving(observed: Observed, before: policy.Threshold, now: datetime) -> Plan:
    """Return the steps for the serving certificate that the kubelet made itself, and for nothing else."""
    steps = _serving(observed, before, now)
    restart = [Step(RESTART, "kubelet", _why_restart(observed, steps))] if steps else []
    return Plan((*steps, *restart), warnings=_left_alone(observed, before, now))


def document(server: str, ca_cert: bytes) -> str:
    """A kubelet.conf whose user is the file that the kubelet rotates. Holds no secret."""
    authority = base64.b64encode(ca_cert).decode("ascii")
    return f"""apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {authority}
    server: {server}
  name: default-cluster
contexts:
- context:
    cluster: default-cluster
    namespace: default
    user: default-auth
  name: default-context
current-context: default-context
kind: Config
preferences: {{}}
users:
- name: default-auth
  user:
    client-certificate: {paths.KUBELET_CLIENT}
    client-key: {paths.KUBELET_CLIENT}
"""


def _why_issue(observed: Observed, wanted: Wanted, now: datetime) -> str:
    pem = observed.client
    try:
        begin, end = issue.validity(pem) if pem else (now, now)
        before = wanted.renew_before.of(end - begin)
    except KubeopsError:
        before = timedelta(0)  # unreadable, as why_due says
    return issuance.why_due(wanted.leaf, pem, pem, wanted.ca_cert, now, before)


def _other_node(observed: Observed, wanted: Wanted) -> str:
    """Name of the Node that the cluster's CA gave this kubelet, empty where it is the one wanted or none."""
    pem = observed.client or b""
    try:
        if not (issue.same_key(pem, pem) and issue.is_issued_by(pem, wanted.ca_cert)):
            return ""
        user = issue.leaf_of(pem).common_name
    except KubeopsError:
        return ""
    name = user[len(USER_PREFIX) :] if user.startswith(USER_PREFIX) else ""
    return "" if name == wanted.node_name else name


def _renamed(other: str, name: str) -> Refused:
    return Refused(
        "kubelet_of_another_node",
        f"{paths.KUBELET_CLIENT} is a certificate of the Node {other}, and this host's Node is said to be {name}",
        "kubeops_node_name",
        f"set it to {other} for this host; if the file was copied from another machine, move it away and run again",
    )


def _why_write(observed: Observed, config: Kubeconfig | None, wanted: Wanted) -> str:
    if observed.kubeconfig is None:
        return "it is missing"
    if config is None or len(config.users) != 1 or len(config.clusters) != 1:
        return "it cannot be read"
    user = next(iter(config.users.values()))
    if (user.certificate_file, user.key_file) != (paths.KUBELET_CLIENT, paths.KUBELET_CLIENT):
        return "its user is not the file that the kubelet rotates"
    cluster = next(iter(config.clusters.values()))
    if cluster.authority.strip() != wanted.ca_cert.strip() and cluster.authority_file != paths.CA_CERT:
        return "it trusts another CA than the cluster's"
    return ""


def _why_restart(observed: Observed, steps: list[Step]) -> str:
    if steps:
        return "it reads these files when it starts"
    if observed.unfinished:
        return "an earlier repair did not come to its end"
    return "" if observed.healthy else "it does not answer on its health port"


def _parsed(observed: Observed) -> Kubeconfig | None:
    try:
        return kubeconfig.parse((observed.kubeconfig or "").encode())
    except Unreadable:
        return None


def _server(config: Kubeconfig | None) -> str:
    return next((cluster.server for cluster in config.clusters.values()), "") if config else ""


def _serving(observed: Observed, before: policy.Threshold, now: datetime) -> list[Step]:
    ending = _ending(observed.serving, before, now)
    if not ending or not _made_by_kubelet(observed):
        return []
    text = f"its certificate {ending}, and the kubelet makes another only where there is none"
    return [Step(REMOVE, observed.serving_path, text)]


def _made_by_kubelet(observed: Observed) -> bool:
    try:
        return policy.made_by_kubelet(load.certificates(observed.serving or b""))
    except Unreadable:
        return False  # nobody knows whose it is


def _left_alone(observed: Observed, before: policy.Threshold, now: datetime) -> tuple[str, ...]:
    """A warning where a certificate ends that somebody put there: theirs to renew."""
    ending = _ending(observed.serving, before, now)
    if not ending or _made_by_kubelet(observed):
        return ()
    return (
        f"{observed.serving_path} is left alone: it {ending}, and is none that the kubelet made itself. Fix: put a new "
        "pair there and restart the kubelet, or move certificate and key away first, so that it makes its own.",
    )


def _ending(certificate: bytes | None, before: policy.Threshold, now: datetime) -> str:
    if certificate is None:
        return ""
    try:
        begin, end = issue.validity(certificate)
    except KubeopsError:
        return "cannot be read"
    left = end - now
    if left <= timedelta(0):
        return f"ended {duration.describe(-left)} ago"
    return f"ends in {duration.describe(left)}" if left <= before.of(end - begin) else ""


def _serverless(reason: str) -> Refused:
    return Refused(
        "kubelet_server_unknown",
        f"{paths.KUBELET_CONF}: {reason}, and nothing says where the API is",
        "kubelet_client_server",
        "set it to the URL of the API's endpoint",
    )
