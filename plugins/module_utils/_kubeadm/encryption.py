# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file behind encryption at rest.

https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/ Rotating the key is manual: it
needs two keys in the file on every control plane at once and a rewrite of all Secrets.
"""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path

from .._core import files
from .._core.errors import KubeopsError, Refusal

KEY_BYTES = 32


def ensure(path: str) -> bool:
    """Make the file with a random key unless it is there. Returns whether it was made."""
    if files.read_bytes(path) is not None:
        return False
    _write(path, render(secrets.token_bytes(KEY_BYTES)))
    return True


def install(path: str, content: str) -> bool:
    """Install the copy of another control plane. Returns whether the file changed."""
    if files.read_text(path) == content:
        return False
    if not content:
        raise KubeopsError(
            "no control plane has an encryption configuration to copy",
            seen=f"{path} is missing on the control plane that lets this node in",
            fix="run the control_plane role on the complete control planes first",
        )
    _write(path, content)
    return True


def render(key: bytes) -> str:
    """Return the EncryptionConfiguration: what is written from now on is under secretbox."""
    provider = {"secretbox": {"keys": [{"name": "key1", "secret": base64.b64encode(key).decode("ascii")}]}}
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": [provider, {"identity": {}}]}],
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _write(path: str, content: str) -> None:
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write_atomic(path, content, mode=0o600)


def require(path: str) -> None:
    """Raise Refusal unless the file is on this control plane: it is made with the cluster, or by hand."""
    if files.read_bytes(path) is None:
        raise Refusal(
            "kubeops_encryption_at_rest was turned on after the cluster was made, and this node has no key file",
            seen=f"{path} is missing",
            fix="put the same EncryptionConfiguration there (0600) on every control plane, then run again: "
            "https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/",
            rule="encryption_file_missing",
        )
