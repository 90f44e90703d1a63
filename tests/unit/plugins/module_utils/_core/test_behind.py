# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in another thread: in order, and its errors come back."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.behind import Behind


def test_pieces_in_order() -> None:
    done: list[bytes] = []
    with Behind(done.append) as behind:
        for number in range(50):
            behind.put(b"%d" % number)
    assert done == [b"%d" % number for number in range(50)]


def test_an_error_of_the_work_is_raised_here() -> None:
    def full(_piece: bytes) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"), Behind(full) as behind:
        for __ in range(100):
            behind.put(b"x")


def test_an_error_of_the_last_piece_is_raised_at_the_end() -> None:
    def full(_piece: bytes) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"), Behind(full) as behind:
        behind.put(b"x")


def test_an_error_outside_is_the_one_that_counts() -> None:
    with pytest.raises(KeyError), Behind(lambda _piece: None) as behind:
        behind.put(b"x")
        raise KeyError
