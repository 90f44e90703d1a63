# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be right before an upgrade, besides versions (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._drain import facts as drain_facts
from .._drain import predict
from .._etcd.quorum import quorum
from .._inventory.finding import ERROR, WARNING, Finding
from .._version.verdict import SKIPPED, Verdict, verdict
from .._version.version import Minor
from .assemble import Seen

KUBEADM_UPGRADE = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/"
ETCD_FAQ = "https://etcd.io/docs/v3.6/faq/#what-is-failure-tolerance"
ETCD_SPACE = "https://etcd.io/docs/v3.6/op-guide/maintenance/#space-quota"
CERTIFICATES = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/"
DEPRECATED = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/#locate-use-of-deprecated-apis"
RECONFIGURE = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-reconfigure/"
WEBHOOKS = "https://kubernetes.io/releases/version-skew-policy/#supported-component-upgrade-order"
DRAIN = "https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/"
CLOUD = "https://kubernetes.io/releases/version-skew-policy/#kube-controller-manager-kube-scheduler-and-cloud-controller-manager"
# kubeadm replaces these whole; in the ConfigMaps it keeps, or migrates, what others wrote.
WRITTEN_ANEW = ("deployments/coredns", "daemonsets/kube-proxy")
# The number of replicas is kept, and annotations of the template only say when pods were restarted.
KEPT_FIELDS = ("metadata.", "spec.replicas", "spec.template.metadata.annotations")
SHOWN_FIELDS = 5
# Without a road there is no way to go, whatever the reason.
NEVER_SKIPPED = ("road",)
ADDONS = "https://kubernetes.io/docs/tasks/administer-cluster/coredns/#upgrading-an-existing-cluster-with-kubeadm"


@dataclass(frozen=True)
class Limits:
    """disk_free_mib by path; certificate_seconds that every certificate has to be valid for."""

    disk_free_mib: Mapping[str, int] = field(default_factory=dict)
    certificate_seconds: float = 86400.0


def gates(seen: Seen, limits: Limits, target: Minor, etcd_copies: int = 1, idle: bool = False) -> list[Verdict]:
    """One verdict for each gate. etcd_copies: of etcd's data by kubeadm that a node has at once. idle: no hop."""
    members = seen.cluster["etcd"]["members"]
    return [
        *_node_gates(seen, limits, etcd_copies, idle),
        verdict("gate.etcd", "every etcd member answers without errors", ETCD_FAQ, _etcd(seen)),
        verdict("gate.quorum", "etcd keeps its quorum while one member restarts", ETCD_FAQ, _quorum(members)),
        verdict("gate.learner", "no etcd member is a learner", ETCD_FAQ, _learner(members)),
        verdict("gate.alarm", "etcd has no alarm", ETCD_SPACE, _alarm(members)),
        verdict(
            "gate.deprecated_apis", "nobody asks for an API that the target removes", DEPRECATED, _apis(seen, target)
        ),
        verdict("gate.drift", "manifests and kubelets' settings are as kubeadm writes them", RECONFIGURE, _drift(seen)),
        verdict("gate.webhooks", "no admission webhook can block the upgrade", WEBHOOKS, _webhooks(seen)),
        verdict(
            "gate.cloud_controllers", "there is no cloud-controller-manager to bring along", CLOUD, _cloud(seen, target)
        ),
        verdict("gate.customisations", "kubeadm's addons are as kubeadm made them", ADDONS, _customisations(seen)),
    ]


def _node_gates(seen: Seen, limits: Limits, etcd_copies: int = 1, idle: bool = False) -> list[Verdict]:
    """Gates that have something to say without the cluster too."""
    room = "there is room for images, and for kubeadm's copy of etcd"
    certificates = "no certificate ends during the upgrade"
    return [
        verdict("gate.observed", "every node was looked at", KUBEADM_UPGRADE, _observed(seen, idle)),
        verdict("gate.nodes", "every node is Ready and schedulable", KUBEADM_UPGRADE, _nodes(seen)),
        verdict("gate.components", "every control plane component is ready", KUBEADM_UPGRADE, _components(seen)),
        verdict("gate.disk", room, KUBEADM_UPGRADE, _disk(seen, limits, etcd_copies)),
        verdict("gate.certificates", certificates, CERTIFICATES, _certificates(seen, limits)),
    ]


