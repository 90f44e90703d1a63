# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is asked, and in which order, before a kubelet gets a certificate."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.action import kubelet_client

NOBODY = {
    "failed": True,
    "rule": "no_healthy_control_plane",
    "msg": "No control plane",
    "seen": "cp1: ca.key is missing",
}


class Planes:
    """Control planes with or without the CA's key, or none that answers."""

    def __init__(self, *, key: bool, certificate: bool = True) -> None:
        self._key, self._certificate = key, certificate
        self.signed = 0

    def run(self, module: str, arguments: dict[str, Any], try_next: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
        if module == kubelet_client.SIGN_MODULE:
            return ("cp1", {"ca_certificate": "CA"}) if self._key else ("", dict(NOBODY))
        assert "" in try_next  # a file that is not there has no rule
        return ("cp1", {"content": base64.b64encode(b"CA").decode()}) if self._certificate else ("", dict(NOBODY))

    def run_on(self, host: str, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.signed += 1
        return {"certificates": ["PEM"]}


def ran(planes: Planes, monkeypatch: pytest.MonkeyPatch, *, due: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    calls: list[dict[str, Any]] = []

    def here(module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        calls.append({name: value for name, value in module_args.items() if name != "node_name"})
        if due and module_args.get("no_signer"):
            return {"failed": True, "rule": "ca_external", "msg": "refused", "invocation": {}}
        return {"changed": due, "request": "CSR" if due and "signed" not in module_args else ""}

    monkeypatch.setattr(kubelet_client, "ControlPlanes", lambda *_arguments: planes)
    monkeypatch.setattr(kubelet_client.ActionBase, "run", lambda *_arguments: {})
    action = object.__new__(kubelet_client.ActionModule)
    action._task = SimpleNamespace(args={"node_name": "w1"})
    monkeypatch.setattr(action, "_execute_module", here)
    return action.run(None, {}), calls


def test_a_control_plane_with_the_key_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = Planes(key=True)
    result, calls = ran(planes, monkeypatch, due=True)
    assert calls == [{"ca_certificate": "CA"}, {"ca_certificate": "CA", "signed": "PEM"}]
    assert (result, planes.signed) == ({"changed": True, "control_plane": "cp1"}, 1)


@pytest.mark.parametrize(
    ("due", "expected"),
    [(False, {"changed": False}), (True, {"failed": True, "rule": "ca_external", "msg": "refused"})],
    ids=["nothing is due", "a certificate is due"],
)
def test_without_the_key_the_node_is_looked_at_all_the_same(
    monkeypatch: pytest.MonkeyPatch, due: bool, expected: dict[str, Any]
) -> None:
    planes = Planes(key=False)
    result, calls = ran(planes, monkeypatch, due=due)
    assert calls == [{"ca_certificate": "CA", "no_signer": "cp1: ca.key is missing"}]
    assert (result, planes.signed) == (expected, 0)


def test_without_any_answer_there_is_nothing_to_judge_by(monkeypatch: pytest.MonkeyPatch) -> None:
    result, calls = ran(Planes(key=False, certificate=False), monkeypatch, due=False)
    assert (result, calls) == (NOBODY, [])
