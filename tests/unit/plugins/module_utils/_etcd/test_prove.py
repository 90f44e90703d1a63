# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proof compares."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.prove import compare

FOUND = {"revision": 10, "count": 5, "hash": 77, "compact_revision": 3}
KEYS = {"count": 5, "hash": 77, "compact_revision": 3}


@pytest.mark.parametrize(
    ("manifest", "compared"),
    [
        ({"revision": 10, "keys": KEYS}, ["revision", "keys", "hash"]),
        ({"revision": 9, "keys": KEYS}, ["revision", "keys", "hash"]),  # a lease ran out since
        ({"revision": 10, "keys": {**KEYS, "compact_revision": 4, "hash": 1}}, ["revision", "keys"]),
        ({"revision": 10}, ["revision"]),
        ({}, []),
    ],
)
def test_the_same(manifest: dict[str, Any], compared: list[str]) -> None:
    assert compare(FOUND, 10, manifest) == compared


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"revision": 11}, "revision is 10, at the source it was 11"),
        ({"revision": 10, "keys": {**KEYS, "count": 6}}, "count is 5, at the source it was 6"),
        ({"revision": 10, "keys": {**KEYS, "hash": 78}}, "hash is 77, at the source it was 78"),
    ],
)
def test_another(manifest: dict[str, Any], words: str) -> None:
    with pytest.raises(KubeopsError) as raised:
        compare(FOUND, 10, manifest)
    assert raised.value.seen == words
