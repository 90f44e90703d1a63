# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine that is control plane and worker at once, which gets its pod network later."""

from __future__ import annotations

import json
from collections.abc import Callable

from .cluster import FULL_ONLY, Cluster
from .conftest import own_lab

pytestmark = FULL_ONLY


def test_first_without_a_pod_network_then_with_one(
    make_cluster: Callable[[str, str, str], Cluster], version: str
) -> None:
    made = make_cluster(own_lab("single"), version, "cp1:control_plane")
    made.extra_vars |= {"kubeops_cni": "none", "kubeops_node_taints": []}
    run = made.run()
    assert run.rc == 0, run.tail()
    assert made.nodes()["cp1"]["ready"] == "False"
    again = made.run()
    assert (again.rc, again.changed_hosts) == (0, {}), again.tail()

    made.created(kubeops_cni="bridge")
    made.assert_healthy(["cp1"])
    assert "taints" not in json.loads(made.kubectl("cp1", "get node cp1 -o json"))["spec"]
    again = made.run()
    assert (again.rc, again.changed_hosts) == (0, {}), again.tail()
