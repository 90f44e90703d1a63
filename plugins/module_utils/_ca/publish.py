# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the cluster itself publishes its CAs, and what runs in it and has read them.

https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/
"""

from __future__ import annotations

import base64
import re
import ssl
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.plan import Refused, Step
from .._kubeadm import kubeconfig, paths
from .._kubeadm.api import MERGE_PATCH, ApiClient, object_path
from .._x509 import load
from .._x509.model import Certificate, Unreadable

ROOT_CA = "kube-root-ca.crt"
ANNOTATION = "kubeops.io/trusts-ca"
# Of the workload itself: it was not ready when its pods were to read this CA, so no run waits for it.
UNREADY_ANNOTATION = "kubeops.io/was-not-ready"
KINDS = {"Deployment": "deployments", "DaemonSet": "daemonsets", "StatefulSet": "statefulsets"}
BY_HAND = "OnDelete"
NEVER = "~"  # after every time stamp
CLUSTER_INFO = object_path("configmaps", "cluster-info", "kube-public")
AUTHENTICATION = object_path("configmaps", "extension-apiserver-authentication", "kube-system")
# What API servers publish for aggregated API servers: key of the ConfigMap, file here.
CLIENT_CAS = {
    "client-ca-file": paths.CA_CERT,
    "requestheader-client-ca-file": f"{paths.PKI}/front-proxy-ca.crt",
}
# The controller manager that leads may just have restarted: its lease is held for 15 s.
PUBLISH_TIMEOUT = 180.0
# What is on its way gets there, before it counts as not ready.
SETTLE_TIMEOUT = 60.0
POLL_SECONDS = 1.0
APPS = "apps/v1"
ROOT_CAS = f"/api/v1/configmaps?fieldSelector=metadata.name%3D{ROOT_CA}"
VARIABLE = "rotate_ca_restart_workloads"
BEHIND = "see the controller managers' logs"
UNREADY = (
    "see why the pods of what is named do not become ready (kubectl rollout status), or set "
    "rotate_ca_restart_workloads to system or none and replace them yourself before the stage signed"
)
STUCK = (
    "resume it, or set its partition to 0, for the time of the rotation; or set the variable to system or none and "
    "replace its pods yourself before the stage signed"
)
# As the cluster itself once named the secret of a service account's token, which holds the CAs too.
_TOKEN_SECRET = re.compile(r"-token(-[a-z0-9]{5})?$")
_DATA = re.compile(r"^(\s+certificate-authority-data:\s*).*$", re.MULTILINE)


@dataclass(frozen=True)
class Workload:
    """A Deployment, DaemonSet or StatefulSet as the API gives it."""

    kind: str
    item: Mapping[str, Any]

    @property
    def namespace(self) -> str:
        return str(self.item["metadata"]["namespace"])

    @property
    def name(self) -> str:
        return str(self.item["metadata"]["name"])

    @property
    def path(self) -> str:
        return object_path(KINDS[self.kind], self.name, self.namespace, APPS)

    @property
    def mark(self) -> str:
        """The incoming CA that its pods have read; empty where they bear none."""
        return str((self.item["spec"]["template"]["metadata"].get("annotations") or {}).get(ANNOTATION, ""))

    def was_unready(self, mark: str) -> bool:
        """Tell whether a run found it not ready before it let its pods be replaced for this CA."""
        return bool((self.item["metadata"].get("annotations") or {}).get(UNREADY_ANNOTATION) == mark)


@dataclass(frozen=True)
class Rule:
    """What a place that publishes CAs has to hold.

    exact: the CAs of the files and no other, as in the end. Otherwise the incoming one among others: nodes that have
    dropped the old CA, and nodes that have not, agree in that alone.
    """

    exact: bool

    def wanted(self, path: str) -> frozenset[str]:
        """Fingerprints that have to be published for the CA of this file."""
        waiting = "" if self.exact else files.read_text(f"{path[: -len('.crt')]}-next.crt")
        return prints(waiting or files.read_text(path) or "")

    def broken(self, published: frozenset[str], wanted: frozenset[str]) -> bool:
        """Tell whether what is published will not do."""
        return published != wanted if self.exact else not wanted <= published


def plan(client: ApiClient, restart: str, rule: Rule) -> list[Step]:
    """Return what is published otherwise than it has to be, and workloads that have not read it."""
    steps = []
    if _stale_cluster_info(client, rule):
        steps.append(Step("publish", "ConfigMap kube-public/cluster-info", "nodes that join trust what it says"))
    behind = _namespaces_behind(client, rule)
    if behind:
        reason = f"pods trust what it says; behind in {len(behind)} namespaces"
        steps.append(Step("wait", f"ConfigMaps {ROOT_CA}", reason))
    if _stale_client_cas(client, rule):
        reason = "aggregated API servers trust what it says"
        steps.append(Step("publish", "ConfigMap kube-system/extension-apiserver-authentication", reason))
    mark = _mark()
    return [*steps, *(restart_step(one, mark) for one in due(workloads(client, restart, mark), mark))]


def due(found: Sequence[Workload], mark: str) -> list[Workload]:
    """Return workloads whose pods are to be replaced or waited for, the cluster's own first."""
    left = [one for one in found if one.mark != mark or not (one.was_unready(mark) or rolled_out(one.item))]
    return sorted(left, key=lambda one: (one.namespace != "kube-system", one.namespace))


