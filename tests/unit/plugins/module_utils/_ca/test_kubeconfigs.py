# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig that somebody named follows the rotation from stage to stage; one that is not this cluster's stays."""

from __future__ import annotations

import base64
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._ca import act, model, plan, probe
from ansible_collections.kubeops.cluster.plugins.module_utils._core import clock, files
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import estate, issue, kubeconfig, load, renew

YEAR = timedelta(days=365)
Pair = tuple[bytes, bytes]


def authority(name: str = "kubernetes") -> Pair:
    key = issue.make_key("ecdsa-p256")
    return issue.make_ca(key, name, clock.now(), 10 * YEAR), key


OLD, NEW, OTHER = authority(), authority(), authority()


def written(signer: Pair, trusted: Pair = OLD) -> str:
    leaf = issue.Leaf("jane", ("developers",))
    key, certificate = issue.issue(leaf, *signer, clock.now(), YEAR, "ecdsa-p256")
    data = [base64.b64encode(part).decode("ascii") for part in (trusted[0], certificate, key)]
    return f"""apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {data[0]}
    server: https://192.0.2.1:6443
  name: kubernetes
users:
- name: jane
  user:
    client-certificate-data: {data[1]}
    client-key-data: {data[2]}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> model.Place:
    """A control plane whose CA is being rotated and which has nothing else."""
    found = model.Place("ca", str(tmp_path / "ca.crt"), str(tmp_path / "ca.key"), "kubernetes")
    for path, content in zip((found.cert, found.key, found.next_cert, found.next_key), (*OLD, *NEW)):
        Path(path).write_bytes(content)
    signer = estate.Entry("ca", found.cert, key_path=found.key)

    def observe(_runner: Runner, kubeconfigs: list[str]) -> renew.Observed:
        return renew.Observed([renew._found(estate.owned_kubeconfig(path), signer) for path in kubeconfigs], {})

    monkeypatch.setattr(renew, "observe", observe)
    monkeypatch.setattr(probe, "control_plane", lambda: True)
    monkeypatch.setattr(probe, "places", lambda: [found])
    monkeypatch.setattr(probe, "began", lambda _runner: {})
    monkeypatch.setattr(files, "write_atomic", partial(files.write_atomic, backup_root=str(tmp_path / "kept")))
    return found


def test_it_follows(place: model.Place, runner: Runner, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(written(OLD))
    # What the node itself has at each stage; the kubeconfig goes by that.
    for stage, bundle, trusts, signer in (
        (model.TRUSTED, (OLD, NEW), {OLD, NEW}, OLD),
        (model.SIGNED, (NEW, OLD), {OLD, NEW}, NEW),
        (model.DROPPED, (NEW,), {NEW}, NEW),
    ):
        Path(place.cert).write_bytes(b"".join(one for one, __ in bundle))
        Path(place.key).write_bytes(bundle[0][1])
        steps = plan.plan(stage, probe.observe(runner, ["ca"], {}, [str(path)])).steps
        mine = tuple(step for step in steps if step.target == str(path))
        act.carry_out(runner, plan.Plan(mine), YEAR, [str(path)])
        after = kubeconfig.parse(path.read_bytes())
        authorities = load.certificates(after.clusters["kubernetes"].authority)
        assert {one.der for one in authorities} == {load.certificates(one)[0].der for one, __ in trusts}
        user = after.users["jane"]
        assert issue.is_issued_by(user.certificate, signer[0]) and issue.same_key(user.key, user.certificate)
        assert issue.leaf_of(user.certificate).common_name == "jane"
        left = plan.plan(stage, probe.observe(runner, ["ca"], {}, [str(path)])).steps
        assert str(path) not in [step.target for step in left]
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_old_ca_stays_as_long_as_it_signed_one(place: model.Place, runner: Runner, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(written(OLD))
    Path(place.cert).write_bytes(NEW[0] + OLD[0])
    refusals = plan.plan(model.DROPPED, probe.observe(runner, ["ca"], {}, [str(path)])).refusals
    assert [str(path) in one.evidence for one in refusals] == [True]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (written(OTHER, OTHER), "the CA of this cluster did not sign"),
        (written(OLD).replace("client-key-data", "client-key"), "no client certificate is embedded"),
        (written(OLD).replace("users:", "- cluster:\n    certificate-authority-data: YQ==\nusers:"), "there 2 times"),
        (written(OLD).replace("authority-data: ", "authority-data: YQ"), "certificate-authority-data in"),
    ],
    ids=["of another cluster", "names a file", "two clusters", "spoiled"],
)
def test_what_cannot_follow_is_named_and_left_alone(
    place: model.Place, runner: Runner, tmp_path: Path, content: str, why: str
) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    node = probe.observe(runner, [place.name], {}, [str(path)])
    assert why in node.passed_over[str(path)]
    assert [str(path) in one and "rotate_ca_kubeconfigs" in one for one in node.warnings()] == [True]
    for stage in model.STAGES:
        assert str(path) not in [step.target for step in plan.plan(stage, node).steps]


def test_one_that_is_not_there_is_passed_over(place: model.Place, runner: Runner, tmp_path: Path) -> None:
    node = probe.observe(runner, [place.name], {}, [str(tmp_path / "none")])
    assert (node.passed_over, node.leaves) == ({}, [])
