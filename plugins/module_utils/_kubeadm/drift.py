# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what kubeadm would write with what is live, and plans the difference (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .._core.plan import Plan, Refused, Step
from . import made_with, paths, static_pod
from .generate import FLAGS_FILE, Generated

CONFIG_MAP = "config_map"
CERTIFICATE = "certificate"
MANIFEST = "manifest"
KUBELET = "kubelet"
PATCHES = "patches"

# In this order a component never starts on what is not there yet.
MANIFEST_ORDER = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")

# How an etcd member was born says nothing about how it shall run.
_ETCD_BIRTH = re.compile(r"^\s+- --initial-cluster(-state)?=.*\n", re.MULTILINE)
_ETCD_ANCHOR = re.compile(r"^(\s+- --initial-advertise-peer-urls=.*\n)", re.MULTILINE)
_COMMAND = re.compile(r"^  - (command:\n(?:    - .*\n)+)", re.MULTILINE)
# The taints that a node registered with; what kubeadm takes from the cluster, by version, and upgrades take back.
_KUBELET_BIRTH = ("register-with-taints", "pod-infra-container-image", "container-runtime-endpoint")


@dataclass(frozen=True)
class Live:
    """The same things as found on the node and in the cluster.

    Attributes:
        manifests: text by component.
        kubelet: text by file name below /var/lib/kubelet.
        config_maps: data by name of the ConfigMap in kube-system.
        served_names: names and addresses in the certificate that the API server serves.
    """

    manifests: Mapping[str, str] = field(default_factory=dict)
    kubelet: Mapping[str, str] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    served_names: frozenset[str] = frozenset()


# What a worker would do after the control plane uploaded a configuration that a check run has not.
FOLLOW_KUBELET_CONFIG = Plan(
    steps=(Step(KUBELET, paths.KUBELET_CONFIG, "the cluster's kubelet configuration would change before"),),
    before="the cluster's kubelet configuration as it is\n",
    after="the cluster's kubelet configuration as the control plane would upload it\n",
)

# kubeadm can't generate anything with patches that a check run has not written.
FOLLOW_PATCHES = Plan(
    steps=(Step(PATCHES, "kubeadm patches", "they are new on this node; what they change is not known before"),),
    before="without the new patches\n",
    after="with the new patches\n",
)


def plan(wanted: Generated, live: Live, wanted_names: Sequence[str] = ()) -> Plan:
    """Return the steps that bring a live node to what is wanted."""
    steps: list[Step] = []
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    # What the cluster hands on to nodes that join comes last: by then it runs here.
    for step, old, new in (
        *_certificate(live, wanted_names),
        *_manifests(wanted, live),
        *_kubelet(wanted, live),
        *_config_maps(wanted, live),
    ):
        steps.append(step)
        before[step.target], after[step.target] = old, new
    return Plan(tuple(steps), (), _joined(before), _joined(after))


def restarts(planned: Plan) -> bool:
    """Tell whether something that this node's control plane needs restarts. A certificate is reloaded."""
    return any(step.action in (MANIFEST, KUBELET) for step in planned.steps)


def restarts_etcd(planned: Plan) -> bool:
    """Tell whether this node's etcd member restarts."""
    return any(step.action == MANIFEST and step.data["name"] == "etcd" for step in planned.steps)


def changes_kubelet_config(planned: Plan) -> bool:
    """Tell whether the plan uploads another kubelet configuration for all nodes."""
    return any(step.action == CONFIG_MAP and step.data.get("name") == "kubelet-config" for step in planned.steps)


def refuse_version(wanted: str, version: str) -> tuple[Refused, ...]:
    """Changing the version is an upgrade, which has rules and a playbook of its own."""
    if version in ("", wanted):
        return ()
    return (
        Refused(
            "version_change",
            f"the control plane of this node runs {version}, kubeops_version is {wanted}",
            "kubeops_version",
            f"set kubeops_version: {version.lstrip('v')}, or upgrade the cluster with the upgrade playbook",
        ),
    )


