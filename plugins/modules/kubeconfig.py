#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of kubeconfig: reads admin.conf for the action on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig
short_description: Bring the administrator's kubeconfig to the controller
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - An action that reads C(/etc/kubernetes/admin.conf) on the first healthy host of the group C(control_plane).
  - Writes it on the controller with mode 0600. The content appears in no log and no result.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options:
  dest:
    description: Path on the controller. Its directory is made when it is missing.
    type: path
    required: true
attributes:
  diff_mode:
    details: The content is a secret.
"""

EXAMPLES = r"""
- name: Kubeconfig
  kubeops.cluster.kubeconfig:
    dest: ~/.kube/production.conf
  run_once: true
"""

RETURN = r"""
dest:
  description: Path on the controller.
  returned: success
  type: str
control_plane:
  description: The control plane it came from.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import files
from ..module_utils._core.edge import run_module
from ..module_utils._kubeadm import api, credentials, paths


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(argument_spec={"dest": {"type": "path", "required": True}}, supports_check_mode=True)
    run_module(module, read)


def read(module: AnsibleModule) -> dict[str, Any]:
    """Return the content to the action, which lets it go no further."""
    with api.admin() as client:
        credentials.require_healthy(client)
    return {"changed": False, "content": files.read_text(paths.ADMIN_CONF), "dest": module.params["dest"]}


if __name__ == "__main__":
    main()
