# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node in the rotation of a CA, as found (pure).

https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .._core.errors import Refusal
from .._kubeadm import paths
from .._x509 import duration
from .._x509.model import Certificate

CLUSTER, ETCD, FRONT_PROXY = "ca", "etcd-ca", "front-proxy-ca"
NAMES = (CLUSTER, ETCD, FRONT_PROXY)

OBSERVED = "observed"  # no stage: only looked at
# In this order. A node that is past a stage is left alone by it.
NOTHING, MADE, TRUSTED, SIGNED, MOVED, DROPPED, FINISHED = (
    "nothing",
    "made",
    "trusted",
    "signed",
    "moved",
    "dropped",
    "finished",
)
STAGES = (MADE, TRUSTED, SIGNED, MOVED, DROPPED, FINISHED)

# Leaves that move a stage later, when every controller manager signs with the incoming CA.
KUBELET_LEAVES = ("kubelet-client", "kubelet.conf", "kubelet-server")
# Only where the cluster signs it (serverTLSBootstrap); somebody has to approve the next one.
KUBELET_SERVER = f"{paths.KUBELET}/pki/kubelet-server-current.pem"

# The controller manager takes no bundle to sign with, and ca.crt is one during the rotation.
SIGNING = f"{paths.PKI}/ca-signing.crt"


@dataclass(frozen=True)
class Place:
    """Where a CA lies on a control plane. The one that comes waits beside it."""

    name: str
    cert: str
    key: str
    common_name: str

    @property
    def next_cert(self) -> str:
        return f"{self.cert[:-4]}-next.crt"

    @property
    def next_key(self) -> str:
        return f"{self.key[:-4]}-next.key"


PLACES = (
    Place(CLUSTER, f"{paths.PKI}/ca.crt", f"{paths.PKI}/ca.key", "kubernetes"),
    Place(ETCD, f"{paths.PKI}/etcd/ca.crt", f"{paths.PKI}/etcd/ca.key", "etcd-ca"),
    Place(FRONT_PROXY, f"{paths.PKI}/front-proxy-ca.crt", f"{paths.PKI}/front-proxy-ca.key", "front-proxy-ca"),
)


@dataclass(frozen=True)
class Authority:
    """One CA on one node.

    Attributes:
        bundle: certificates of its file, in order; the first is the one that signs.
        incoming: the CA that replaces it, None where no rotation is under way here.
        key: public half of the CA's key on this node, empty where there is none.
        next_key: the same of the incoming CA's key.
    """

    place: Place
    bundle: tuple[Certificate, ...] = ()
    incoming: Certificate | None = None
    key: bytes = b""
    next_key: bytes = b""

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def reached(self) -> str:
        """The last stage that its file shows."""
        prints = [certificate.fingerprint for certificate in self.bundle]
        if self.incoming is None:
            return NOTHING
        if self.incoming.fingerprint not in prints:
            return MADE
        if prints[0] != self.incoming.fingerprint:
            return TRUSTED
        return SIGNED if len(prints) > 1 else DROPPED


@dataclass(frozen=True)
class Leaf:
    """A certificate or kubeconfig of this node: whether the incoming CA signed it."""

    name: str
    path: str
    authority: str
    moved: bool


@dataclass(frozen=True)
class Node:
    """What is on the node.

    Attributes:
        authorities: those that are rotated, by name.
        trust: fingerprints that each kubeconfig trusts, by path.
        leaves: what kubeadm made, and the kubelet's client certificate.
        manager: manifest of the controller manager, empty on a worker.
        kubelet_ca: file by which the API server verifies kubelets, empty where it does not.
        signing: fingerprints in the file that the controller manager signs with during the rotation.
        passed_over: why a kubeconfig that somebody named cannot go along, by path.
        began: when each component began, seconds since the epoch.
        modified: when each file was written, seconds since the epoch.
    """

    authorities: Mapping[str, Authority] = field(default_factory=dict)
    trust: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leaves: Sequence[Leaf] = ()
    manager: str = ""
    kubelet_ca: str = ""
    signing: tuple[str, ...] = ()
    passed_over: Mapping[str, str] = field(default_factory=dict)
    began: Mapping[str, float] = field(default_factory=dict)
    modified: Mapping[str, float] = field(default_factory=dict)

    @property
    def control_plane(self) -> bool:
        return bool(self.manager)

    def warnings(self) -> tuple[str, ...]:
        """One for each kubeconfig that will trust, and be signed by, the old CA in the end."""
        return tuple(
            f"{path} does not follow the rotation: {why}. Fix: make it anew afterwards, as kubeadm writes it, or take "
            "it out of rotate_ca_kubeconfigs."
            for path, why in self.passed_over.items()
        )

    def behind(self, stage: str) -> list[str]:
        """What keeps this node from the stage after this one: leaves that the old CA signed."""
        active = {one.name for one in self.authorities.values() if one.incoming is not None}
        due = [leaf.name for leaf in self.leaves if not leaf.moved and leaf.authority in active]
        return [name for name in due if stage == MOVED or name not in KUBELET_LEAVES]


def require_an_end(
    made_before: datetime | None, ca_valid_for: timedelta, ends_within: timedelta, now: datetime
) -> None:
    """Raise Refusal where a CA made now would be due at once: every run would begin another rotation."""
    if made_before and made_before > now:
        raise Refusal(
            "made_before is in the future, so the new CAs would be due too",
            seen=f"{made_before:%Y-%m-%dT%H:%M:%SZ}, and it is {now:%Y-%m-%dT%H:%M:%SZ}",
            fix="set rotate_ca_made_before to a moment that has passed; now at the latest",
            rule="ca_due_again",
        )
    if ca_valid_for <= ends_within:
        raise Refusal(
            "new CAs would be due as soon as they are made",
            seen=f"valid for {duration.describe(ca_valid_for)}, due {duration.describe(ends_within)} before the end",
            fix="make rotate_ca_ca_valid_for longer than rotate_ca_ends_within",
            rule="ca_due_again",
        )


def fetched(stage: str, authorities: Collection[str], *, control_plane: bool) -> list[Place]:
    """Return the incoming CAs that a node needs from their holder at this stage.

    A control plane makes or gets its own when they are made, keys included; a worker has the cluster's, and keeps no
    copy of what comes.
    """
    if control_plane and stage != MADE:
        return []
    return [place for place in PLACES if place.name in authorities and (control_plane or place.name == CLUSTER)]


def require_one(authority: Authority) -> None:
    """Raise Refusal where a file holds several CAs and no rotation of ours is under way."""
    if authority.incoming is None and len(authority.bundle) > 1:
        raise Refusal(
            f"{authority.place.cert} holds {len(authority.bundle)} CAs, and no rotation of ours is under way",
            seen="; ".join(f"{one.subject} until {one.not_after:%Y-%m-%d}" for one in authority.bundle),
            fix="end what somebody began by hand: leave the CA that is in use alone in the file on every node",
            rule="ca_unclear",
        )
