# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of the collection that the tools read, from the collection's own code."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from tools import paths

MODULE_UTILS = "ansible_collections.kubeops.cluster.plugins.module_utils"


def _table(module: str) -> Any:
    if str(paths.COLLECTIONS) not in sys.path:
        sys.path.insert(0, str(paths.COLLECTIONS))
    return importlib.import_module(f"{MODULE_UTILS}.{module}")


def variables() -> tuple[Any, ...]:
    """The collection-wide variables, in the order of the table."""
    return tuple(_table("_inventory.schema").VARIABLES)


def facts() -> tuple[str, ...]:
    """Names with the same prefix that modules set."""
    return tuple(_table("_inventory.schema").FACTS)


def newest_minor() -> str:
    """The newest minor release of Kubernetes that the collection knows: ``1.36``."""
    return str(_table("_version.releases").NEWEST)
