# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written reads back, and whatever is read is the model or refused. `python -m tests.fuzz` is the long run."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone

import pytest
import yaml
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import static_pod
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue, kubeconfig, load, observe
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.certificates import parsers

FEW = settings(max_examples=30, deadline=None)
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
KEY = issue.make_key("ecdsa-p256")
CAS = [issue.make_ca(KEY, name, NOW, timedelta(days=9)) for name in ("one", "two", "three")]
KNOWN = {parser.name: parser for parser in parsers()}

WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
NAMES = st.lists(WORDS, min_size=1, max_size=3).map(".".join)
ADDRESSES = (st.ip_addresses(v=4) | st.ip_addresses(v=6)).map(str)
# What stands around PEM blocks in files of people: no dashes, which would be a block's.
NOISE = st.text(st.characters(exclude_characters="-", exclude_categories=["Cs"]), max_size=20)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"'\\"), max_size=20)


@st.composite
def changed(draw: st.DrawFn, seed: bytes) -> bytes:
    """A sound input with a part replaced, or anything at all."""
    begin, end = sorted(draw(st.tuples(*[st.integers(0, len(seed))] * 2)))
    return seed[:begin] + draw(st.binary(max_size=16)) + seed[end:]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", sorted(KNOWN))
@FEW
@given(data=st.data())
def test_whatever_is_read_is_the_model_or_refused(name: str, data: st.DataObject) -> None:
    parser = KNOWN[name]
    text = data.draw(st.binary(max_size=200) | st.sampled_from(parser.seeds).flatmap(changed))
    try:
        parser.parse(text)
    except KubeopsError as error:
        assert error.what


@FEW
@example(which=[0], noise=["", "", "", "", "0"])
@given(which=st.lists(st.sampled_from(range(len(CAS))), min_size=1, max_size=4), noise=st.lists(NOISE, min_size=5))
def test_a_bundle_keeps_its_certificates_in_their_order(which: list[int], noise: list[str]) -> None:
    blocks = [CAS[number] + b"\n" + text.encode() + b"\n" for number, text in zip(which, noise)]
    found = load.certificates(noise[-1].encode() + b"\n" + b"".join(blocks))
    assert [one.common_name for one in found] == [("one", "two", "three")[number] for number in which]
    assert load.certificates(found[0].der) == found[:1]


@FEW
@given(
    user=WORDS,
    groups=st.lists(WORDS, max_size=3, unique=True),
    names=st.lists(NAMES, max_size=3, unique=True),
    addresses=st.lists(ADDRESSES, max_size=3, unique=True),
    usages=st.sampled_from([("client",), ("server",), ("server", "client")]),
)
def test_a_request_asks_for_what_it_was_made_for(
    user: str, groups: list[str], names: list[str], addresses: list[str], usages: tuple[str, ...]
) -> None:
    leaf = issue.Leaf(user, tuple(groups), tuple(names), tuple(addresses), usages)
    csr = issue.make_csr(KEY, leaf)
    asked, again = load.request(csr), issue.leaf_of_csr(csr)
    assert (again.common_name, set(again.organizations), again.usages) == (user, set(groups), usages)
    assert (asked.dns_names, asked.ip_addresses, asked.signed) == (tuple(names), tuple(addresses), True)
    assert (again.dns_names, again.ip_addresses) == (tuple(names), tuple(addresses))


@FEW
@given(user=WORDS, host=NAMES, token=st.booleans(), namespace=WORDS, as_json=st.booleans())
def test_a_kubeconfig_reads_back(user: str, host: str, token: bool, namespace: str, as_json: bool) -> None:
    pair = {"client-certificate-data": base64.b64encode(CAS[0]).decode()}
    document = {
        "clusters": [{"name": "c", "cluster": {"server": f"https://{host}:6443"}}],
        "users": [{"name": user, "user": {"token": "secret"} if token else pair}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": user, "namespace": namespace}}],
        "current-context": "x",
    }
    read = kubeconfig.parse((json.dumps(document) if as_json else yaml.safe_dump(document)).encode())
    assert (read.current_context, read.contexts, read.namespaces) == ("x", {"x": ("c", user)}, {"x": namespace})
    access = read.cluster_of(user)
    assert access is not None and access.server == f"https://{host}:6443"
    assert (read.users[user].certificate, read.users[user].other) == (b"", "token") if token else (CAS[0], "")


@FEW
@given(flags=st.lists(st.tuples(WORDS, VALUES), max_size=6), quote=st.sampled_from(["", '"', "'"]))
def test_a_static_pods_flags_read_back(flags: list[tuple[str, str]], quote: str) -> None:
    lines = [f"    - {quote}--{name}={value}{quote}" for name, value in flags]
    pod = static_pod.parse("\n".join(["spec:", "  containers:", "  - command:", "    - etcd", *lines]))
    assert {name: pod.argument(name) for name, _value in flags} == dict(flags)
    assert sum(len(values) for values in pod.arguments.values()) == len(flags)


@FEW
@given(port=st.integers(0, 65535), domain=NAMES, requested=st.booleans(), address=ADDRESSES)
def test_a_kubelets_configuration_reads_back(port: int, domain: str, requested: bool, address: str) -> None:
    document = {"port": port, "clusterDomain": domain, "serverTLSBootstrap": requested, "address": address}
    document = {**document, "authentication": {"x509": {"clientCAFile": f"/{domain}.crt"}}}
    found = observe.kubelet(yaml.safe_dump(document))
    assert (found.port, found.cluster_domain, found.serving_requested) == (port, domain, requested)
    assert (found.address, found.client_ca) == (address, f"/{domain}.crt")
