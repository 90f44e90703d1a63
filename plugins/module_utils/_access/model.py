# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a kubeconfig is for, what it looks like, and when it has to be made anew (pure)."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .._core.errors import Refusal
from .._x509 import duration, kubeconfig, load
from .._x509.model import Unreadable

RESERVED = "system:"
MASTERS = "system:masters"
# The API takes no shorter wish.
SHORTEST = timedelta(minutes=10)
# Clocks of the controller and of the cluster are apart by less.
SKEW = timedelta(minutes=10)
BINDING = "kubeops:user:"


@dataclass(frozen=True)
class Person:
    """A user as the API knows one: common name and organizations of the certificate, or claims of the token."""

    user: str
    groups: tuple[str, ...] = ()

    @property
    def masters(self) -> bool:
        return MASTERS in self.groups


@dataclass(frozen=True)
class Cluster:
    """Where the API is and whom to trust. ca: PEM."""

    name: str
    server: str
    ca: str


def require_ordinary(person: Person, allow_system: bool) -> None:
    """Raise Refusal for names that Kubernetes gives a meaning to.

    https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-subjects
    """
    if not person.user or "/" in person.user or "%" in person.user:
        raise Refusal(
            "this is no name for a user", seen=repr(person.user), fix="set user, without / and %", rule="user_name"
        )
    reserved = [name for name in (person.user, *person.groups) if name.startswith(RESERVED)]
    if reserved and not allow_system:
        raise Refusal(
            f"{', '.join(reserved)} is reserved for Kubernetes itself",
            seen="a member of system:masters passes every authorization, and nothing but another CA takes that away",
            fix="use a group of your own and bind it to a role; or set allow_system and a short lifetime",
            rule="reserved_name",
        )


def lifetime(text: str) -> timedelta:
    """Return how long the certificate shall be valid."""
    span = duration.parse(text, "lifetime")
    if span < SHORTEST:
        raise Refusal(
            "lifetime is shorter than the API signs for", seen=text, fix="ask for 10m or more", rule="lifetime_short"
        )
    return span


def document(cluster: Cluster, user: str, credentials: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """Return a kubeconfig with one user. https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/"""
    name = _name(user, cluster)
    context = {"cluster": cluster.name, "user": name, **({"namespace": namespace} if namespace else {})}
    authority = base64.b64encode(cluster.ca.encode()).decode("ascii")
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": cluster.name, "cluster": {"server": cluster.server, "certificate-authority-data": authority}}
        ],
        "users": [{"name": name, "user": dict(credentials)}],
        "contexts": [{"name": name, "context": context}],
        "current-context": name,
    }


def _name(user: str, cluster: Cluster) -> str:
    return f"{user}@{cluster.name}"


def certificate_user(certificate: str, key: str) -> dict[str, str]:
    """Return credentials of a kubeconfig: a pair, PEM. Secret."""
    parts = {"client-certificate-data": certificate, "client-key-data": key}
    return {name: base64.b64encode(pem.encode()).decode("ascii") for name, pem in parts.items()}


def oidc_user(issuer: str, client_id: str, scopes: Sequence[str], command: str) -> dict[str, Any]:
    """Return credentials that a plugin of kubectl fetches from the identity provider; nothing secret is in them.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
    """
    arguments = ["oidc-login", "get-token", f"--oidc-issuer-url={issuer}", f"--oidc-client-id={client_id}"]
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command,
            "args": [*arguments, *(f"--oidc-extra-scope={scope}" for scope in scopes)],
            "interactiveMode": "IfAvailable",
            "installHint": "kubectl needs the plugin oidc-login (https://github.com/int128/kubelogin)",
        }
    }


def require_own(path: str, text: str, person: Person) -> None:
    """Raise Refusal where a file holds anything but this person's one user: it would be lost."""
    seen = _not_own(text, person)
    if seen:
        raise Refusal(
            "dest is a file that holds another thing than this user's kubeconfig",
            seen=f"{path}: {seen}",
            fix="name another dest, or move the file away",
            rule="kubeconfig_not_own",
        )


