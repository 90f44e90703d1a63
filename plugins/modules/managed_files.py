#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of managed_files: options in, one transaction, result out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: managed_files
short_description: Write many files and restart what reads them, as one transaction
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Observes all files and units, plans, validates all new contents, writes every file atomically,
    then reloads or restarts the units whose files changed.
  - When a write or a restart fails, the earlier files are put back, the units are restarted on them,
    and the module fails with the end of the unit's journal.
  - A unit that was last started before one of its files was last written is restarted too. That is
    what a run leaves that was killed between writing and restarting.
options:
  files:
    description: The files, each managed whole.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path. Missing parent directories are made with O(directory_mode).
        type: path
        required: true
      content:
        description:
          - The whole new content, UTF-8.
          - Never logged. It appears in diffs unless O(files[].secret) is true.
        type: str
        default: ''
      mode:
        description: Permissions, as octal digits in a string.
        type: str
        default: '0644'
      owner:
        description: Owner, name or numeric id. Left as it is when not given.
        type: str
      group:
        description: Group, name or numeric id. Left as it is when not given.
        type: str
      state:
        description: Whether the file must exist with this content or must not exist.
        type: str
        choices: [present, absent]
        default: present
      secret:
        description: Whether the content is a secret. It is then masked in diffs, errors and results.
        type: bool
        default: false
      validate:
        description:
          - Command that must exit with 0 for the new content; C(%s) stands for a private copy of it.
          - It runs without a shell, before any file is written, and in check mode too. Where the command
            is not installed yet, check mode warns and goes on.
        type: str
        default: ''
      backup:
        description: Whether the file that is replaced or removed is kept aside below C(/var/lib/kubeops/backups).
        type: bool
        default: true
  prune:
    description:
      - Absolute glob patterns. Matching files that are not in O(files) and whose first line carries
        C(Managed by kubeops.cluster) are removed.
    type: list
    elements: str
    default: []
  services:
    description: systemd units that follow the files.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Unit name; C(.service) may be left out.
        type: str
        required: true
      state:
        description:
          - What is done when a file changed. A unit that is not active is started too.
          - V(reported) touches no unit but to enable it, and names it in RV(restarts_due) when it has to be
            (re)started, for a task of its own such as M(kubeops.cluster.runtime_restart) with C(throttle). That is
            so as well once its program was replaced.
        type: str
        choices: [restarted, reloaded, reported]
        default: restarted
      when_changed:
        description: Paths that this unit follows. Empty means all files of this call.
        type: list
        elements: path
        default: []
      daemon_reload:
        description: Whether systemd is reloaded first when it asks for it or when a unit file changed.
        type: bool
        default: true
      enabled:
        description: Whether the unit starts at boot. Left as it is when not given.
        type: bool
      start:
        description: Whether a unit that is not active is started, or reported. A unit whose own conditions
          keep it from starting counts as settled.
        type: bool
        default: true
      optional:
        description: Whether a unit that is not installed is passed over.
        type: bool
        default: false
  directory_mode:
    description: Permissions of parent directories that have to be made.
    type: str
    default: '0755'
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
"""

EXAMPLES = r"""
- name: Configure haproxy and reload it when that changed something
  kubeops.cluster.managed_files:
    files:
      - path: /etc/haproxy/haproxy.cfg
        content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
        validate: haproxy -c -f %s
      - path: /etc/haproxy/stats.password
        content: "{{ stats_password }}"
        mode: "0600"
        secret: true
    services:
      - name: haproxy
        state: reloaded
        enabled: true
"""

RETURN = r"""
plan:
  description: The steps, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - action: write
      target: /etc/haproxy/haproxy.cfg
      reason: content differs
changed_files:
  description: Paths of the files that changed, or would change in check mode.
  returned: success
  type: list
  elements: str
restarts_due:
  description: Units of state V(reported) that do not run, or run with older files.
  returned: success
  type: list
  elements: str
backups:
  description: Where replaced and removed files were kept.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner
from ..module_utils._files.transaction import Transaction

FILE_OPTIONS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str", "default": "", "no_log": True},
    "mode": {"type": "str", "default": "0644"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "secret": {"type": "bool", "default": False, "no_log": False},
    "validate": {"type": "str", "default": ""},
    "backup": {"type": "bool", "default": True},
}
SERVICE_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["restarted", "reloaded", "reported"], "default": "restarted"},
    "when_changed": {"type": "list", "elements": "path", "default": []},
    "daemon_reload": {"type": "bool", "default": True},
    "enabled": {"type": "bool"},
    "start": {"type": "bool", "default": True},
    "optional": {"type": "bool", "default": False},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, act, verify; the result in the shape of RETURN."""
    # Contents stay out of the log; those that are no secrets may be shown in the diff.
    module.no_log_values.difference_update(
        {entry["content"] for entry in module.params["files"] if not entry["secret"]}
    )
    transaction = Transaction.from_params(Runner(module), module.params)
    plan = transaction.plan()
    if module.check_mode or not plan.changed:
        warnings = transaction.validate(module.tmpdir, tolerate_missing=module.check_mode)
        return transaction.result(plan, warnings)
    transaction.validate(module.tmpdir, tolerate_missing=False)
    transaction.apply(plan)
    transaction.verify()
    return transaction.result(plan)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "required": True, "options": FILE_OPTIONS},
            "prune": {"type": "list", "elements": "str", "default": []},
            "services": {"type": "list", "elements": "dict", "default": [], "options": SERVICE_OPTIONS},
            "directory_mode": {"type": "str", "default": "0755"},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
