# SPDX-License-Identifier: GPL-3.0-or-later
"""Every defect is reported by its own reason; a sound certificate by none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue, load, policy
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.estate import SERVER, Endpoint, Entry
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.model import Certificate, File
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.observe import Found
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.served import Served

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
KIND = "ecdsa-p256"
ENDPOINT = Endpoint("192.0.2.1", 6443, "kube-apiserver")
PATH = "/etc/kubernetes/pki/apiserver.crt"


def authority(days: float = 3650) -> tuple[bytes, bytes]:
    key = issue.make_key(KIND)
    return key, issue.make_ca(key, "kubernetes", NOW, timedelta(days=days))


CA_KEY, CA_PEM = authority()
CA = load.certificates(CA_PEM)
LEAF = issue.Leaf("kube-apiserver", (), ("api.example.com",), ("192.0.2.1",), (issue.SERVER,))


def pair(leaf: issue.Leaf = LEAF, days: float = 365) -> tuple[bytes, Certificate]:
    key, pem = issue.issue(leaf, CA_PEM, CA_KEY, NOW, timedelta(days=days), KIND)
    return key, load.certificates(pem)[0]


STARTED = {"kube-apiserver": 100.0, "kube-controller-manager": 100.0}
KEY, CERTIFICATE = pair()
OTHER_KEY, OTHER = pair()
ENTRY = Entry(
    "apiserver", PATH, key_path="/k", use=SERVER, authority="ca", endpoints=(ENDPOINT,), wanted_names=("192.0.2.1",)
)
SOUND = Found(
    ENTRY,
    File(PATH, PATH, mode=0o644, owner="root", group="root"),
    certificates=(CERTIFICATE,),
    key=load.private_key(KEY),
    key_file=File("/k", "/k", mode=0o600, owner="root", group="root"),
)


def standard(served: Certificate | None = CERTIFICATE, now: datetime = NOW) -> policy.Standard:
    return policy.Standard(
        now,
        policy.threshold("30d,10%", "warning"),
        policy.threshold("7d,3%", "critical"),
        {"ca": CA},
        {ENDPOINT: Served(ENDPOINT, served, "" if served else "refused")},
    )


def ids(found: Found, by: policy.Standard | None = None) -> list[tuple[str, str]]:
    return [(reason.id, reason.level) for reason in policy.judge(found, by or standard())]


def test_a_sound_certificate_has_no_reason() -> None:
    assert ids(SOUND) == []
    assert policy.verdict(()) == "ok"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key": load.private_key(OTHER_KEY)}, ("key_mismatch", "broken")),
        ({"key": None, "key_file": None}, ("key_missing", "broken")),
        ({"key_file": File("/k", "/k", mode=0o644)}, ("world_readable", "critical")),
        ({"key_file": File("/k", "/k", mode=0o640, group="dev")}, ("group_readable", "warning")),
        ({"file": File(PATH, PATH, mode=0o666)}, ("writable_by_others", "critical")),
        ({"file": File(PATH, PATH, mode=0o644, uid=5, owner="bin")}, ("owner", "warning")),
        ({"entry": replace(ENTRY, wanted_names=("api.new.example",))}, ("san_missing", "broken")),
        ({"entry": replace(ENTRY, wanted_user="somebody")}, ("wrong_user", "broken")),
        ({"entry": replace(ENTRY, use="peer")}, ("usage", "broken")),
        ({"entry": replace(ENTRY, use="ca")}, ("not_a_ca", "broken")),
        ({"problems": (("empty", "the file is empty"),)}, ("empty", "broken")),
    ],
)
def test_a_defect_has_its_own_reason(change: dict[str, object], reason: tuple[str, str]) -> None:
    assert ids(replace(SOUND, **change)) == [reason]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("usages", "reasons"),
    [
        (("digital signature", "cert sign"), []),
        (("crl sign",), [("not_a_ca", "broken")]),
        (("server auth",), []),
        ((), []),
    ],
    ids=["may sign", "may not sign", "extended usages only", "says nothing"],
)
def test_a_ca_that_may_not_sign(usages: tuple[str, ...], reasons: list[tuple[str, str]]) -> None:
    entry = replace(ENTRY, use="ca", wanted_names=(), wanted_user="", endpoints=(), authority="")
    found = replace(SOUND, entry=entry, certificates=(replace(CA[0], usages=usages),), key=None, key_file=None)
    assert ids(found) == reasons


def bundle(first: Certificate, second_days: int, of_cas: bool = False) -> Found:
    second = load.certificates(authority(second_days)[1])[0]
    bare = replace(ENTRY, wanted_names=(), endpoints=(), authority="")
    found = replace(SOUND, entry=bare, certificates=(first, second))
    return replace(found, entry=replace(bare, use="ca"), key=None, key_file=None) if of_cas else found


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (bundle(CERTIFICATE, 300), None),
        (bundle(CERTIFICATE, 20), ("expires_soon", "warning")),
        (bundle(CERTIFICATE, 1), ("expired", "expired")),
        (bundle(CA[0], 1, of_cas=True), ("expired", "warning")),
    ],
    ids=["sound", "an intermediate that ends", "an ended intermediate", "an old CA in a bundle"],
)
def test_every_certificate_of_a_file_counts(found: Found, reason: tuple[str, str] | None) -> None:
    by = replace(standard(), now=NOW + timedelta(days=18, hours=12))
    seen = policy.judge(found, by)
    assert [(each.id, each.level) for each in seen] == ([reason] if reason else [])
    assert all("certificate 2 of 2 in the file, CN=kubernetes" in each.message for each in seen)


@pytest.mark.parametrize(
    ("other", "required", "mode", "reasons"),
    [
        ("", True, 0o600, [("no_credentials", "broken")]),
        ("", False, 0o600, [("no_credentials", "broken")]),
        ("token", True, 0o600, [("other_credentials", "warning")]),
        ("exec", False, 0o644, []),
        ("token", False, 0o644, [("world_readable", "critical")]),
    ],
    ids=["a component's with nothing", "an admin's with nothing", "a component's token", "a plugin", "open token"],
)
def test_a_kubeconfig_without_a_client_certificate(
    other: str, required: bool, mode: int, reasons: list[tuple[str, str]]
) -> None:
    entry = Entry("scheduler.conf", "/c", form="kubeconfig", use="client", authority="ca", required=required)
    assert ids(Found(entry, File("/c", "/c", mode=mode), other=other)) == reasons


@pytest.mark.parametrize(
    ("managed_by", "level", "advice"),
    [("operator", "warning", "write it as kubectl does"), ("kubeadm", "broken", "restore it from a backup")],
)
def test_yaml_that_is_not_read_is_broken_only_where_kubeadm_wrote_it(managed_by: str, level: str, advice: str) -> None:
    entry = Entry("c", "/c", form="kubeconfig", managed_by=managed_by)
    found = Found(entry, File("/c", "/c", mode=0o600), problems=(("not_read", "line 1: tags are not read"),))
    (reason,) = policy.judge(found, standard())
    assert (reason.id, reason.level) == ("not_read", level)
    assert reason.fix.startswith(advice)


@pytest.mark.parametrize(
    ("trusted", "authority", "reasons"),
    [
        (CA, "ca", []),
        (load.certificates(authority(1)[1]), "", [("expired", "expired")]),
        (load.certificates(authority(2.2)[1]), "", [("expires_soon", "warning")]),
        (load.certificates(authority(1)[1]) + CA, "ca", []),
        (load.certificates(authority()[1]), "ca", [("trusts_wrong_ca", "broken")]),
        (load.certificates(authority()[1]), "", []),
    ],
    ids=["sound", "an ended CA", "a CA that ends", "an ended CA in a bundle", "another cluster's", "any may be"],
)
def test_a_kubeconfig_is_judged_by_the_ca_that_it_trusts(
    trusted: tuple[Certificate, ...], authority: str, reasons: list[tuple[str, str]]
) -> None:
    entry = Entry("config", "/c", form="kubeconfig", authority=authority, owners=None)
    found = Found(entry, File("/c", "/c", mode=0o600), other="exec", authority=trusted)
    assert ids(found, standard(now=NOW + timedelta(days=2))) == reasons


@pytest.mark.parametrize(
    ("days", "level"),
    [(300, None), (336, "warning"), (359, "critical"), (366, "expired"), (-10, "broken")],
)
def test_expiry_by_time_left(days: int, level: str | None) -> None:
    levels = [reason.level for reason in policy.expiry(CERTIFICATE, standard(now=NOW + timedelta(days=days)))]
    assert levels == ([level] if level else [])


def of_kubelet(leaf: str, ca: str) -> tuple[Certificate, ...]:
    key = issue.make_key(KIND)
    authority = issue.make_ca(key, ca, NOW, timedelta(days=365))
    own = issue.issue(issue.Leaf(leaf, usages=(issue.SERVER,)), authority, key, NOW, timedelta(days=365), KIND)[1]
    return load.certificates(own + authority)


OF_KUBELET = of_kubelet("w1@1767225600", "w1-ca@1767225600")


@pytest.mark.parametrize(
    ("certificates", "own"),
    [
        (OF_KUBELET, True),
        (OF_KUBELET[:1], False),
        ((OF_KUBELET[0], of_kubelet("w1@1767225600", "w1-ca@1767225600")[1]), False),
        (of_kubelet("w1@1767225600", "w2-ca@1767225600"), False),
        (of_kubelet("w1", "w1-ca"), False),
        (of_kubelet("w1.example.com", "kubernetes"), False),
        ((CERTIFICATE, *CA), False),
    ],
    ids=["a kubelet's", "without its CA", "of another CA", "of another host", "no time", "an operator's", "kubeadm's"],
)
def test_what_a_kubelet_made_itself(certificates: tuple[Certificate, ...], own: bool) -> None:
    assert policy.made_by_kubelet(certificates) is own


def test_an_operators_certificate_of_a_kubelet_is_renewed_by_nobody_else() -> None:
    entry = Entry("kubelet-server", "/k", use=SERVER, managed_by="kubelet")
    for certificates, fix in ((OF_KUBELET, "renew_certificates"), ((CERTIFICATE, *CA), "put a new pair there")):
        found = replace(SOUND, entry=entry, certificates=certificates)
        reasons = policy.judge(found, standard(now=NOW + timedelta(days=340)))
        assert [fix in reason.fix for reason in reasons if reason.id == "expires_soon"][:1] == [True]


@pytest.mark.parametrize(
    ("entry", "fix"),
    [
        (
            Entry("kubelet-server", "/k", use=SERVER, managed_by="kubelet", authority="ca"),
            "playbook approve_kubelet_certificates",
        ),
        (Entry("kubelet-client", "/k", use="client", managed_by="kubelet"), "playbook recover_certificates"),
        (Entry("apiserver", "/k", use=SERVER, managed_by="kubeadm"), "renew it"),
    ],
    ids=["signed by the cluster", "a client", "kubeadm's"],
)
def test_what_ends_names_the_way_out(entry: Entry, fix: str) -> None:
    reasons = policy.judge(replace(SOUND, entry=entry), standard(now=NOW + timedelta(days=340)))
    assert [reason.fix.endswith(fix) for reason in reasons if reason.id == "expires_soon"] == [True]


def test_a_short_life_is_judged_by_its_part() -> None:
    minutes = pair(days=1 / 24)[1]
    assert not list(policy.expiry(minutes, standard()))


def test_what_is_served_is_not_what_is_on_disk() -> None:
    assert ids(SOUND, standard(OTHER)) == [("served_differs", "critical")]
    assert ids(SOUND, standard(None)) == [("no_answer", "warning")]


@pytest.mark.parametrize(
    ("component", "modified", "link", "said"),
    [
        ("kube-scheduler", 150.0, False, True),
        ("kube-scheduler", 50.0, False, False),
        ("kubelet", 150.0, False, False),
        ("kubelet", 900.0, False, True),
        ("kubelet", 900.0, True, False),
    ],
    ids=["renewed since", "older", "written by a kubelet that joined", "replaced since", "fetched by the kubelet"],
)
def test_a_component_that_began_before_its_file(component: str, modified: float, link: bool, said: bool) -> None:
    file = File(PATH, f"{PATH}.real" if link else PATH, mode=0o644, owner="root", group="root", modified=modified)
    found = replace(SOUND, file=file, entry=replace(ENTRY, read_once=(component,)))
    reasons = ids(found, replace(standard(), started={component: 100.0}))
    assert reasons == ([("not_restarted", "critical")] if said else [])


@pytest.mark.parametrize(
    ("public", "private", "said"),
    [
        (50.0, 50.0, []),
        (150.0, 50.0, ["kube-apiserver"]),
        (50.0, 150.0, ["kube-apiserver", "kube-controller-manager"]),
    ],
    ids=["older", "a key was added", "another key signs"],
)
def test_service_accounts_keys_that_were_replaced(public: float, private: float, said: list[str]) -> None:
    entry = Entry("sa", "/sa.pub", form="key_pair", key_path="/sa.key", read_once=tuple(sorted(STARTED)))
    key_file = File("/sa.key", "/sa.key", mode=0o600, modified=private)
    found = Found(entry, File("/sa.pub", "/sa.pub", mode=0o644, modified=public), key_file=key_file)
    reasons = policy.judge(found, replace(standard(), started=STARTED))
    assert [reason.fix for reason in reasons] == [f"restart {component}" for component in said]


@pytest.mark.parametrize(
    ("public", "reasons"),
    [
        ((OTHER_KEY, KEY), []),
        ((KEY,), []),
        ((OTHER_KEY,), [("key_mismatch", "broken")]),
        ((), []),
    ],
    ids=["in a rotation", "its own", "another", "nothing to compare"],
)
def test_the_key_that_signs_belongs_to_any_of_the_public_keys(
    public: tuple[bytes, ...], reasons: list[tuple[str, str]]
) -> None:
    entry = Entry("sa", "/sa.pub", form="key_pair", key_path="/sa.key")
    keys = tuple(load.private_key(key) for key in public)
    file = File("/sa.pub", "/sa.pub", mode=0o600)
    assert ids(Found(entry, file, key=load.private_key(KEY), public=keys)) == reasons


def test_the_wrong_ca_under_the_same_name() -> None:
    other = load.certificates(authority()[1])
    assert ids(SOUND, replace(standard(), authorities={"ca": other})) == [("wrong_ca", "broken")]


def test_a_ca_that_only_the_other_side_knows() -> None:
    other = load.certificates(authority()[1])
    found = replace(SOUND, entry=replace(ENTRY, only_authority=False))
    assert ids(found, replace(standard(), authorities={"ca": other})) == []
    near = load.certificates(issue.make_ca(CA_KEY, "kubernetes", NOW, timedelta(days=360)))
    assert ids(found, replace(standard(), authorities={"ca": near})) == [("outlives_ca", "warning")]


@pytest.mark.parametrize(("use", "reasons"), [("client", []), (SERVER, [("wrong_ca", "broken")])])
def test_a_client_may_be_of_any_ca_that_the_api_server_takes_clients_from(
    use: str, reasons: list[tuple[str, str]]
) -> None:
    leaf = replace(CERTIFICATE, usages=("server auth", "client auth"))
    found = replace(SOUND, entry=replace(ENTRY, use=use), certificates=(leaf,))
    other = load.certificates(authority()[1])
    assert ids(found, replace(standard(), authorities={"ca": other, "client-ca": CA})) == reasons


@pytest.mark.parametrize(("managed_by", "reasons"), [("kubelet", []), ("kubeadm", [("wrong_ca", "broken")])])
def test_a_kubelets_certificate_is_of_whoever_signs_its_requests(
    managed_by: str, reasons: list[tuple[str, str]]
) -> None:
    found = replace(SOUND, entry=replace(ENTRY, managed_by=managed_by))
    other = load.certificates(authority()[1])
    assert ids(found, replace(standard(), authorities={"ca": other, "signing-ca": CA})) == reasons


@pytest.mark.parametrize(
    ("parts", "reasons"),
    [
        (("leaf", "intermediate"), []),
        (("leaf", "other", "intermediate"), []),
        (("leaf", "intermediate", "root"), []),
        (("leaf",), [("wrong_ca", "broken")]),
        (("leaf", "other"), [("wrong_ca", "broken")]),
        (("leaf", "neighbour"), [("wrong_ca", "broken")]),
    ],
)
def test_a_chain_leads_to_the_ca(
    intermediate: Callable[[bytes, bytes, datetime], tuple[bytes, bytes]],
    parts: tuple[str, ...],
    reasons: list[tuple[str, str]],
) -> None:
    between, key = intermediate(CA_PEM, CA_KEY, NOW)
    leaf_key, leaf = issue.issue(LEAF, between, key, NOW, timedelta(days=365), KIND)
    known = {"leaf": leaf, "intermediate": between, "root": CA_PEM, "other": authority()[1]}
    known["neighbour"] = issue.issue(LEAF, between, key, NOW, timedelta(days=365), KIND)[1]
    certificates = load.certificates(b"".join(known[part] for part in parts))
    found = replace(SOUND, certificates=certificates, key=load.private_key(leaf_key))
    assert ids(found, standard(certificates[0])) == reasons


def test_a_ca_that_ends_before_its_leaf() -> None:
    key, pem = authority(days=100)
    short = load.certificates(pem)
    long = load.certificates(issue.make_ca(key, "kubernetes", NOW, timedelta(days=3650)))[0]
    assert load.signed_by(long, short[0])
    leaf = replace(SOUND, entry=replace(ENTRY, use="", wanted_names=()), certificates=(long,), key=None)
    assert ids(leaf, replace(standard(long), authorities={"ca": short})) == [("outlives_ca", "warning")]


@pytest.mark.parametrize(
    ("left", "level", "fix"),
    [(366, None, ""), (364, "warning", "rotate_ca"), (6, "critical", "rotate_ca"), (-1, "expired", "rotate_ca")],
)
def test_a_ca_is_warned_of_a_year_before(left: int, level: str | None, fix: str) -> None:
    entry = Entry("ca", "/ca.crt", use="ca")
    found = Found(entry, File("/ca.crt", "/ca.crt", mode=0o644), certificates=CA)
    reasons = policy.judge(found, standard(now=NOW + timedelta(days=3650 - left)))
    assert [(reason.level, fix in reason.fix) for reason in reasons] == ([(level, True)] if level else [])


@pytest.mark.parametrize(
    ("ca_days", "leaf_days", "said"),
    [(300, 365, []), (300, 200, []), (29, 365, [("ends_with_ca", "warning")]), (29, 20, [])],
    ids=["cut short, long before", "shorter", "cut short, and the CA ends", "shorter than a CA that ends"],
)
def test_what_was_cut_short_by_its_ca(ca_days: int, leaf_days: int, said: list[tuple[str, str]]) -> None:
    """Of a CA of 300 days, some of which have passed, and a certificate made now."""
    key = issue.make_key(KIND)
    ca = issue.make_ca(key, "kubernetes", NOW - timedelta(days=300 - ca_days), timedelta(days=300))
    leaf_key, pem = issue.issue(LEAF, ca, key, NOW, timedelta(days=leaf_days), KIND)
    leaf = load.certificates(pem)
    found = replace(SOUND, certificates=leaf, key=load.private_key(leaf_key))
    by = replace(standard(leaf[0]), authorities={"ca": load.certificates(ca)})
    reasons = [reason for reason in policy.judge(found, by) if reason.id != "expires_soon"]
    assert [(reason.id, reason.level) for reason in reasons] == said


@pytest.mark.parametrize("text", ["", "10", "10x", "200%", "soon"])
def test_a_threshold_that_is_none_names_its_option(text: str) -> None:
    with pytest.raises(KubeopsError, match="warning"):
        policy.threshold(text, "warning")
