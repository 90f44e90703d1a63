# SPDX-License-Identifier: GPL-3.0-or-later
"""On how many control planes at once the playbook works."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.module_utils.parsing.convert_bool import boolean
from jinja2.nativetypes import NativeEnvironment

from tools import paths


@pytest.mark.parametrize(
    ("variables", "serial"),
    [
        ({}, 1),
        ({"external_ca_api_required": "true"}, 1),
        ({"external_ca_api_required": "false"}, "100%"),
        ({"external_ca_api_required": False}, "100%"),
    ],
)
def test_a_cluster_that_is_down_gets_its_certificates_on_all_at_once(variables: dict[str, Any], serial: object) -> None:
    (play,) = yaml.safe_load((paths.ROOT / "playbooks" / "external_ca.yml").read_text())
    environment = NativeEnvironment()
    environment.filters["bool"] = boolean
    assert environment.from_string(play["serial"]).render(variables) == serial
