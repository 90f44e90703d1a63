# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a kubeconfig is for, and when it is made anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import yaml
from ansible_collections.kubeops.cluster.plugins.module_utils._access import model
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
CA_KEY = issue.make_key("ecdsa-p256")
CA = issue.make_ca(CA_KEY, "kubernetes", NOW, timedelta(days=100))
OTHER_CA = issue.make_ca(issue.make_key("ecdsa-p256"), "kubernetes", NOW, timedelta(days=100))
JANE = model.Person("jane", ("developers",))
CLUSTER = model.Cluster("production", "https://192.0.2.100:8443", CA.decode())
KEY, CERT = issue.issue(issue.Leaf("jane", ("developers",)), CA, CA_KEY, NOW, 8 * HOUR, "ecdsa-p256")
TEXT = yaml.safe_dump(model.document(CLUSTER, "jane", model.certificate_user(CERT.decode(), KEY.decode()), "shop"))


@pytest.mark.parametrize(
    ("person", "cluster", "later", "expected"),
    [
        (JANE, CLUSTER, HOUR, ""),
        (JANE, CLUSTER, 5 * HOUR, ""),
        (JANE, CLUSTER, 6 * HOUR, "it ends in"),
        (JANE, CLUSTER, 9 * HOUR, "it has ended"),
        (model.Person("john", ("developers",)), CLUSTER, HOUR, "another user"),
        (model.Person("jane"), CLUSTER, HOUR, "other groups"),
        (JANE, replace(CLUSTER, server="https://192.0.2.1:6443"), HOUR, "another server"),
        (JANE, replace(CLUSTER, ca=OTHER_CA.decode()), HOUR, "trusts another CA"),
    ],
)
def test_a_kubeconfig_that_serves_is_left_alone(
    person: model.Person, cluster: model.Cluster, later: timedelta, expected: str
) -> None:
    reason = model.why_due(TEXT, person, cluster, "shop", 8 * HOUR, NOW + later)
    assert expected in reason
    assert bool(reason) is bool(expected)


@pytest.mark.parametrize(
    ("text", "namespace", "span", "expected"),
    [
        (TEXT, "shop", 8 * HOUR, ""),
        (TEXT, "shop", HOUR, "longer than was asked for"),
        (TEXT, "", 8 * HOUR, "its namespace is shop"),
        (TEXT.replace("current-context: jane@", "current-context: joe@"), "shop", 8 * HOUR, "another context"),
        (TEXT.replace("jane@production", "jane"), "shop", 8 * HOUR, "another context"),
    ],
    ids=["as asked", "a shorter life", "no namespace", "another current context", "other names"],
)
def test_one_that_is_not_as_asked_is_made_anew(text: str, namespace: str, span: timedelta, expected: str) -> None:
    reason = model.why_due(text, JANE, CLUSTER, namespace, span, NOW)
    assert expected in reason
    assert bool(reason) is bool(expected)


OIDC = yaml.safe_dump(model.document(CLUSTER, "jane@example.com", {"exec": {"command": "kubectl"}}, ""))
SECOND = TEXT.replace("users:\n", "users:\n- name: john@production\n  user: {}\n")


@pytest.mark.parametrize(
    ("text", "user", "seen"),
    [
        ("", "jane", ""),
        (TEXT, "jane", ""),
        (TEXT.replace("jane@production", "me"), "jane", ""),
        (OIDC, "jane@example.com", ""),
        (TEXT, "john", "it is jane's"),
        (OIDC, "jane", "it is jane@example.com's"),
        (SECOND, "jane", "it has 2 users"),
        (TEXT.replace("clusters:\n", "clusters:\n- name: other\n  cluster: {}\n"), "jane", "it has 2 clusters"),
        ("some notes\n", "jane", "it is no kubeconfig"),
    ],
    ids=[
        *("nothing", "own", "own by another name", "own of a provider", "another's", "another's of a provider"),
        *("two users", "two clusters", "no kubeconfig"),
    ],
)
def test_a_file_that_holds_another_thing_is_neither_replaced_nor_removed(text: str, user: str, seen: str) -> None:
    if not seen:
        model.require_own("/c", text, model.Person(user))
        return
    with pytest.raises(Refusal) as refused:
        model.require_own("/c", text, model.Person(user))
    assert (refused.value.rule, seen in refused.value.seen) == ("kubeconfig_not_own", True)


def test_one_that_another_ca_signed_is_made_anew() -> None:
    cluster = replace(CLUSTER, ca=OTHER_CA.decode())
    text = yaml.safe_dump(model.document(cluster, "jane", model.certificate_user(CERT.decode(), KEY.decode()), ""))
    assert "another CA signed" in model.why_due(text, JANE, cluster, "", 8 * HOUR, NOW)