def restart_step(one: Workload, mark: str) -> Step:
    """Replace the pods of a workload, or wait for those that an earlier run let be replaced."""
    data = {"mark": mark, "held": held(one.item), "begun": one.mark == mark}
    return Step("restart", one.path, "its pods read the CAs when they started", data)


def refusals(steps: Sequence[Step]) -> list[Refused]:
    """Return one refusal for everything whose pods would never be replaced, however long somebody waits."""
    stuck = [f"{step.target}: {step.data['held']}" for step in steps if step.action == "restart" and step.data["held"]]
    return [Refused("workload_held_back", "; ".join(stuck), VARIABLE, STUCK)] if stuck else []


def publish(client: ApiClient, rule: Rule) -> None:
    """Bring the ConfigMaps to what the files say, and wait for those that the cluster itself writes."""
    text = _stale_cluster_info(client, rule)
    if text:
        encoded = base64.b64encode((files.read_text(paths.CA_CERT) or "").encode()).decode("ascii")
        client.patch(CLUSTER_INFO, {"data": {"kubeconfig": _DATA.sub(rf"\g<1>{encoded}", text)}}, MERGE_PATCH)
    _wait(lambda: _namespaces_behind(client, rule), f"{ROOT_CA} is behind in")
    # Every API server adds its own CAs; none takes away what another one does not have any more.
    _wait(lambda: _merged(client, rule), "extension-apiserver-authentication is behind in")


def restart_workloads(client: ApiClient, steps: Sequence[Step], timeout: float, at_once: int) -> None:
    """Let pods be replaced as their controllers do for any other change, those of so many workloads at a time.

    timeout: seconds until the pods of these few are replaced and ready. What was not ready before is replaced too, and
    not waited for: it may never become so.
    """
    unready = _unready(client, [step for step in steps if not step.data["begun"]])
    for start in range(0, len(steps), at_once):
        batch = steps[start : start + at_once]
        for step in batch:
            _restart(client, step, unready=step.target in unready)
        awaited = [step.target for step in batch if step.target not in unready]
        _wait(lambda targets=awaited: _not_rolled_out(client, targets), "pods are not replaced of", timeout, UNREADY)  # type: ignore[misc]


def unready(client: ApiClient, scope: str) -> list[str]:
    """Return what was not ready before its pods were to be replaced, and is not ready now."""
    mark = _mark()
    return [one.path for one in workloads(client, scope, mark) if one.was_unready(mark) and not rolled_out(one.item)]


def _unready(client: ApiClient, steps: Sequence[Step]) -> list[str]:
    """What does not become ready by itself, as something that merely starts does."""
    deadline = clock.monotonic() + SETTLE_TIMEOUT
    left = [step.target for step in steps]
    while (left := _not_rolled_out(client, left)) and clock.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return left


def _restart(client: ApiClient, step: Step, *, unready: bool) -> None:
    mark = step.data["mark"]
    body: dict[str, Any] = {"spec": {"template": {"metadata": {"annotations": {ANNOTATION: mark}}}}}
    if unready:
        body["metadata"] = {"annotations": {UNREADY_ANNOTATION: mark}}
    client.patch(step.target, body)


