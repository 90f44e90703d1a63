# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of bundle_install: selects files from the manifest and brings the missing ones to the node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ..module_utils._bundle.manifest import NAME, BundleFile, parse
from ..module_utils._bundle.select import Need, select

MODULE = "kubeops.cluster.bundle_install"
DEFAULT_KINDS = ("binary", "tool", "cni_plugins", "image")


class ActionModule(ActionBase):
    """Asks the node what is missing, transfers only that, lets the node verify and install it."""

    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = {name: value for name, value in self._task.args.items() if name not in ("files", "sources")}
        bundle = Path(arguments.get("bundle") or "")
        files = self._selected(bundle, arguments)
        arguments["files"] = [file.as_dict() for file in files]

        on_node = str(arguments.get("bundle_on_node") or "")
        if on_node:
            sources = {file.path: str(Path(on_node, file.path)) for file in files}
            return self._call({**arguments, "sources": sources}, task_vars)
        seen = self._call(arguments, task_vars)
        if seen.get("failed") or not seen.get("changed") or self._task.check_mode:
            return seen
        needed = [file for file in files if file.path in seen["needed"]]
        return self._call({**arguments, "sources": dict(self._transfer(bundle, needed))}, task_vars)

    def _call(self, arguments: Mapping[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        # Later calls find the files in the directory that an earlier one must not remove.
        result: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args=dict(arguments), task_vars=task_vars
        )
        return result

    def _selected(self, bundle: Path, arguments: Mapping[str, Any]) -> tuple[BundleFile, ...]:
        manifest = bundle / NAME
        try:
            return select(parse(manifest.read_text(encoding="utf-8")), _need(arguments))
        except OSError as error:
            raise AnsibleActionFail(
                f"The bundle cannot be read. Seen: {error}. Fix: set kubeops_bundle to a bundle directory on the "
                "controller (kubeops.cluster.build_bundle makes one), or set kubeops_package_source to repository."
            ) from error
        except ValueError as error:
            raise AnsibleActionFail(
                f"The bundle {bundle} cannot be used: {error}. Fix: build it anew for "
                f"kubeops_version {arguments.get('kubernetes_version')!r}, or name another bundle in kubeops_bundle."
            ) from error

    def _transfer(self, bundle: Path, files: Sequence[BundleFile]) -> Iterator[tuple[str, str]]:
        """Copy files into a directory on the node that only its owner may enter; yields where each one went."""
        for file in files:
            _require_size(bundle, file)
        directory = self._make_tmp_path()
        for number, file in enumerate(files):
            target = self._connection._shell.join_path(directory, f"{number}-{Path(file.path).name}")
            self._transfer_file(str(bundle / file.path), target)
            yield file.path, target


def _need(arguments: Mapping[str, Any]) -> Need:
    version = str(arguments.get("kubernetes_version") or "")
    optional = {
        "control_plane": _is_true(arguments.get("control_plane", False)),
        "test": _is_true(arguments.get("test_images", True)),
    }
    return Need(
        kubernetes_version=version if version.startswith("v") else f"v{version}",
        kinds=arguments.get("kinds") or DEFAULT_KINDS,
        tools=arguments.get("tools") or ("crictl",),
        image_roles=["node", *(role for role, wanted in optional.items() if wanted)],
        runtimes={name: str(wanted).removeprefix("v") for name, wanted in (arguments.get("runtimes") or {}).items()},
    )


def _is_true(value: Any) -> bool:
    return bool(boolean(value, strict=True))


def _require_size(bundle: Path, file: BundleFile) -> None:
    path = bundle / file.path
    size = path.stat().st_size if path.exists() else None
    if size != file.size:
        raise AnsibleActionFail(
            f"The bundle {bundle} is damaged. Seen: {file.path} has {size if size is not None else 'no'} bytes, the "
            f"manifest says {file.size} bytes with sha256 {file.sha256}. Fix: copy the bundle again or build it anew."
        )
