# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe as a transient systemd unit of a control plane."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.runner import Runner
from .._kubeadm import kubeconfig, paths
from .._kubeadm.api import admin, object_path
from . import judge, program

UNIT = "kubeops-api-probe.service"
PROGRAM = f"{paths.RUN}/api_probe.py"
IDENTITY = f"{paths.RUN}/api-probe.pem"
# Survives a reboot of the node.
ACCOUNT = "/var/lib/kubeops/api-probe.json"
COORDINATION = "coordination.k8s.io/v1"
START_SECONDS = 60.0
POLL_SECONDS = 0.5


def active(runner: Runner) -> bool:
    """Whether a count is going on."""
    return runner.run(["systemctl", "is-active", "--quiet", UNIT], check=False, timeout=30).rc == 0


def forget(runner: Runner) -> None:
    """Leave nothing of an earlier count."""
    runner.run(["systemctl", "stop", UNIT], check=False, timeout=60)  # there need not be one
    files.remove(ACCOUNT)


def start(runner: Runner, source: str, python: str, server: str, hours: int) -> None:
    """Count, or count on; raises KubeopsError where no request is answered."""
    Path(ACCOUNT).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with admin() as api:
        take_identity()
        files.write_atomic(PROGRAM, source, mode=0o644)
        server = server or api.url.partition("//")[2]
    before = judge.answered(account())
    command = [python, "-I", PROGRAM, "--server", server, "--ca", paths.CA_CERT]
    command += ["--identity", IDENTITY, "--account", ACCOUNT]
    limit = f"--property=RuntimeMaxSec={hours}h"
    runner.run(["systemd-run", "--quiet", "--collect", f"--unit={UNIT}", limit, "--", *command], timeout=60)
    _wait_for_answer(runner, server, before)


def take_identity() -> None:
    """Show the certificate that admin.conf has now: the program reads it for each connection."""
    identity = kubeconfig.identity(files.read_text(paths.ADMIN_CONF) or "", paths.ADMIN_CONF)
    files.write_atomic(IDENTITY, identity.pem, mode=0o600)


def _wait_for_answer(runner: Runner, server: str, before: int) -> None:
    deadline = clock.monotonic() + START_SECONDS
    while judge.answered(account()) <= before:
        alive = active(runner)
        if alive and clock.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            continue
        seen = _last_words(runner)
        runner.run(["systemctl", "stop", UNIT], check=False, timeout=60)  # it may have ended
        raise KubeopsError(
            f"a client on this control plane gets no answer from {server}",
            seen=seen,
            fix="see that it reaches the endpoint, and that nothing refuses the Lease kubeops-api-probe in kube-system",
        )


def _last_words(runner: Runner) -> str:
    failures = account().get("failures")
    if failures:
        return str(failures[-1]["reason"])
    journal = ["journalctl", f"--unit={UNIT}", "--lines=3", "--output=cat", "--no-pager"]
    said = runner.run(journal, check=False, timeout=30).stdout.strip()  # a node without a journal says nothing
    return said or "it has sent no request yet"


def why_blind(runner: Runner) -> str:
    """Why nothing is counted now; empty where it is."""
    path = Path(ACCOUNT)
    age = max(0.0, time.time() - path.stat().st_mtime) if path.exists() else None
    return judge.why_blind(active(runner), age)


def account() -> dict[str, Any]:
    """What was counted so far; empty where nothing was."""
    text = files.read_text(ACCOUNT)
    return dict(json.loads(text)) if text else {}


def stop(runner: Runner) -> None:
    """End the count, leave the account, and take away everything else."""
    runner.run(["systemctl", "stop", UNIT], check=False, timeout=60)  # there need not be one
    for path in (IDENTITY, PROGRAM):
        Path(path).unlink(missing_ok=True)
    try:
        with admin() as api:
            api.delete(object_path("leases", program.NAME, "kube-system", COORDINATION))
    except KubeopsError:
        pass  # an empty Lease harms nobody, and what was counted says more about the API
