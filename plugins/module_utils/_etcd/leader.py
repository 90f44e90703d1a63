# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the member on this host has a leader, by its metrics on the loopback address.

A member that starts without a quorum takes connections on its client port and answers none of them until it has been
part of a quorum (https://github.com/etcd-io/etcd/blob/v3.6.0/server/embed/serve.go). Its metrics are served from the
start, and need no certificate.
"""

from __future__ import annotations

import re
import time

from .._core import clock, http
from .._core.errors import KubeopsError

# Of an election, which takes about a second with kubeadm's and the role's settings.
ELECTION_SECONDS = 5.0
POLL_SECONDS = 0.5

_HAS_LEADER = re.compile(r"^etcd_server_has_leader (\d)", re.MULTILINE)


def has_leader(url: str, seconds: float = ELECTION_SECONDS) -> bool | None:
    """Tell it as soon as there is one, that there is none after so many seconds, None where nobody says.

    url: of listen-metrics-urls, as http://127.0.0.1:2381.
    """
    deadline = clock.monotonic() + seconds
    while True:
        told = _asked(f"{url}/metrics")
        if told is not False or clock.monotonic() >= deadline:
            return told
        time.sleep(POLL_SECONDS)


def _asked(url: str) -> bool | None:
    try:
        answer = http.request(url)
    except KubeopsError:
        return None
    match = _HAS_LEADER.search(answer.text) if answer.status == 200 else None
    return match[1] != "0" if match else None
