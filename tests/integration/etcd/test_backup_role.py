# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_etcd against a real etcd of this machine, where its snapshots cannot be proven."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.ansible_module import REPOSITORY
from tests.embedded_etcd import EtcdCluster, binaries


def backup(cluster: EtcdCluster, folder: Path, **more: Any) -> tuple[int, str]:
    """Exit code and words of the playbook: this machine is the one control plane, and keeps all in the folder."""
    member, keys = cluster.members[0], cluster.authority.options()
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "kubeops_cluster_name": "prod",
        "etcd_backup_schedule": "daily",
        "etcd_backup_retention": {"daily": {"count": 1}},
        "etcd_backup_directory": str(folder / "node"),
        "etcd_backup_controller_directory": str(folder / "controller"),
        "etcd_backup_metric_directory": str(folder / "metrics"),
        "etcd_backup_bin_dir": str(binaries()[-1].parent),
        "__etcd_backup_members": [{"host": "cp1", "name": member.name, "client_url": member.url}],
        "__etcd_backup_ca": keys["ca_file"],
        "__etcd_backup_client": keys["cert_file"][: -len(".crt")],
        **more,
    }
    inventory, extra = folder / "hosts.json", folder / "extra.json"
    inventory.write_text(json.dumps({"control_plane": {"hosts": {"cp1": {}}}}))
    extra.write_text(json.dumps(variables))
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    argv = [program, "-i", str(inventory), "-e", f"@{extra}", "kubeops.cluster.backup_etcd"]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml"}
    done = subprocess.run(argv, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, " ".join(done.stdout.split())


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.db"))


def test_what_cannot_be_proven_is_shipped_and_bounded_and_fails_the_run(single: EtcdCluster, tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "none").mkdir()
    code, said = backup(single, tmp_path)
    assert code == 0 and "restored on trial in" in said, said
    (proven,) = names(tmp_path / "node")
    success = (tmp_path / "metrics" / "kubeops_etcd_backup.prom").read_text()
    for __ in range(2):
        keeps = {"etcd_backup_controller_retention": {"daily": {"count": 2}}}
        code, said = backup(single, tmp_path, etcd_backup_bin_dir=str(tmp_path / "none"), **keeps)
        assert code != 0 and "could not be proven: etcd and etcdutl of etcd are not" in said, said
        assert "NOT proven, shipped to 1 place" in said
    kept = names(tmp_path / "node")
    assert len(kept) == 2 and kept[0] == proven
    copies = names(tmp_path / "controller")
    assert len(copies) == 3 and {*kept} < {*copies}, "two unproven ones by the controller's own retention"
    assert (tmp_path / "metrics" / "kubeops_etcd_backup.prom").read_text() == success
    assert 'unproven{cluster="prod"} 1' in (tmp_path / "metrics" / "kubeops_etcd_backup_last.prom").read_text()
    assert backup(single, tmp_path)[0] == 0
    (newest,) = names(tmp_path / "node")
    assert newest not in kept
