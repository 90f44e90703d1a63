# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a member that was restarted is back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd_service.act import Host


@pytest.mark.parametrize(
    ("leader", "errors", "back"),
    [
        ("1", (), True),
        ("0", (), False),
        ("1", ("etcdserver: no leader",), False),
        ("1", ("memberID:3 alarm:CORRUPT ",), False),
        # A restart lifts no alarm.
        ("1", ("memberID:3 alarm:NOSPACE ", "memberID:1 alarm:NOSPACE "), True),
    ],
)
def test_a_member_is_back_once_it_votes(leader: str, errors: tuple[str, ...], back: bool) -> None:
    status = {"header": {"member_id": "3"}, "leader": leader, "errors": errors}
    cluster = SimpleNamespace(status=lambda _url: status)
    host = Host(cluster, None, "e3", "https://e3:2379", "https://e3:2380", "/none", 1.0)  # type: ignore[arg-type]
    assert host._leads_or_follows() is back
