# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a kubelet may have the serving certificate that it asks for (pure).

The cluster approves no such request by itself, since a kubelet could ask for any name:
https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#client-and-serving-certificates
What the signer itself insists on:
https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._x509 import load
from .._x509.model import Request, Unreadable

SIGNER = "kubernetes.io/kubelet-serving"
USER_PREFIX = "system:node:"
GROUP = "system:nodes"
GROUPS = frozenset({GROUP, "system:authenticated"})
USAGES = frozenset({"digital signature", "key encipherment", "server auth"})
NEEDED_USAGE = "server auth"


@dataclass(frozen=True)
class Wanted:
    """A node as the inventory has it.

    Attributes:
        addresses: its addresses, any spelling.
        extra_names: further names and addresses that its kubelet may be reached by.
    """

    name: str
    addresses: tuple[str, ...]
    extra_names: tuple[str, ...] = ()

    @property
    def user(self) -> str:
        return USER_PREFIX + self.name


def pending(requests: Iterable[Mapping[str, Any]], user: str) -> Mapping[str, Any] | None:
    """This user's last request for a serving certificate, where nobody decided about it.

    Earlier ones are left alone: the kubelet forgot their keys.
    """
    mine = [
        request
        for request in requests
        if request["spec"].get("signerName") == SIGNER and request["spec"].get("username") == user
    ]
    last = max(mine, key=lambda request: str(request["metadata"]["creationTimestamp"]), default=None)
    return None if last is None or (last.get("status") or {}).get("conditions") else last


def why_not(request: Mapping[str, Any], wanted: Wanted, node: Mapping[str, Any] | None) -> list[str]:
    """Every reason against this request; none means that it may be approved. node is the Node object."""
    spec = request["spec"]
    reasons = list(_of_requester(spec, wanted))
    if node is None:
        reasons.append(f"the cluster has no Node {wanted.name}")
    try:
        asked = load.request(base64.b64decode(spec.get("request", ""), validate=True))
    except (Unreadable, binascii.Error, ValueError) as error:
        return [*reasons, f"the request cannot be read: {error}"]
    return [*reasons, *_of_subject(asked, wanted), *_of_names(asked, wanted, node or {})]


def _of_requester(spec: Mapping[str, Any], wanted: Wanted) -> Iterator[str]:
    if spec.get("signerName") != SIGNER:
        yield f"it asks the signer {spec.get('signerName')}"
    if spec.get("username") != wanted.user:
        yield f"{spec.get('username')} asks, not {wanted.user}"
    if not set(spec.get("groups") or ()) >= GROUPS:
        yield f"the requester is in {_listed(spec.get('groups') or ())}, not in {_listed(GROUPS)}"
    usages = set(spec.get("usages") or ())
    if not usages <= USAGES or NEEDED_USAGE not in usages:
        yield f"it asks for the usages {_listed(usages)}"


def _of_subject(asked: Request, wanted: Wanted) -> Iterator[str]:
    if not asked.signed:
        yield "it is not signed by its own key"
    subject = {f"O={GROUP}", f"CN={wanted.user}"}
    if asked.common_name != wanted.user or asked.organizations != (GROUP,) or set(asked.subject.split(",")) != subject:
        yield f"its subject is {asked.subject}, not {','.join(sorted(subject, reverse=True))}"
    if asked.other_names:
        yield f"it asks for names of the kind {_listed(asked.other_names)}"


def _of_names(asked: Request, wanted: Wanted, node: Mapping[str, Any]) -> Iterator[str]:
    """Each name has to be in the inventory and in the Node object: the kubelet itself writes the latter."""
    known = [str(entry["address"]) for entry in (node.get("status") or {}).get("addresses", [])]
    if not asked.dns_names and not asked.ip_addresses:
        yield "it asks for no name and no address"
    allowed = {
        "the inventory": {_canonical(text) for text in (wanted.name, *wanted.addresses, *wanted.extra_names)},
        "the Node": {_canonical(text) for text in known},
    }
    for where, names in allowed.items():
        strange = [name for name in (*asked.dns_names, *asked.ip_addresses) if _canonical(name) not in names]
        if strange:
            yield f"{where} does not have {_listed(strange)}"


def _canonical(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text.lower().rstrip(".")


def _listed(values: Iterable[str] | Sequence[str]) -> str:
    return ", ".join(sorted(values)) or "nothing"
