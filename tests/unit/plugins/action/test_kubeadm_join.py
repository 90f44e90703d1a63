# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order a node and its cluster are asked: nothing is stopped or forgotten before both agreed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.kubeops.cluster.plugins.action.kubeadm_join import ActionModule

NODE = {"node": True, "etcd_member": False}
NEITHER = {"node": False, "etcd_member": False}
OBSERVED = {"changed": True, "needs_control_plane": True}
REFUSED = {"failed": True, "msg": "no", "rule": "etcd_quorum", "changed": False}
FORGETTING = ["grant", "prepare", "forget", "join", "revoke"]


class Recorded(ActionModule):
    """The action, with the answers of the machines given."""

    def __init__(self, forget: str, known: dict[str, bool], refuses: str, check_mode: bool) -> None:
        arguments = {"role": "control_plane", "node": {"name": "cp3", "ip": "192.0.2.3"}}
        self._task = cast(Any, SimpleNamespace(args=arguments, check_mode=check_mode))
        self._control_planes = cast(Any, SimpleNamespace(run=self._token))
        self.observed = {**OBSERVED, "forget": forget}
        self.known = known
        self.refuses = refuses
        self.asked: list[str] = []
        self.secrets: list[str] = []

    def _token(self, _module: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        self.programs = arguments["programs"]
        self.secrets += [arguments["token"], arguments["certificate_key"]]
        asked = {"present": "grant", "forgotten": "forget", "absent": "revoke"}[arguments["state"]]
        return "cp1", self._answer(asked, {"changed": True, "known": self.known})

    def _join(self, variables: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
        return self._answer("prepare" if more.get("prepare") else "join", {"changed": True})

    def _answer(self, asked: str, well: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(asked)
        return dict(REFUSED if asked == self.refuses else well)


@pytest.mark.parametrize(
    ("forget", "known", "refuses", "check_mode", "asked", "changed"),
    [
        pytest.param("nothing", NEITHER, "", False, ["grant", "join", "revoke"], True, id="a bare node"),
        pytest.param("node", NODE, "", False, FORGETTING, True, id="resume"),
        pytest.param("member", NODE, "", False, FORGETTING, True, id="reset"),
        pytest.param("member", NEITHER, "", False, ["grant", "join", "revoke"], True, id="reset, nothing to forget"),
        pytest.param("member", NODE, "grant", False, ["grant"], False, id="the cluster refuses"),
        pytest.param("member", NODE, "prepare", False, ["grant", "prepare", "revoke"], False, id="the node refuses"),
        pytest.param(
            "member", NODE, "forget", False, ["grant", "prepare", "forget", "revoke"], True, id="refused later"
        ),
        pytest.param("member", NODE, "", True, ["grant", "join"], True, id="check mode"),
        pytest.param("member", NODE, "grant", True, ["grant"], False, id="check mode, the cluster refuses"),
    ],
)
def test_order(
    forget: str, known: dict[str, bool], refuses: str, check_mode: bool, asked: list[str], changed: bool
) -> None:
    action = Recorded(forget, known, refuses, check_mode)
    result = action._join_with_credentials({}, action.observed)
    assert action.asked == asked
    assert result["changed"] is changed
    assert result.get("failed", False) is bool(refuses)
    assert not any(secret in str(result) for secret in action.secrets)


def test_the_cluster_is_told_what_is_installed_on_the_node() -> None:
    action = Recorded("nothing", NEITHER, "", check_mode=False)
    action._join_with_credentials({}, {**action.observed, "programs": {"kubelet": "v1.36.3"}})
    assert action.programs == {"kubelet": "v1.36.3"}
