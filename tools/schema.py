# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection-wide variables, from the collection's own table."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from tools import paths

MODULE = "ansible_collections.kubeops.cluster.plugins.module_utils._inventory.schema"


def _module() -> Any:
    if str(paths.COLLECTIONS) not in sys.path:
        sys.path.insert(0, str(paths.COLLECTIONS))
    return importlib.import_module(MODULE)


def variables() -> tuple[Any, ...]:
    """Every variable, in the order of the table."""
    return tuple(_module().VARIABLES)


def facts() -> tuple[str, ...]:
    """Names with the same prefix that modules set."""
    return tuple(_module().FACTS)
