# SPDX-License-Identifier: GPL-3.0-or-later
"""Members as gRPC tells them."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core import grpc
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.etcdctl import member_from_grpc
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member


def text(at: int, value: str) -> bytes:
    return bytes([at << 3 | 2, len(value)]) + value.encode()


@pytest.mark.parametrize(
    ("entry", "member"),
    [
        (
            grpc.with_number(1, 2**64 - 1) + text(2, "cp1") + text(3, "https://a") + text(3, "https://b") + text(4, "https://c"),
            Member(str(2**64 - 1), "cp1", ("https://a", "https://b"), ("https://c",)),
        ),
        (
            grpc.with_number(1, 7) + text(3, "https://a") + grpc.with_number(5, 1),
            Member("7", "", ("https://a",), (), is_learner=True),
        ),
    ],
)  # fmt: skip
def test_member(entry: bytes, member: Member) -> None:
    assert member_from_grpc(entry) == member
