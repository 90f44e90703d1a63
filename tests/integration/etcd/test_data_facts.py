# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a member has a leader, which one that was started without a quorum tells nobody but its metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError

from tests import ansible_module
from tests.embedded_etcd import EtcdCluster, free_port

START_SECONDS = 20


def test_a_member_started_without_a_quorum_has_no_leader(make_cluster: Callable[..., EtcdCluster]) -> None:
    cluster = make_cluster(3)
    survivor, metrics = cluster.members[0], f"http://127.0.0.1:{free_port()}"
    survivor.arguments.append(f"--listen-metrics-urls={metrics}")

    def looked(url: str = metrics) -> dict[str, Any]:
        wanted = {"data_dir": str(cluster.folder / survivor.name), "metrics_url": url, "identify": False}
        data: dict[str, Any] = ansible_module.run("etcd_data_facts", wanted)["data"]
        return {name: data[name] for name in ("has_data", "running", "has_leader")}

    def started() -> None:
        survivor.start()
        deadline = time.monotonic() + START_SECONDS
        while looked()["has_leader"] is None:
            assert time.monotonic() < deadline, (cluster.folder / "m1.log").read_text()[-2000:]

    survivor.kill()
    assert looked() == {"has_data": True, "running": False, "has_leader": None}
    started()
    assert looked() == {"has_data": True, "running": True, "has_leader": True}
    assert looked("") == {"has_data": True, "running": True, "has_leader": None}

    cluster.stop()
    started()
    assert looked() == {"has_data": True, "running": True, "has_leader": False}
    with pytest.raises(KubeopsError, match="no answer"):
        cluster.gateway().status()
