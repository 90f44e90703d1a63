# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on the controller that nobody else may read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

MODE = 0o600


def same(dest: Path, content: str) -> bool:
    """Tell whether the file holds exactly this and is closed to others."""
    return dest.is_file() and dest.stat().st_mode & 0o777 == MODE and dest.read_text(encoding="utf-8") == content


def write(dest: Path, content: str) -> None:
    """Beside it first: a reader never sees half a file, and it is 0600 from its first byte."""
    dest.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=dest.parent, prefix=f".{dest.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    Path(temporary).rename(dest)