def _not_rolled_out(client: ApiClient, targets: Sequence[str]) -> list[str]:
    return [target for target in targets if not rolled_out(client.get(target))]


def workloads(client: ApiClient, scope: str, mark: str) -> list[Workload]:
    """Return the controllers of this scope whose pods hold the CAs; none where no rotation is under way."""
    if scope == "none" or not mark:
        return []
    found = [
        Workload(kind, item) for kind in KINDS for item in _items(client, object_path(KINDS[kind], "", group=APPS))
    ]
    return [
        one
        for one in found
        if (scope == "all" or one.namespace == "kube-system") and holds_token(one.item["spec"]["template"]["spec"])
    ]


def left_behind(client: ApiClient, scope: str) -> list[str]:
    """Return what owns running pods that hold the CAs they started with, and whose pods are not replaced here."""
    mark = _mark()
    if not mark:
        return []
    replaced = {(one.kind, one.namespace, one.name) for one in workloads(client, scope, mark) if not _by_hand(one.item)}
    pods = _items(client, "/api/v1/pods?fieldSelector=status.phase%3DRunning")
    incoming = prints(files.read_text(f"{paths.PKI}/ca-next.crt") or "")
    published = {item["metadata"]["namespace"]: published_at(item, incoming) for item in _items(client, ROOT_CAS)}
    return owners(pods, _items(client, object_path("replicasets", "", group=APPS)), replaced, published)


def owners(
    pods: Sequence[Mapping[str, Any]],
    replica_sets: Sequence[Mapping[str, Any]],
    replaced: Collection[tuple[str, str, str]],
    published: Mapping[str, str],
) -> list[str]:
    """Return the owners of pods that began before the CAs were published in their namespace, without those replaced.

    replaced: kind, namespace and name. published: time stamps of the API, by namespace.
    """
    above = {(item["metadata"]["namespace"], item["metadata"]["name"]): item["metadata"] for item in replica_sets}
    found: dict[str, None] = {}
    for pod in pods:
        namespace = pod["metadata"]["namespace"]
        kind, name = _controller(pod["metadata"]) or ("Pod", pod["metadata"]["name"])
        if kind == "ReplicaSet":
            kind, name = _controller(above.get((namespace, name), {})) or (kind, name)
        old = began(pod) < published.get(namespace, NEVER)
        if old and kind != "Node" and holds_token(pod["spec"]) and (kind, namespace, name) not in replaced:
            found[f"{namespace}/{name} ({kind})"] = None
    return list(found)


def began(pod: Mapping[str, Any]) -> str:
    """When the oldest container of a pod began: a program reads the CAs when it starts."""
    states = [one.get("state", {}).get("running") for one in pod["status"].get("containerStatuses", [])]
    return min((str(state["startedAt"]) for state in states if state), default=str(pod["status"].get("startTime", "")))


def published_at(config_map: Mapping[str, Any], incoming: frozenset[str]) -> str:
    """When a namespace's bundle got the incoming CA; empty once it holds that alone, so that this is over."""
    held = prints(config_map.get("data", {}).get("ca.crt", ""))
    if not incoming <= held:
        return NEVER
    metadata = config_map["metadata"]
    written = [str(each.get("time", "")) for each in metadata.get("managedFields", [])]
    return max([str(metadata.get("creationTimestamp", "")), *written]) if held != incoming else ""


def holds_token(spec: Mapping[str, Any]) -> bool:
    """Tell whether pods of this spec get a token or the CAs, by themselves or by a volume of their own."""
    if spec.get("automountServiceAccountToken") is not False:
        return True
    return any(_holds_cas(source) for volume in spec.get("volumes") or [] for source in _sources(volume))


