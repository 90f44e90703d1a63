# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs made of the collection's own code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ansible_collections.kubeops.cluster.plugins import module_utils
from ansible_collections.kubeops.cluster.plugins.plugin_utils import node_program

MODULE_UTILS = Path(next(iter(module_utils.__path__)))


def test_it_runs_without_ansible_and_is_the_same_each_time(tmp_path: Path) -> None:
    program = tmp_path / "etcd-backup"
    program.write_bytes(node_program.build(MODULE_UTILS, "_ship.unattended"))
    assert program.read_bytes() == node_program.build(MODULE_UTILS, "_ship.unattended")
    # -I -S: neither this environment's packages nor the site's, as on a node.
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(program), "/nowhere.json"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "etcd backup failed: [Errno 2] No such file or directory: '/nowhere.json'\n"