@pytest.mark.parametrize("text", ["", "a: b", "users: []\nclusters: []", "{"])
def test_what_is_no_kubeconfig_is_made_anew(text: str) -> None:
    assert model.why_due(text, JANE, CLUSTER, "", 8 * HOUR, NOW)
    assert model.not_after(text) is None


def test_its_end() -> None:
    assert model.not_after(TEXT) == NOW + 8 * HOUR


@pytest.mark.parametrize(
    ("user", "groups", "allowed", "rule"),
    [
        ("jane", ("developers",), False, ""),
        ("jane", ("system:masters",), False, "reserved_name"),
        ("system:kube-scheduler", (), False, "reserved_name"),
        ("jane", ("system:masters",), True, ""),
        ("", (), False, "user_name"),
        ("a/b", (), True, "user_name"),
    ],
)
def test_reserved_names(user: str, groups: tuple[str, ...], allowed: bool, rule: str) -> None:
    person = model.Person(user, groups)
    if not rule:
        model.require_ordinary(person, allowed)
        return
    with pytest.raises(Refusal) as refused:
        model.require_ordinary(person, allowed)
    assert refused.value.rule == rule


def test_the_shortest_lifetime() -> None:
    assert model.lifetime("10m") == timedelta(minutes=10)
    with pytest.raises(Refusal, match="shorter than the API signs for"):
        model.lifetime("9m")


@pytest.mark.parametrize(
    ("wanted", "kind", "name", "subject"),
    [
        ({"cluster_role": "view"}, "ClusterRoleBinding", "kubeops:user:jane:clusterrole:view", ("User", "jane")),
        (
            {"cluster_role": "edit", "namespace": "shop"},
            "RoleBinding",
            "kubeops:user:jane:clusterrole:edit",
            ("User", "jane"),
        ),
        (
            {"role": "deployer", "namespace": "shop", "group": "developers"},
            "RoleBinding",
            "kubeops:user:jane:role:deployer:developers",
            ("Group", "developers"),
        ),
    ],
)
def test_bindings(wanted: dict[str, str], kind: str, name: str, subject: tuple[str, str]) -> None:
    made = model.bindings(JANE, [wanted])[0]
    assert (made["kind"], made["metadata"]["name"]) == (kind, name)
    assert made["metadata"].get("namespace", "") == wanted.get("namespace", "")
    assert [(one["kind"], one["name"]) for one in made["subjects"]] == [subject]


@pytest.mark.parametrize(
    ("owner", "wanted", "mine"),
    [
        ("dev", {"cluster_role": "edit"}, True),
        ("dev", {"role": "deployer", "namespace": "shop"}, True),
        ("dev", {"cluster_role": "edit", "group": "developers"}, True),
        ("dev", {"cluster_role": "system:discovery"}, True),
        ("dev:ci", {"cluster_role": "edit"}, False),
        ("dev:clusterrole", {"cluster_role": "edit"}, False),
        ("jane", {"cluster_role": "edit", "group": "dev"}, False),
    ],
)
def test_whose_a_binding_is(owner: str, wanted: dict[str, str], mine: bool) -> None:
    made = model.bindings(model.Person(owner), [wanted])[0]
    assert model.is_of(model.Person(owner), made)
    assert model.is_of(model.Person("dev"), made) is mine


@pytest.mark.parametrize(
    "change",
    [
        {"subjects": None},
        {"subjects": [{"kind": "User", "name": "john"}]},
        {"roleRef": {"kind": "ClusterRole", "name": "view"}},
        {"metadata": {"name": "jane-edits"}},
    ],
)
def test_a_binding_that_was_not_made_here_is_nobodys(change: dict[str, Any]) -> None:
    made = model.bindings(JANE, [{"cluster_role": "edit"}])[0]
    assert not model.is_of(JANE, {**made, **change})


@pytest.mark.parametrize("wanted", [{}, {"role": "deployer"}, {"namespace": "shop"}])
def test_a_binding_without_a_role_is_refused(wanted: dict[str, str]) -> None:
    with pytest.raises(Refusal, match="names no role"):
        model.bindings(JANE, [wanted])


def test_a_kubeconfig_for_a_provider_holds_no_credentials() -> None:
    user: dict[str, Any] = model.oidc_user("https://login.example.com", "kubernetes", ["groups"], "kubectl")
    assert user["exec"]["args"][-1] == "--oidc-extra-scope=groups"
    assert not {"client-key-data", "token", "password"} & set(user)
