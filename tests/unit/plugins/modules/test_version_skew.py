# SPDX-License-Identifier: GPL-3.0-or-later
"""Module and filter take the same, and name what they cannot take."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.kubeops.cluster.plugins.filter import version_skew as filters
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.modules import version_skew

OBSERVED = {"nodes": [{"name": "cp1", "control_plane": True, "components": {"kube-apiserver": "1.35.6"}}]}


def params(**changes: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in version_skew.OPTIONS.items()}
    return {**defaults, "observed": OBSERVED, **changes}


def test_every_option_is_handed_on() -> None:
    judged = version_skew.judged(params(target="1.36.3")).as_dict()
    assert judged == filters.version_skew(OBSERVED, target="1.36.3")
    assert judged["road"]["target"] == "1.36.3"


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(Refusal, match="components is"):
        version_skew.judged(params(observed={"nodes": [{"name": "cp1", "components": ["kubelet"]}]}))
    with pytest.raises(AnsibleFilterError, match="'taget' is no option"):
        filters.version_skew(OBSERVED, taget="1.36.3")
