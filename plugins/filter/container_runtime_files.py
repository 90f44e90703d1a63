# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jinja face of the container runtimes' configuration files."""

from __future__ import annotations

DOCUMENTATION = r"""
name: container_runtime_files
short_description: Configuration files of a container runtime
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Builds the files that containerd, CRI-O or Docker Engine with cri-dockerd read, and C(/etc/crictl.yaml),
    from the typed variables of the role P(kubeops.cluster.container_runtime#role).
  - containerd gets configuration version 3 from 2.0 on and version 2 before.
options:
  _input:
    description:
      - Mapping with C(name), C(version) (output of C(--version), empty when not installed), C(kubernetes_version),
        C(image_repository), C(sandbox_image) (empty for kubeadm's), C(cgroup_driver), C(cni_bin_dir), C(cni_conf_dir),
        C(mirrors), C(auth), C(http_proxy), C(https_proxy), C(no_proxy), C(unit) (text of
        containerd's systemd unit, empty where a package brings it) and C(overrides).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the files
  ansible.builtin.debug:
    msg: "{{ settings | kubeops.cluster.container_runtime_files }}"
"""

RETURN = r"""
_value:
  description:
    - C(files) and C(services) for M(kubeops.cluster.managed_files), C(units), C(socket) and C(version).
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._runtime.files import config_files
from ..module_utils._runtime.model import RUNTIMES, Settings, parse_version, sandbox_image


def container_runtime_files(variables: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(variables)
    repository, kubernetes = values.pop("image_repository"), values.pop("kubernetes_version")
    values["sandbox_image"] = values["sandbox_image"] or sandbox_image(repository, kubernetes)
    values["version"] = parse_version(values["version"])
    try:
        settings = Settings(**values)
        entries = config_files(settings)
    except (KeyError, TypeError, ValueError) as error:
        raise AnsibleFilterError(f"container_runtime: the configuration cannot be built: {error!r}") from error
    runtime = RUNTIMES[settings.name]
    paths = [entry["file"]["path"] for entry in entries if entry["restart"]]
    return {
        "files": [entry["file"] for entry in entries],
        "services": [
            {"name": unit, "state": "reported", "enabled": True, "when_changed": paths} for unit in runtime.units
        ],
        "units": list(runtime.units),
        "socket": runtime.socket,
        "version": settings.version,
    }


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"container_runtime_files": container_runtime_files}