def refuse_remaking(wanted: Generated, live: Live) -> tuple[Refused, ...]:
    """What a cluster was made with is not rolled out as if it were a setting."""
    return made_with.refusals(_made_with(wanted), _made_with(live))


def _made_with(files: Generated | Live) -> made_with.MadeWith:
    pods = {name: static_pod.parse(text) for name, text in files.manifests.items()}
    return made_with.observe(pods, files.kubelet.get("config.yaml", ""))


def with_birth(generated: str, live: str) -> str:
    """Return etcd's generated manifest with the birth flags of the live one."""
    birth = "".join(match[0] for match in _ETCD_BIRTH.finditer(live))
    return _ETCD_ANCHOR.sub(lambda match: match[1] + birth, _ETCD_BIRTH.sub("", generated))


def birth_patch(generated: str, live: str) -> str:
    """Return kubeadm's strategic patch that gives etcd's generated manifest the birth flags of the live one.

    It has the whole command, which such a patch replaces as a whole. Empty where there is nothing to give.
    """
    wanted = with_birth(generated, live)
    command = _COMMAND.search(wanted)
    if not live or wanted == generated or not command:
        return ""
    return f"spec:\n  containers:\n  - name: etcd\n    {command[1]}"


def with_birth_flags(generated: str, live: str) -> str:
    """Return a worker's generated file of kubelet flags with those of the live one that only a join can know."""
    born = [flag for flag in _flags(live) if _name(flag) in _KUBELET_BIRTH]
    wanted = [*born, *(flag for flag in _flags(generated) if _name(flag) not in _KUBELET_BIRTH)]
    return live if sorted(wanted) == sorted(_flags(live)) else f'KUBELET_KUBEADM_ARGS="{" ".join(wanted)}"\n'


def _flags(text: str) -> list[str]:
    return text.partition("=")[2].strip().strip('"').split()


def _name(flag: str) -> str:
    return flag.lstrip("-").partition("=")[0]


Change = tuple[Step, str, str]


def _config_maps(wanted: Generated, live: Live) -> list[Change]:
    changes = []
    for name, data in wanted.config_maps.items():
        for key, text in data.items():
            old = live.config_maps.get(name, {}).get(key, "")
            if old.strip() != text.strip():
                step = Step(CONFIG_MAP, f"ConfigMap {name}/{key}", "the cluster's copy differs", {"name": name})
                changes.append((step, old, text))
    return changes


def _certificate(live: Live, wanted_names: Sequence[str]) -> list[Change]:
    missing = sorted(set(wanted_names) - live.served_names)
    if not missing:
        return []
    reason = f"the API server's certificate lacks {', '.join(missing)}"
    step = Step(CERTIFICATE, f"{paths.PKI}/apiserver.crt", reason, {"names": missing})
    return [(step, _lines(live.served_names), _lines({*live.served_names, *missing}))]


def _manifests(wanted: Generated, live: Live) -> list[Change]:
    changes = []
    for name in MANIFEST_ORDER:
        if name not in wanted.manifests:
            continue
        old = live.manifests.get(name, "")
        new = with_birth(wanted.manifests[name], old) if name == "etcd" else wanted.manifests[name]
        if old != new:
            step = Step(
                MANIFEST,
                f"{paths.MANIFESTS}/{name}.yaml",
                "kubeadm would write it differently",
                {"name": name, "text": new},
            )
            changes.append((step, old, new))
    return changes


def _kubelet(wanted: Generated, live: Live) -> list[Change]:
    changes = []
    for name, text in wanted.kubelet.items():
        old = live.kubelet.get(name, "")
        if old.strip() != text.strip():
            what = "the flags of this kubelet differ" if name == FLAGS_FILE else "the cluster's configuration differs"
            step = Step(KUBELET, f"{paths.KUBELET}/{name}", what, {"text": text})
            changes.append((step, old, text))
    return changes


def _lines(names: Sequence[str] | frozenset[str] | set[str]) -> str:
    return "".join(f"{name}\n" for name in sorted(names))


def _joined(texts: Mapping[str, str]) -> str:
    return "".join(f"# {target}\n{text}" for target, text in texts.items())
