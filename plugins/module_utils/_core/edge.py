# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The edge between a module and Ansible, so that every main() stays short."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from .errors import KubeopsError, Refusal


def run_module(module: AnsibleModule, function: Callable[[AnsibleModule], Mapping[str, Any]]) -> None:
    """Exit with what function(module) returns, or fail with the error it raises.

    A failure carries msg (the whole message), what, seen, fix, the error's details
    and, for a Refusal, rule.
    """
    try:
        result = function(module)
    except KubeopsError as error:
        module.fail_json(**failure(error))
    except OSError as error:
        module.fail_json(msg=f"Input/output error on the node. Seen: {error}")
    keys = dict(result)
    # ansible-core deprecates warnings as a key of the result.
    for warning in keys.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**keys)


def failure(error: KubeopsError) -> dict[str, Any]:
    """The error as keys for fail_json."""
    keys: dict[str, Any] = dict(error.details)
    keys.update(msg=str(error), what=error.what, seen=error.seen, fix=error.fix)
    if isinstance(error, Refusal):
        keys["rule"] = error.rule
    return keys
