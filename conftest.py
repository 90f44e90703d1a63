# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes ``ansible_collections.kubeops.cluster`` importable under pytest."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent
COLLECTIONS = REPOSITORY / ".build" / "collections"


def _link_collection() -> None:
    """Point ``<collections>/ansible_collections/kubeops/cluster`` at this repository."""
    link = COLLECTIONS / "ansible_collections" / "kubeops" / "cluster"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to("../../../..")


_link_collection()
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)
os.environ.setdefault("ANSIBLE_CONFIG", str(REPOSITORY / "ansible.cfg"))

# Ansible's own loader, so imports resolve in tests exactly as they do in a run.
from ansible.plugins.loader import init_plugin_loader

init_plugin_loader([str(COLLECTIONS)])