def gates_without_cluster(seen: Seen, limits: Limits) -> list[Verdict]:
    """What nodes say of themselves, where no control plane answers."""
    return _node_gates(replace(seen, cluster={"nodes": [], "components": []}), limits)


def no_cluster(why: str) -> Verdict:
    """The verdict that no control plane answers, which cannot be switched off: there is nothing to plan with."""
    fix = "see what nodes say of themselves above, and bring one control plane back"
    finding = Finding("cluster", ERROR, why or "no control plane answers", fix, ("cluster",))
    return verdict("cluster", "a control plane answers", KUBEADM_UPGRADE, [finding])


def drain_gate(seen: Seen, batches: Sequence[Sequence[str]], accepted: predict.Accepted) -> Verdict:
    """The verdict about draining these batches of nodes, as things are now."""
    found = predict.blockers(drain_facts.seen(seen.cluster["drain"]), batches, accepted)
    return verdict("gate.drain", "every node can be drained, in batches as they will be", DRAIN, map(_blocker, found))


def _blocker(blocker: predict.Blocker) -> Finding:
    # What may pass is waited for, and judged again, right before the first drain.
    level = WARNING if blocker.passing else ERROR
    return Finding("gate.drain", level, blocker.evidence, blocker.fix, (blocker.node,))


def without_skipped(verdicts: Sequence[Verdict], skip: Mapping[str, str]) -> list[Verdict]:
    """Verdicts with those switched off that skip names, alone (skew.kubelet) or as a family (skew), with the reason."""
    return [_skipped(entry, skip.get(entry.rule) or skip.get(entry.rule.partition(".")[0], "")) for entry in verdicts]


def _skipped(entry: Verdict, reason: str) -> Verdict:
    wanted = reason and entry.rule not in NEVER_SKIPPED
    return replace(entry, status=SKIPPED, reason=str(reason)) if wanted else entry


def _limit(hosts: Sequence[str]) -> str:
    return f"--limit '{':'.join(f'!{host}' for host in hosts)}'"


def _observed(seen: Seen, idle: bool) -> Iterator[Finding]:
    if seen.unreachable:
        fix = "bring it back, take it out of the inventory and the cluster, or, a worker, leave it out with "
        yield Finding("gate.observed", ERROR, "is out of reach", fix + _limit(seen.unreachable), seen.unreachable)
    if seen.strangers:
        fix = f"join it first (create_cluster.yml), or leave it out with {_limit(seen.strangers)}"
        level = WARNING if idle else ERROR
        yield Finding("gate.observed", level, "is in the inventory and no node of the cluster yet", fix, seen.strangers)
    names = {node["name"] for node in seen.cluster["nodes"]}
    missing = tuple(sorted(names - set(seen.nodes) - set(seen.unreachable)))
    if missing:
        fix = "add it to the inventory, run without --limit, or skip this gate"
        yield Finding("gate.observed", WARNING, "is a node of the cluster that this run did not look at", fix, missing)


def _nodes(seen: Seen) -> Iterator[Finding]:
    for name, facts in seen.nodes.items():
        if facts["busy"]:
            message = "another run, or a kubeadm that outlived one, still works on it"
            yield Finding("node.busy", ERROR, message, "wait until it has ended, then run again", (name,))
        if facts["kubelet_healthy"] is False:
            fix = "repair it (journalctl -u kubelet)"
            yield Finding("gate.nodes", ERROR, "its kubelet says that it is not healthy", fix, (name,))
    for node in seen.cluster["nodes"]:
        if not node["ready"]:
            fix = "repair it (journalctl -u kubelet), or remove it from the cluster"
            yield Finding("gate.nodes", ERROR, "is not Ready", fix, (node["name"],))
        elif node["unschedulable"]:
            fix = "kubectl uncordon it if that was not on purpose; the upgrade leaves it cordoned"
            yield Finding("gate.nodes", WARNING, "is cordoned", fix, (node["name"],))


