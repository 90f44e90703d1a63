# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage waits for that no file proves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._ca import act, model
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._core.plan import Plan
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import estate, issue, load, renew, renewal
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.served import Served
from ansible_collections.kubeops.cluster.plugins.modules import ca_rotation

INCOMING: Any = object()


def rotating(incoming: Any, *, key: bool = True) -> dict[str, model.Authority]:
    return {"ca": model.Authority(model.PLACES[0], incoming=incoming, next_key=b"key" if key else b"")}


@pytest.mark.parametrize(
    ("stage", "node", "waited"),
    [
        ("trusted", model.Node(rotating(INCOMING), manager="m"), ["trusted"]),
        ("trusted", model.Node(rotating(INCOMING, key=False)), []),
        ("signed", model.Node(rotating(INCOMING), manager="m"), ["served"]),
        ("signed", model.Node(rotating(INCOMING)), []),
        ("signed", model.Node(rotating(None), manager="m"), []),
        ("moved", model.Node(rotating(INCOMING), manager="m"), []),
    ],
    ids=["trusted", "trusted on a worker", "signed", "signed on a worker", "nothing to rotate", "moved"],
)
def test_what_is_waited_for_in_every_run(
    monkeypatch: pytest.MonkeyPatch, stage: str, node: model.Node, waited: list[str]
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(ca_rotation, "_observe", lambda _module: node)
    monkeypatch.setattr(ca_rotation.plan, "plan", lambda *_arguments: Plan())
    monkeypatch.setattr(ca_rotation, "Runner", lambda _module: None)
    monkeypatch.setattr(act, "wait_until_trusted", lambda _place: seen.append("trusted"))
    monkeypatch.setattr(act, "wait_until_served", lambda _runner: seen.append("served"))
    module: Any = SimpleNamespace(params={"stage": stage}, check_mode=False)
    assert not ca_rotation._go(module, None).changed
    assert seen == waited
    seen.clear()
    module.check_mode = True
    ca_rotation._go(module, None)
    assert seen == []


def test_a_port_that_serves_the_old_certificate_ends_the_run(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    key, now = issue.make_key("ecdsa-p256"), ca_rotation.clock.now()
    old, new = (issue.make_ca(key, "kubernetes", now, ca_rotation.duration.parse("9d", "")) for __ in range(2))
    path = tmp_path / "apiserver.crt"
    path.write_bytes(new)
    port = estate.Endpoint("192.0.2.1", 6443, "kube-apiserver")
    entry = estate.Entry("apiserver", str(path), endpoints=(port,))
    absent = estate.Entry("super-admin.conf", str(tmp_path / "none"), endpoints=(port,))
    observed = renew.Observed([renewal.Found(entry, new), renewal.Found(absent)], {})
    shown = [old]
    monkeypatch.setattr(renew, "observe", lambda _runner: observed)
    monkeypatch.setattr(renew, "SERVED_TIMEOUT", -1.0)
    monkeypatch.setattr(renew.served, "served", lambda endpoint: Served(endpoint, load.certificates(shown[0])[0]))
    with pytest.raises(KubeopsError) as caught:
        act.wait_until_served(None)  # type: ignore[arg-type]
    assert "192.0.2.1:6443 does not serve it" in str(caught.value)
    assert "restart kube-apiserver on this node" in caught.value.fix
    shown[0] = new
    act.wait_until_served(None)  # type: ignore[arg-type]
