# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook does where nothing is to be changed."""

from __future__ import annotations

import yaml

from tools import paths


def test_what_a_check_would_have_mended_is_not_verified() -> None:
    plays = yaml.safe_load((paths.ROOT / "playbooks" / "recover_certificates.yml").read_text())
    roles = [role for play in plays if play["name"].startswith("Verify") for role in play["roles"]]
    assert [role["role"].rpartition(".")[2] for role in roles] == ["cluster_verify", "check_certificates"]
    assert {role["when"] for role in roles} == {"not ansible_check_mode"}
