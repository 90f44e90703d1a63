# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TOML writer, read back by a library."""

from __future__ import annotations

import math
import sys

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._runtime.toml import dumps
from hypothesis import given
from hypothesis import strategies as st

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(TEXT, VALUES, max_size=6))
def test_what_is_written_reads_back(document):
    assert tomllib.loads(dumps(document)) == document


def test_it_reads_like_a_person_wrote_it():
    document = {
        "version": 2,
        "plugins": {"io.containerd.grpc.v1.cri": {"sandbox_image": "pause", "cni": {"bin_dir": "/opt/cni/bin"}}},
        "mirror": [{"location": "a"}, {"location": "b"}],
    }
    assert dumps(document) == (
        "version = 2\n"
        '\n[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "pause"\n'
        '\n[plugins."io.containerd.grpc.v1.cri".cni]\nbin_dir = "/opt/cni/bin"\n'
        '\n[[mirror]]\nlocation = "a"\n\n[[mirror]]\nlocation = "b"\n'
    )


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinity(value):
    assert tomllib.loads(dumps({"a": value})) == {"a": value}


@pytest.mark.parametrize("value", [None, object(), {"b": None}, [None], "\ud800"])
def test_what_toml_cannot_say_is_an_error(value):
    with pytest.raises(ValueError, match="TOML has no way to write"):
        dumps({"a": value})
