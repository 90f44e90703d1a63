# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd_member against real etcd: one cluster from three members down to two, and what is refused on the way."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd_service import probe

from tests import ansible_module
from tests.embedded_etcd import EtcdCluster, binaries, free_port

PROGRAMS = str(binaries()[-1].parent) if binaries() else ""


def ask(cluster: EtcdCluster, *, check: bool = False, **options: Any) -> dict[str, Any]:
    """Run etcd_member."""
    where = {"endpoints": [member.url for member in cluster.members], "bin_dir": PROGRAMS}
    wanted = {**where, **cluster.authority.options(), **options}
    return ansible_module.run("etcd_member", wanted, check=check)


def verify(cluster: EtcdCluster) -> dict[str, Any]:
    """Run etcd_verify."""
    where = {"endpoints": [cluster.members[0].url], "bin_dir": PROGRAMS, **cluster.authority.options()}
    wanted = [member.name for member in cluster.members]
    return ansible_module.run("etcd_verify", {**where, "members": wanted, "timeout": 60})


def names(result: dict[str, Any]) -> list[str]:
    """The steps that were, or would be, done."""
    return [f"{step['action']} {step['target']}" for step in result["plan"]]


def test_a_member_comes_and_goes(make_cluster: Callable[..., EtcdCluster]) -> None:
    cluster = make_cluster(3)
    listed = ask(cluster)
    assert not listed["changed"] and listed["quorum"] == {"voters": 3, "healthy": 3, "needed": 2, "may_be_lost": 1}
    old, heir = cluster.leader().name, next(m.name for m in cluster.members if m is not cluster.leader())
    assert names(ask(cluster, state="leader", name=heir)) == [f"move_leader {heir}"]
    assert cluster.leader().name == heir != old
    assert not ask(cluster, state="leader", name=heir)["changed"]

    cluster.fill_and_compact()
    predicted = ask(cluster, check=True, state="defragmented", free_share=0.05)
    done = ask(cluster, state="defragmented", free_share=0.05)
    assert len(names(done)) == len(names(predicted)) == 3
    leads = next(member["name"] for member in predicted["members"] if member["is_leader"])
    assert names(predicted)[-1] == f"defragment {leads}"
    assert not ask(cluster, state="defragmented", free_share=0.5)["changed"]

    peer_urls = [f"https://127.0.0.1:{free_port()}"]
    assert ask(cluster, state="learner", peer_urls=peer_urls)["changed"]
    assert not ask(cluster, state="learner", peer_urls=peer_urls)["changed"]
    late = ask(cluster, state="voter", peer_urls=peer_urls, timeout=1)
    assert late["failed"] and "learner" in late["seen"], late
    assert ask(cluster, state="absent", peer_urls=peer_urls)["changed"]

    cluster.members[2].kill()
    refused = ask(cluster, state="absent", name="m1")
    assert refused["failed"] and refused["rule"] == "quorum", refused
    assert not refused.get("changed")
    removed = ask(cluster, state="absent", name="m3")
    assert [member["name"] for member in removed["members"]] == ["m1", "m2"]
    assert not ask(cluster, state="absent", name="m3")["changed"]


def test_the_alarm_of_one_member_is_nobody_elses(make_cluster: Callable[..., EtcdCluster]) -> None:
    cluster = make_cluster(2, more=("--quota-backend-bytes=2000000",))
    cluster.fill_until_refused()
    for owner, alarm in cluster.gateway().alarms()[1:]:
        cluster.gateway().disarm(owner, alarm)
    listed = ask(cluster)
    (owner,) = [alarm["member"] for alarm in listed["alarms"]]
    assert {member["name"]: member["healthy"] for member in listed["members"]} == {
        name: name != owner for name in ("m1", "m2")
    }
    (warning,) = probe.Cluster(cluster.gateway(), [cluster.members[0].url]).alarms()
    assert warning.startswith(f"etcd has the alarm NOSPACE of {owner};")
    verified = verify(cluster)
    assert not verified["failed"] and "NOSPACE" in verified["cluster"]["alarms"][0], verified


def test_alarms_without_a_gateway(make_cluster: Callable[..., EtcdCluster]) -> None:
    more = ("--quota-backend-bytes=2000000", "--enable-grpc-gateway=false")
    cluster = make_cluster(1, wait=False, more=more)
    verified = verify(cluster)
    assert verified["cluster"]["leader"] == "m1", verified
    with pytest.raises(KubeopsError, match="gateway is switched off"):
        probe.Cluster(cluster.gateway(), [cluster.members[0].url]).answering()
    names = {"ca_file": "cacert", "cert_file": "cert", "key_file": "key"}
    flags = [f"--{names[option]}={path}" for option, path in cluster.authority.options().items()]
    for __ in range(30):
        words = [f"{PROGRAMS}/etcdctl", f"--endpoints={cluster.members[0].url}", *flags, "put", "key", "x" * 10**5]
        if subprocess.run(words, check=False, capture_output=True).returncode:
            break
    assert ask(cluster)["alarms"] == [{"alarm": "NOSPACE", "member": "m1"}]
    lifted = ask(cluster, state="disarmed")
    assert lifted["changed"] and lifted["alarms"] == [], lifted


def test_an_alarm_is_listed_and_lifted(make_cluster: Callable[..., EtcdCluster]) -> None:
    cluster = make_cluster(1, more=("--quota-backend-bytes=2000000",))
    cluster.fill_until_refused()
    assert ask(cluster)["alarms"] == [{"alarm": "NOSPACE", "member": "m1"}]
    cluster.compact()
    assert ask(cluster, state="defragmented", free_share=0.0)["changed"]
    assert ask(cluster, state="disarmed")["alarms"] == []
    cluster.put(b"/again", b"written")


def begin_anew(cluster: EtcdCluster, number: int) -> None:
    """Start a member on an empty disk as the first of a new cluster, which is how kubeadm has its manifest."""
    member = cluster.members[number]
    member.kill()
    shutil.rmtree(cluster.folder / member.name)
    url = next(word for word in member.arguments if "advertise-peer-urls=" in word).partition("=")[2]
    alone = f"--initial-cluster={member.name}={url}"
    member.arguments = [alone if word.startswith("--initial-cluster=") else word for word in member.arguments]
    member.start()
    wait_until(lambda: len(cluster.gateway(number).members_by_quorum()) == 1)


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while True:
        with suppress(KubeopsError):
            if done():
                return
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_member_that_began_anew_is_none_of_the_cluster(make_cluster: Callable[..., EtcdCluster]) -> None:
    cluster = make_cluster(3)
    known = probe.Cluster(cluster.gateway(), [member.url for member in cluster.members])
    begin_anew(cluster, 0)
    wait_until(lambda: {m.name for m in cluster.gateway(1).members_with_health() if m.healthy} == {"m2", "m3"})
    wait_until(lambda: known.answering()[0] is not None)  # two that are healthy may still elect a leader
    at, __ = known.answering()
    assert at and at.url == cluster.members[1].url
    listed = ask(cluster)
    assert listed["quorum"] == {"voters": 3, "healthy": 2, "needed": 2, "may_be_lost": 0}, listed

    begin_anew(cluster, 2)
    wait_until(lambda: "no leader" in str(cluster.gateway(1).status().get("errors")))
    at, silence = known.answering()
    assert at is None and "it lists 1 of the 3 voters" in silence
    where = {"endpoints": [member.url for member in cluster.members], **cluster.authority.options()}
    chosen = ansible_module.run("etcd_snapshot", where, check=True)
    assert (chosen["member"]["name"], chosen["quorum_lost"], chosen["voters"]) == ("m2", True, 3), chosen
