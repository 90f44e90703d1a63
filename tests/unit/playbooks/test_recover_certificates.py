# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook does where nothing is to be changed."""

from __future__ import annotations

import yaml
from jinja2.nativetypes import NativeEnvironment

from tools import paths


def test_what_a_check_would_have_mended_is_not_verified() -> None:
    plays = yaml.safe_load((paths.ROOT / "playbooks" / "recover_certificates.yml").read_text())
    roles = [role for play in plays if play["name"].startswith("Verify") for role in play["roles"]]
    assert [role["role"].rpartition(".")[2] for role in roles] == ["cluster_verify", "check_certificates"]
    assert {role["when"] for role in roles} == {"not ansible_check_mode"}


def test_what_is_good_for_days_is_no_matter_of_a_recovery() -> None:
    """The defaults of the roles are those of a renewal, and an inventory may have set others."""
    plays = yaml.safe_load((paths.ROOT / "playbooks" / "recover_certificates.yml").read_text())
    acting = [play for play in plays if play["name"].startswith(("External etcd", "Control planes", "Workers"))]
    assert len(acting) == 3
    before = [each for play in acting for each in play["vars"].items() if each[0].endswith("_before")]
    assert {name for name, __ in before} == {
        "etcd_certificate_renew_before",
        "kubelet_client_serving_renew_before",
        "renew_certificates_before",
    }
    for __, text in before:
        template = NativeEnvironment().from_string(text)
        assert template.render().split(",")[0] == "1d"
        assert template.render(recover_certificates_before="12h") == "12h"
