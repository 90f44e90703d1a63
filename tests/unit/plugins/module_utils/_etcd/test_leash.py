# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a program ended for want of something."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import leash


@pytest.mark.parametrize(
    ("code", "said", "lacked"),
    [
        (1, "Error: write /x/member/snap/db: no space left on device", True),
        (2, "fatal error: runtime: cannot allocate memory", True),
        (1, "Error: read db: Input/output error", True),
        (-9, "", True),  # what a limit of memory does
        (137, "", True),
        (None, "etcdutl did not end within 3600 s", True),
        (1, "Error: expected sha256 [1 2], got [3 4]", False),
        (2, "panic: freepages: failed to get all reachable pages", False),
    ],
)
def test_what_says_nothing_against_the_data(code: int | None, said: str, lacked: bool) -> None:
    assert leash.lacked(code, said) is lacked
