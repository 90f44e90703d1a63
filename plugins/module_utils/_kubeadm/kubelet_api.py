# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes API as this node's kubelet sees it: any node has that identity, and it may read its own pods."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._core import files
from . import kubeconfig, paths
from .api import ApiClient


@contextmanager
def as_kubelet() -> Iterator[ApiClient]:
    """Yield a client with the kubelet's certificate, at the server of its kubeconfig."""
    text = files.read_text(paths.KUBELET_CONF) or ""
    url = kubeconfig.server(text)
    if Path(paths.KUBELET_CLIENT).exists():
        yield ApiClient(url, paths.CA_CERT, paths.KUBELET_CLIENT)
        return
    Path(paths.RUN).mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=paths.RUN, encoding="ascii") as handle:
        handle.write(kubeconfig.identity(text, paths.KUBELET_CONF).pem)
        handle.flush()
        yield ApiClient(url, paths.CA_CERT, handle.name)
