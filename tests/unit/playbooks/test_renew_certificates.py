# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order nodes get their certificates, and what stops it."""

from __future__ import annotations

import yaml

from tools import paths


def test_what_fails_on_one_node_does_not_reach_the_next() -> None:
    plays = yaml.safe_load((paths.ROOT / "playbooks" / "renew_certificates.yml").read_text())
    acting = [play for play in plays if "do not answer" not in play["name"]]
    assert len(acting) == 3
    assert {(play["serial"], play["any_errors_fatal"]) for play in acting} == {(1, True)}
