# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles of etcd have to agree on."""

from __future__ import annotations

import jinja2
import pytest
import yaml

from tools import paths


@pytest.mark.parametrize("role", ["etcd_restore", "etcd_rescue"])
@pytest.mark.parametrize(
    ("given", "directory"),
    [({}, "/var/lib/kubeops/etcd-snapshots"), ({"etcd_backup_directory": "/srv/etcd"}, "/srv/etcd")],
)
def test_snapshots_are_looked_for_where_backups_are_kept(role: str, given: dict[str, str], directory: str) -> None:
    defaults = yaml.safe_load((paths.ROOT / "roles" / role / "defaults" / "main.yml").read_text())
    template = jinja2.Environment(autoescape=False).from_string(defaults[f"{role}_snapshot_directory"])
    assert template.render(given) == directory
