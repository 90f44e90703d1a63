# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of cert_external: one directory of requests and certificates for each host."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

MODULE = "kubeops.cluster.cert_external"
SEQUENCE = b"\x30"
BEGIN = b"-----BEGIN "


class ActionModule(ActionBase):
    """Writes requests, reads certificates; both are public."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, and which requests the controller has."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = self._task.args
        directory = Path(str(arguments.get("directory", ""))).expanduser() / str(variables["inventory_hostname"])
        signed = _signed(directory) if arguments.get("state") == "installed" else {}
        result: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args={**arguments, "signed": signed}, task_vars=variables
        )
        result.pop("invocation", None)
        written, changed = _write(directory, result.pop("requests", {}), dry=self._task.check_mode)
        return {**result, "changed": result.get("changed", False) or changed, "written": written}


def _signed(directory: Path) -> dict[str, str]:
    return {path.stem: _as_pem(path.read_bytes()) for path in sorted(directory.glob("*.crt"))}


def _as_pem(data: bytes) -> str:
    """Some CAs answer in DER, which begins with the tag of a sequence; components read PEM alone."""
    if data[:1] == SEQUENCE and BEGIN not in data:
        return ssl.DER_cert_to_PEM_cert(data)
    return data.decode("utf-8", "replace")


def _write(directory: Path, requests: dict[str, str], *, dry: bool) -> tuple[list[str], bool]:
    """Paths of the requests, and whether one of them was new; dry only looks."""
    changed = False
    for name, csr in requests.items():
        path = directory / f"{name}.csr"
        if not path.is_file() or path.read_text(encoding="utf-8") != csr:
            changed = True
            if not dry:
                directory.mkdir(mode=0o755, parents=True, exist_ok=True)
                path.write_text(csr, encoding="utf-8")
    return [str(directory / f"{name}.csr") for name in requests], changed
