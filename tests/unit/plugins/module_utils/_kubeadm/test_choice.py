# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a cluster is initialised, and where never."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.choice import choose

ORDER = ["cp1", "cp2", "cp3"]


def node(state: str = "absent", ready: bool = True, ca: str = "aaaa", unfinished: str = "") -> dict[str, Any]:
    role = "none" if state == "absent" else "control_plane"
    return {
        "state": state,
        "role": role,
        "api_ready": ready,
        "kubelet_healthy": True,
        "cluster_ca": ca,
        "markers": {"unfinished": unfinished},
    }


BARE = node()
DONE = node("complete")


@pytest.mark.parametrize(
    ("observed", "init_host", "refusal"),
    [
        pytest.param({"cp1": BARE, "cp2": BARE, "cp3": BARE}, "cp1", "", id="all bare"),
        pytest.param({"cp2": BARE, "cp3": BARE}, "", "", id="the first was not observed: never init"),
        pytest.param({"cp3": BARE}, "", "", id="--limit to a new control plane"),
        pytest.param({}, "", "", id="nobody was observed"),
        pytest.param({"cp1": BARE, "cp2": DONE, "cp3": DONE}, "", "", id="a cluster exists"),
        pytest.param(
            {"cp1": BARE, "cp2": node("complete", ready=False)}, "", "no API server answers", id="cluster without API"
        ),
        pytest.param({"cp1": DONE, "cp2": node("complete", ca="bbbb")}, "", "different clusters", id="two clusters"),
        pytest.param(
            {"cp1": BARE, "cp2": node("partial", unfinished="init"), "cp3": BARE},
            "cp2",
            "",
            id="init goes on where it stopped",
        ),
        pytest.param(
            {"cp1": node("partial", unfinished="init"), "cp2": node("partial", unfinished="init")},
            "",
            "Two clusters were begun",
            id="two inits",
        ),
        pytest.param(
            {"cp1": BARE, "cp2": node("partial", unfinished="join")},
            "",
            "",
            id="a join stopped: the cluster is elsewhere",
        ),
        pytest.param({"cp1": node("partial"), "cp2": BARE, "cp3": BARE}, "cp1", "", id="someone else's leftovers"),
        pytest.param({"cp2": node("partial")}, "", "", id="--limit to a broken member: never init"),
        pytest.param({"cp1": BARE, "cp2": node("partial")}, "", "", id="half there, and the third not observed"),
        pytest.param({"cp2": node("partial", unfinished="reset")}, "", "", id="--limit to a stopped reset"),
        pytest.param({"cp2": node("partial", unfinished="join")}, "", "", id="--limit to a stopped join"),
        pytest.param(
            {"cp2": node("partial", unfinished="init")}, "cp2", "", id="--limit to where init stopped: it goes on"
        ),
    ],
)
def test_choose(observed: dict[str, Any], init_host: str, refusal: str) -> None:
    found = choose(ORDER, observed)
    assert found.init_host == init_host
    assert refusal in found.refusal
    assert bool(refusal) == bool(found.refusal)
