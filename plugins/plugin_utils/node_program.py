# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's node-side code as one executable file, for what runs on nodes without Ansible."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

PACKAGE = "kubeops"
# Reproducible, so that an unchanged program is an unchanged file.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_MAIN = """\
# SPDX-License-Identifier: GPL-3.0-or-later
import sys

from kubeops.{module} import main

sys.exit(main(sys.argv[1:]))
"""


def build(module_utils: Path, module: str) -> bytes:
    """Return a zip application (PEP 441) whose start is main(arguments) of a module.

    module_utils: directory of the packages. module: dotted name below it, for instance ``_ship.unattended``.
    """
    buffer = io.BytesIO(b"")
    buffer.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(buffer, "a") as archive:
        _add(archive, "__main__.py", _MAIN.format(module=module))
        for path in sorted(module_utils.rglob("*.py")):
            _add(archive, f"{PACKAGE}/{path.relative_to(module_utils).as_posix()}", path.read_text(encoding="utf-8"))
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    entry = zipfile.ZipInfo(name, _MOMENT)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, text)