def _not_own(text: str, person: Person) -> str:
    if not text.strip():
        return ""
    try:
        config = kubeconfig.parse(text.encode())
    except Unreadable as error:
        return error.what
    parts = {"users": config.users, "clusters": config.clusters, "contexts": config.contexts}
    several = [f"{len(found)} {name}" for name, found in parts.items() if len(found) != 1]
    if several:
        return f"it has {' and '.join(several)}"
    user = next(iter(config.users.values()))
    try:
        name = load.certificates(user.certificate)[0].common_name
    except Unreadable:
        name = user.name.rpartition("@")[0]  # as document writes it
    return "" if name == person.user else f"it is {name or user.name}'s"


def why_due(text: str, person: Person, cluster: Cluster, namespace: str, span: timedelta, now: datetime) -> str:
    """Return why a kubeconfig with a certificate has to be made anew, empty where it serves.

    It is renewed once a third of its life is left, so that a run a day keeps it alive.
    """
    if not text:
        return "there is none"
    try:
        config = kubeconfig.parse(text.encode())
        user = next(iter(config.users.values()))
        certificate = load.certificates(user.certificate)[0]
        trusted = load.certificates(cluster.ca.encode())
        access = config.cluster_of(user.name)
    except (Unreadable, StopIteration):
        return "it is no kubeconfig with a certificate"
    if (certificate.common_name, set(certificate.organizations)) != (person.user, set(person.groups)):
        return "it is for another user or other groups"
    if access is None or (access.server, access.authority.decode()) != (cluster.server, cluster.ca):
        return "it names another server or trusts another CA"
    name = _name(person.user, cluster)
    if (config.current_context, config.contexts) != (name, {name: (cluster.name, name)}):
        return "it has another context"
    if config.namespaces[name] != namespace:
        return f"its namespace is {config.namespaces[name] or 'none'}"
    if not any(load.signed_by(certificate, authority) for authority in trusted):
        return "another CA signed its certificate"
    left = certificate.not_after - now
    if left > span + SKEW:
        return f"it lasts {duration.describe(left)}, longer than was asked for"
    if left <= min(certificate.lifetime, span) / 3:
        return f"it ends in {duration.describe(left)}" if left > timedelta(0) else "it has ended"
    return ""


def bindings(person: Person, wanted: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return RoleBindings and ClusterRoleBindings for the user, or for a group of theirs."""
    return [_binding(person, entry) for entry in wanted]


def is_of(person: Person, binding: Mapping[str, Any]) -> bool:
    """Whether a binding was made here for this user: its name is the one that its role and subject would get.

    The beginning of the name tells nothing: dev is not dev:ci.
    """
    role, name = binding.get("roleRef") or {}, binding["metadata"]["name"]
    return any(
        name == _binding_name(person, str(role.get("kind")), str(role.get("name")), _group_of(subject))
        for subject in binding.get("subjects") or ()
        if subject.get("kind") == "Group" or subject.get("name") == person.user
    )


def _group_of(subject: Mapping[str, Any]) -> str:
    return str(subject.get("name")) if subject.get("kind") == "Group" else ""


def _binding_name(person: Person, kind: str, role: str, group: str) -> str:
    return f"{BINDING}{person.user}:{kind.lower()}:{role}" + (f":{group}" if group else "")


def _binding(person: Person, entry: Mapping[str, str]) -> dict[str, Any]:
    namespace, group = entry.get("namespace") or "", entry.get("group") or ""
    kind, role = ("Role", entry["role"]) if entry.get("role") else ("ClusterRole", entry.get("cluster_role") or "")
    if not role or (kind == "Role" and not namespace):
        raise Refusal(
            "a binding names no role, or a Role without its namespace",
            seen=str(dict(entry)),
            fix="give cluster_role, or role and namespace",
            rule="binding_incomplete",
        )
    subject = {"kind": "Group", "name": group} if group else {"kind": "User", "name": person.user}
    metadata = {"name": _binding_name(person, kind, role, group)}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {**metadata, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", **subject}],
    }


def not_after(text: str) -> datetime | None:
    """Return when the certificate of a kubeconfig ends, None where it has none."""
    try:
        user = next(iter(kubeconfig.parse(text.encode()).users.values()))
        return load.certificates(user.certificate)[0].not_after
    except (Unreadable, StopIteration):
        return None
