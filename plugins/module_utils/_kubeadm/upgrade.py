# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether kubeadm upgrade has something to do on a node, and with which configuration (pure).

Everything is concluded from what runs and what the cluster stores, never from a note of
an earlier run: that is how a run that was killed is taken up.

kubeadm's phases, in their order: preflight, control-plane, upload-config (apply only),
kubelet-config, bootstrap-token (apply only), addon, post-upgrade. The addons follow on
whichever control plane is the last.
https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-upgrade/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .._core.plan import Plan, Refused, Step
from .._version.model import component_version
from .._version.version import KubeVersion
from . import config, paths

APPLY, NODE, FLAGS, SERVER = "apply", "node", "flags", "kubelet_server"
# Static pods whose image has the version of Kubernetes; etcd has one of its own.
VERSIONED = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True)
class Observed:
    """One node and the cluster around it.

    Attributes:
        kubeadm: version of the kubeadm that would do it.
        components: version of this node's static pods by name; empty on a worker.
        stored: kubernetesVersion of the ClusterConfiguration, which upgrade apply uploads.
        kube_proxy: version of the addon's image, empty where the cluster has none of kubeadm's.
        others: oldest of VERSIONED on each other control plane, by node name.
        kubelet: version of the kubelet that is installed on a worker.
        etcd: tag of the etcd that this kubeadm brings; empty where it shall stay as it is, or is not known.
        kubelet_config_differs: kubeadm would write another kubelet configuration on this node.
        unknown_flags: in kubeadm's file of flags for the kubelet, but unknown to the kubelet of the target.
        kubelet_server: which API server a run that was killed left the kubelet with, in place of its own node's.
    """

    kubeadm: str
    components: Mapping[str, str] = field(default_factory=dict)
    stored: str = ""
    kube_proxy: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    kubelet: str = ""
    etcd: str = ""
    kubelet_config_differs: bool = False
    unknown_flags: Sequence[str] = ()
    kubelet_server: str = ""


@dataclass(frozen=True)
class Settings:
    """Options of kubeadm upgrade. Timeouts are in seconds."""

    ignore_preflight: Sequence[str] = ()
    patches: str = ""
    etcd_upgrade: bool = True
    certificate_renewal: bool = True
    manifests_timeout: int = 300


def plan(target: str, seen: Observed) -> Plan:
    """Return what kubeadm has to do, APPLY where the cluster's configuration is older, else NODE where this node is.

    FLAGS comes after it: what kubeadm leaves in its file of flags, and the kubelet of the target would not start with.
    SERVER comes last: the kubelet back to its own API server, where a run that was killed left it with another one.
    """
    refusals = tuple(_refusals(target, seen))
    steps = (*_kubeadm(target, seen), *_flags(target, seen), *_kubelet_server(seen))
    if refusals or not steps:
        return Plan(refusals=refusals)
    versions = {**seen.components, "kubeadm-config": seen.stored, "kube-proxy": seen.kube_proxy}
    upgraded = any(step.action in (APPLY, NODE) for step in steps)
    after = {name: target if upgraded and name != "etcd" else version for name, version in versions.items()}
    after.update({"etcd": seen.etcd} if _etcd_due(seen) else {})
    unknown = {"unknown_kubelet_flags": list(seen.unknown_flags)} if seen.unknown_flags else {}
    return Plan(steps, before={**versions, **unknown}, after=after)


def is_last(target: str, seen: Observed) -> bool:
    """Whether every other control plane runs the target, so that kubeadm brings the addons along with this one."""
    return all(version == target for version in seen.others.values())


def document(target: str, settings: Settings) -> config.Document:
    """The UpgradeConfiguration for both commands."""
    common: config.Document = {
        "certificateRenewal": settings.certificate_renewal,
        "etcdUpgrade": settings.etcd_upgrade,
        "ignorePreflightErrors": list(settings.ignore_preflight),
    }
    if settings.patches:
        common["patches"] = {"directory": settings.patches}
    return {
        "apiVersion": config.API_VERSION,
        "kind": "UpgradeConfiguration",
        "apply": {**common, "kubernetesVersion": target},
        "node": common,
        "timeouts": {"upgradeManifests": f"{settings.manifests_timeout}s"},
    }


def _kubeadm(target: str, seen: Observed) -> Iterator[Step]:
    reasons = list(_reasons(target, seen))
    if reasons:
        yield Step(APPLY if seen.components and seen.stored != target else NODE, target, "; ".join(reasons))


def _flags(target: str, seen: Observed) -> Iterator[Step]:
    if seen.unknown_flags:
        named = ", ".join(f"--{flag}" for flag in seen.unknown_flags)
        reason = f"kubelet {target} does not start with {named}"
        yield Step(FLAGS, paths.KUBELET_FLAGS, reason, {"flags": seen.unknown_flags})


def _kubelet_server(seen: Observed) -> Iterator[Step]:
    if seen.kubelet_server:
        reason = f"an upgrade that was killed left the kubelet with {seen.kubelet_server}"
        yield Step(SERVER, paths.KUBELET_CONF, reason)


def _reasons(target: str, seen: Observed) -> Iterator[str]:
    behind = [f"{name} {seen.components[name]}" for name in VERSIONED if seen.components.get(name, target) != target]
    if behind:
        yield f"this node runs {', '.join(behind)}"
    if _etcd_due(seen):
        yield f"etcd is {seen.components['etcd']}, kubeadm {target} brings {seen.etcd}"
    if seen.components and seen.stored != target:
        yield f"the cluster's configuration says {seen.stored}"
    if seen.components and not behind and _addons_due(target, seen):
        yield f"every control plane runs {target}, the addon kube-proxy {seen.kube_proxy}"
    if seen.kubelet not in ("", target):
        yield f"the kubelet is {seen.kubelet}, and kubeadm renews what it reads before it follows"
    if seen.kubelet_config_differs:
        yield "the kubelet's configuration differs from the cluster's"


def _etcd_due(seen: Observed) -> bool:
    running = seen.components.get("etcd")
    return bool(running and seen.etcd) and component_version(running or "") < component_version(seen.etcd)


def _addons_due(target: str, seen: Observed) -> bool:
    return is_last(target, seen) and seen.kube_proxy not in ("", target)


def _refusals(target: str, seen: Observed) -> Iterator[Refused]:
    wanted = KubeVersion.parse(target)
    if seen.kubeadm != target:
        yield Refused(
            "upgrade.kubeadm_version",
            f"the kubeadm at hand is {seen.kubeadm}, and it upgrades to its own version only",
            "kubeops_version",
            f"install kubeadm {target} on this node first",
        )
    for name in (entry for entry in VERSIONED if entry in seen.components):
        running = KubeVersion.parse(seen.components[name])
        if running > wanted:
            yield Refused(
                "upgrade.downgrade",
                f"{name} runs {running.tag}, newer than {target}",
                "kubeops_version",
                "there is no way back with kubeadm: restore a snapshot of etcd on the older version instead",
            )
        elif running.line < wanted.line.plus(-1):
            yield Refused(
                "upgrade.skipped_minor",
                f"{name} runs {running.tag}, more than one minor behind {target}",
                "kubeops_version",
                f"upgrade to {running.line.plus(1)} first",
            )