def _sources(volume: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [volume, *((volume.get("projected") or {}).get("sources") or [])]


def _holds_cas(source: Mapping[str, Any]) -> bool:
    """Of a secret only the name is known here."""
    config_map, secret = source.get("configMap") or {}, source.get("secret") or {}
    is_token = _TOKEN_SECRET.search(str(secret.get("secretName") or secret.get("name") or ""))
    return "serviceAccountToken" in source or config_map.get("name") == ROOT_CA or is_token is not None


def held(item: Mapping[str, Any]) -> str:
    """Why a controller would leave its pods as they are; empty where it would not."""
    spec = item["spec"]
    if spec.get("replicas") == 0:
        return ""
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition", 0)
    return "it is paused" if spec.get("paused") else f"its partition is {partition}" if partition else ""


def rolled_out(item: Mapping[str, Any] | None) -> bool:
    """Tell whether every pod of a Deployment, DaemonSet or StatefulSet is of its present template, and ready."""
    if item is None:
        return True
    status = item.get("status", {})
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return False
    if _by_hand(item):
        return True
    wanted = status.get("desiredNumberScheduled", item["spec"].get("replicas", 0))
    updated = status.get("updatedNumberScheduled", status.get("updatedReplicas", 0))
    ready = status.get("numberReady", status.get("readyReplicas", 0))
    return bool(updated >= wanted and ready >= wanted and status.get("replicas", wanted) <= wanted)


def prints(pem: str) -> frozenset[str]:
    """Fingerprints of the certificates in a text, none where it holds none."""
    return frozenset(one.fingerprint for one in _certificates(pem))


def _certificates(pem: str) -> tuple[Certificate, ...]:
    try:
        return load.certificates(pem.encode("utf-8"))
    except Unreadable:
        return ()


def _mark() -> str:
    """The incoming CA, which pods have read once they bear it; none where no rotation is under way."""
    text = files.read_text(f"{paths.PKI}/ca-next.crt")
    return _certificates(text)[0].fingerprint[:16] if text else ""


def _stale_cluster_info(client: ApiClient, rule: Rule) -> str:
    """Its text where that will not do, empty where it will, or where there is none."""
    found = client.get(CLUSTER_INFO)
    text = str((found or {}).get("data", {}).get("kubeconfig", ""))
    published = kubeconfig.certificate_authority(text, "ConfigMap kube-public/cluster-info")
    stale = text and rule.broken(prints(published), rule.wanted(paths.CA_CERT))
    return text if stale else ""


def _namespaces_behind(client: ApiClient, rule: Rule) -> list[str]:
    wanted = rule.wanted(paths.CA_CERT)
    return [
        item["metadata"]["namespace"]
        for item in _items(client, ROOT_CAS)
        if rule.broken(prints(item.get("data", {}).get("ca.crt", "")), wanted)
    ]


def _stale_client_cas(client: ApiClient, rule: Rule) -> dict[str, str]:
    """What has to be written, by key: the CAs of the files."""
    data = (client.get(AUTHENTICATION) or {}).get("data", {})
    return {
        key: files.read_text(path) or ""
        for key, path in CLIENT_CAS.items()
        if key in data and rule.broken(prints(data[key]), rule.wanted(path))
    }


def _merged(client: ApiClient, rule: Rule) -> list[str]:
    stale = _stale_client_cas(client, rule)
    if stale:
        pems = {
            key: "".join(ssl.DER_cert_to_PEM_cert(one.der) for one in _certificates(text))
            for key, text in stale.items()
        }
        client.patch(AUTHENTICATION, {"data": pems}, MERGE_PATCH)
    return list(stale)


def _by_hand(item: Mapping[str, Any]) -> bool:
    return (item["spec"].get("updateStrategy") or {}).get("type") == BY_HAND


def _controller(metadata: Mapping[str, Any]) -> tuple[str, str] | None:
    """Kind and name of what replaces it; of a static pod a Node, and that has no token."""
    owned = [each for each in metadata.get("ownerReferences", []) if each.get("controller")]
    return (str(owned[0]["kind"]), str(owned[0]["name"])) if owned else None


def _items(client: ApiClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (client.get(path) or {}).get("items", [])
    return found


def _wait(left: Callable[[], Sequence[str]], what: str, timeout: float = PUBLISH_TIMEOUT, fix: str = BEHIND) -> None:
    deadline = clock.monotonic() + timeout
    while behind := left():
        if clock.monotonic() > deadline:
            raise KubeopsError(
                f"{what} {', '.join(behind[:10])}",
                seen=f"for {timeout:g} s",
                fix=f"{fix}; then run rotate_ca again: it goes on here",
            )
        time.sleep(POLL_SECONDS)