def _components(seen: Seen) -> Iterator[Finding]:
    for name, facts in seen.nodes.items():
        if facts["api_ready"] is False:
            fix = "on the node: crictl ps -a --name kube-apiserver, and crictl logs of the last one"
            yield Finding("gate.components", ERROR, "its own API server does not answer /readyz", fix, (name,))
    for pod in seen.cluster["components"]:
        if not pod["ready"]:
            fix = f"on the node: crictl ps -a --name {pod['component']}, and crictl logs of the last one"
            yield Finding("gate.components", ERROR, f"{pod['component']} is not ready", fix, (pod["node"],))


def _etcd(seen: Seen) -> Iterator[Finding]:
    etcd = seen.cluster["etcd"]
    if etcd["error"]:
        yield Finding("gate.etcd", ERROR, f"no member list: {etcd['error']}", "look at etcd's log", ("cluster",))
    for member in etcd["members"]:
        if not member["healthy"]:
            seen_errors = "; ".join(member["errors"])
            yield Finding(
                "gate.etcd", ERROR, f"etcd: {seen_errors}", "look at its log", (member["name"] or member["id"],)
            )


def _quorum(members: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    voters = [member for member in members if not member["is_learner"]]
    working = [member for member in voters if member["works"]]
    if len(voters) == 1:
        message = "there is one etcd member: the API stops while it restarts"
        yield Finding("gate.quorum", WARNING, message, "add control planes, or tell your users", ("cluster",))
    elif voters and len(working) - 1 < quorum(len(voters)):
        message = f"{len(working)} of {len(voters)} members are healthy: one less is no quorum ({quorum(len(voters))})"
        yield Finding("gate.quorum", ERROR, message, "repair the other members first", ("cluster",))


def _learner(members: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for member in members:
        if member["is_learner"]:
            fix = "wait until it is promoted, or remove it"
            yield Finding("gate.learner", ERROR, "is still a learner", fix, (member["name"] or member["id"],))


def _alarm(members: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for member in members:
        alarms = [error for error in member["errors"] if "alarm" in error.lower()]
        if alarms:
            fix = "compact and defragment etcd, or raise its quota, then disarm the alarm"
            yield Finding("gate.alarm", ERROR, "; ".join(alarms), fix, (member["name"],))


def _disk(seen: Seen, limits: Limits, etcd_copies: int) -> Iterator[Finding]:
    for name, facts in seen.nodes.items():
        wanted = dict(limits.disk_free_mib)
        if facts.get("etcd_data_mib"):
            # kubeadm copies etcd's data to /etc/kubernetes/tmp each time it may replace etcd.
            wanted["/"] = wanted.get("/", 0) + etcd_copies * facts["etcd_data_mib"]
        for path, least in wanted.items():
            free = facts["disk"].get(path, {}).get("free_mib")
            if free is None:
                fix = "name it in disk_paths of upgrade_node_facts"
                yield Finding("gate.disk", WARNING, f"{path} was not measured, {least} MiB are wanted", fix, (name,))
            elif free < least:
                message = f"{path} has {free} MiB free, {least} are wanted"
                yield Finding("gate.disk", ERROR, message, "free some space; crictl rmi --prune", (name,))


def _certificates(seen: Seen, limits: Limits) -> Iterator[Finding]:
    for name, facts in seen.nodes.items():
        if facts["certificates_note"]:
            fix = "install python3-cryptography on the node"
            yield Finding("gate.certificates", WARNING, f"not read: {facts['certificates_note']}", fix, (name,))
        for row in facts["certificates"]:
            if row["seconds_left"] < limits.certificate_seconds:
                left = row["seconds_left"]
                when = f"expired {_span(-left)} ago" if left < 0 else f"ends in {_span(left)}"
                # Nothing that asks the cluster can be relied on with what is over.
                fix = f"run {'recover' if left < 0 else 'renew'}_certificates.yml first"
                yield Finding("gate.certificates", ERROR, f"certificate {row['name']} {when}", fix, (name,))


def _span(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _apis(seen: Seen, target: Minor) -> Iterator[Finding]:
    unread = tuple(seen.cluster["deprecated_apis_unread"])
    if unread:
        message = "its API server did not say which deprecated APIs it was asked for"
        fix = "let control planes reach each other's port of the API server, or look: kubectl get --raw /metrics"
        yield Finding("gate.deprecated_apis", WARNING, message, fix, unread)
    for api in seen.cluster["deprecated_apis"]:
        if api["removed_release"] and Minor.parse(api["removed_release"]) <= target:
            name = f"{api['resource']}.{api['version']}.{api['group']}".rstrip(".")
            message = f"clients still ask for {name}, which {api['removed_release']} removes"
            fix = "find them in the audit log (annotation k8s.io/deprecated) and move them to a newer version"
            yield Finding("gate.deprecated_apis", ERROR, message, fix, ("cluster",))


def _drift(seen: Seen) -> Iterator[Finding]:
    for name, facts in seen.nodes.items():
        if facts["drift_note"]:
            message = f"manifests could not be compared, so changes by hand would be lost unseen: {facts['drift_note']}"
            fix = "install the kubeadm of what runs again (the upgrade brings its own), or skip this gate with a reason"
            yield Finding("gate.drift", ERROR, message, fix, (name,))
        for component in facts["drift"]:
            message = f"{component}.yaml differs from what kubeadm writes: the upgrade would lose that (see the diff)"
            fix = "bring it into kubeadm's configuration or patches with create_cluster.yml"
            yield Finding("gate.drift", ERROR, message, fix, (name,))
    for name in seen.compared_kubelets:
        yield from _kubelet_drift(name, seen.nodes[name])


def _kubelet_drift(name: str, facts: Mapping[str, Any]) -> Iterator[Finding]:
    """Warnings: the file is the cluster's on every node, and what differs may be of no weight."""
    fix = "bring it into kubeops_kubelet_config, or a patch in kubeops_patches, with create_cluster.yml"
    if facts["kubelet_drift"]:
        message = "the kubelet's config.yaml differs from the cluster's: the upgrade writes it anew (see the diff)"
        yield Finding("gate.drift", WARNING, message, fix, (name,))
    elif facts["kubelet_drift_note"]:
        message = f"the kubelet's config.yaml was not compared with the cluster's: {facts['kubelet_drift_note']}"
        yield Finding("gate.drift", WARNING, message, fix, (name,))


def _webhooks(seen: Seen) -> Iterator[Finding]:
    for hook in seen.cluster["webhooks"]:
        if not (hook["fails_closed"] and hook["touches"]):
            continue
        about = f"webhook {hook['name']} (failurePolicy Fail) judges {', '.join(hook['touches'])}"
        if hook["serving"] is False:
            fix = "repair its Service, or set failurePolicy: Ignore for the upgrade"
            yield Finding("gate.webhooks", ERROR, f"{about}, and nothing serves it", fix, ("cluster",))
        else:
            fix = "run several replicas of it with a PodDisruptionBudget, and check that it knows the target's APIs"
            yield Finding("gate.webhooks", WARNING, about, fix, ("cluster",))


def _cloud(seen: Seen, target: Minor) -> Iterator[Finding]:
    """Warnings: vendors count their versions as they like, so an image says nothing about the skew."""
    for entry in seen.cluster["cloud_controllers"]:
        message = f"runs {entry['image']}, whose vendor says to which Kubernetes it belongs; it is not judged here"
        fix = f"bring the one for {target} after the API servers, and let it never be more than a minor behind"
        yield Finding("gate.cloud_controllers", WARNING, message, fix, (entry["node"],))


def _customisations(seen: Seen) -> Iterator[Finding]:
    for entry in seen.cluster["customisations"]:
        lost = [field for field in entry["fields"] if not field.startswith(KEPT_FIELDS)]
        level = ERROR if lost and entry["object"] in WRITTEN_ANEW else WARNING
        named = ", ".join(lost[:SHOWN_FIELDS]) + (f" and {len(lost) - SHOWN_FIELDS} more" * (len(lost) > SHOWN_FIELDS))
        message = f"{entry['object']} was changed by {entry['manager']}; kubeadm writes it again"
        fix = "keep a copy, skip this gate with a reason, and apply it again afterwards"
        yield Finding("gate.customisations", level, f"{message}{named and ': ' + named}", fix, ("cluster",))
