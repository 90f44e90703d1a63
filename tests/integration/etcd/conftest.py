# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.embedded_etcd import EtcdCluster, binaries


@pytest.fixture(scope="session")
def make_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., EtcdCluster]]:
    """Make and start clusters; all are stopped at the end."""
    if not binaries():
        pytest.skip("no etcd binary: neither in a bundle nor on PATH")
    with ExitStack() as stack:

        def make(size: int = 1, *, wait: bool = True, **options: Any) -> EtcdCluster:
            versions = options.pop("versions", None) or [binaries()[-1]] * size
            cluster = EtcdCluster.make(tmp_path_factory.mktemp("etcd"), versions, **options)
            stack.callback(cluster.stop)
            cluster.start(wait=wait)
            return cluster

        yield make


@pytest.fixture(scope="session")
def single(make_cluster: Callable[..., EtcdCluster]) -> EtcdCluster:
    """One member with a few thousand keys; nobody writes to it after."""
    cluster = make_cluster()
    cluster.write({b"/registry/configmaps/%d" % number: os.urandom(3000) for number in range(200)})
    cluster.put(b"/registry/namespaces/kube-system", b"k8s\0uid:8f14e45f-ceea-467f-a0e6-1c2d3e4f5a6b")
    return cluster
