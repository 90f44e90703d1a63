# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster was made with and keeps: settings that no rollout can change without losing something (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from ipaddress import ip_network

from .._core.plan import Refused
from .static_pod import StaticPod, uses_local_etcd

STACKED = "on the control planes"
EXTERNAL = "external"
ENCRYPTION = "kubeops_encryption_at_rest"

_CLUSTER_DOMAIN = re.compile(r"^clusterDomain:\s*[\"']?([^\s\"']+)", re.MULTILINE)


@dataclass(frozen=True)
class MadeWith:
    """As the files of a control plane have it, or as the variables want it; empty where that is not known.

    Attributes:
        etcd: STACKED or EXTERNAL.
        encryption: path of the EncryptionConfiguration that the API server reads.
    """

    etcd: str = ""
    service_subnet: str = ""
    pod_subnet: str = ""
    dns_domain: str = ""
    encryption: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return plain data for facts."""
        return asdict(self)


# Field, variable, what breaks. A live value is kept; where there is none nothing can be lost.
_KEPT = (
    ("etcd", "kubeops_external_etcd", "the API servers would start on another, empty etcd"),
    ("service_subnet", "kubeops_service_subnet", "Services keep their addresses, and kubelets would be given a DNS "
     "address that none has"),
    ("pod_subnet", "kubeops_pod_subnet", "nodes and pods keep their addresses"),
    ("dns_domain", "kubeops_dns_domain", "pods would look for Services in a domain that is not served"),
)  # fmt: skip
_SUBNETS = ("service_subnet", "pod_subnet")


def observe(manifests: Mapping[str, StaticPod], kubelet_config: str) -> MadeWith:
    """Read it from static pods by component, and from the text of the kubelet's config.yaml."""
    apiserver = manifests.get("kube-apiserver")
    if apiserver is None:
        return MadeWith()
    domain = _CLUSTER_DOMAIN.search(kubelet_config)
    return MadeWith(
        etcd=STACKED if "etcd" in manifests and uses_local_etcd(apiserver) else EXTERNAL,
        service_subnet=apiserver.argument("service-cluster-ip-range"),
        pod_subnet=manifests.get("kube-controller-manager", StaticPod()).argument("cluster-cidr"),
        dns_domain=domain[1] if domain else "",
        encryption=apiserver.argument("encryption-provider-config"),
    )


def refusals(wanted: MadeWith, live: MadeWith) -> tuple[Refused, ...]:
    """Refuse what would be another than the cluster was made with. Endpoints of an external etcd may change."""
    return (*_kept(wanted, live), *_encryption(wanted, live))


def _kept(wanted: MadeWith, live: MadeWith) -> list[Refused]:
    refused = []
    for name, variable, harm in _KEPT:
        new, old = str(getattr(wanted, name)), str(getattr(live, name))
        if new and old and not _goes_on(name, new, old):
            what, fix = name.replace("_", " "), f"set {variable} back to {old}, or make a new cluster"
            if name == "etcd":
                fix = (
                    "empty the group etcd and kubeops_external_etcd"
                    if old == STACKED
                    else "bring back the hosts of the group etcd, or kubeops_external_etcd"
                ) + "; moving to another etcd is a new cluster"
            evidence = f"the live cluster's {what} is {old}, wanted is {new}: {harm}"
            refused.append(Refused("made_with", evidence, variable, fix))
    return refused


def _goes_on(name: str, new: str, old: str) -> bool:
    """A second family behind the first is how a cluster becomes dual-stack."""
    if name not in _SUBNETS:
        return new == old
    networks = [_network(part) for part in old.split(",")]
    return [_network(part) for part in new.split(",")][: len(networks)] == networks


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        return text.strip()


def _encryption(wanted: MadeWith, live: MadeWith) -> list[Refused]:
    if wanted.encryption or not live.encryption:
        return []
    return [
        Refused(
            "made_with",
            f"the live API server encrypts with {live.encryption}, and would no longer: "
            "no API server could read the Secrets that are encrypted",
            ENCRYPTION,
            f"set {ENCRYPTION} to true; to end it, put identity first in that file on every control plane, restart "
            "the API servers, rewrite all Secrets (kubectl get secrets -A -o json | kubectl replace -f -), then take "
            "--encryption-provider-config out of the API server's manifest on every control plane",
        )
    ]
