# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps its files: never inside the repository."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab.naming import PREFIX, Names

DEFAULT_STATE = "/var/lib/kubeops-lab"
DEFAULT_CACHE = "/var/cache/kubeops-lab"
DEFAULT_BUNDLE = "/var/lib/kubeops/bundle"
# What concerns the host as a whole: locks and the sysctls to put back.
RUN = Path("/run/kubeops-lab")


@dataclass(frozen=True)
class Paths:
    state: Path
    cache: Path
    bundle: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Paths:
        given = os.environ if environment is None else environment

        def path(name: str, default: str) -> Path:
            return Path(given.get(name) or default).absolute()

        return cls(
            path("KUBEOPS_LAB_DIR", DEFAULT_STATE),
            path("KUBEOPS_LAB_CACHE", DEFAULT_CACHE),
            path("KUBEOPS_BUNDLE", DEFAULT_BUNDLE),
        )

    @property
    def scope(self) -> str:
        if self.state == Path(DEFAULT_STATE):
            return PREFIX
        return f"{PREFIX}-{hashlib.sha256(str(self.state).encode()).hexdigest()[:6]}"

    def names(self, lab_id: str) -> Names:
        return Names(self.scope, lab_id)

    def lab(self, lab_id: str) -> Path:
        return self.state / lab_id

    def node(self, lab_id: str, node: str) -> Path:
        return self.lab(lab_id) / "nodes" / node

    def inventory(self, lab_id: str) -> Path:
        return self.lab(lab_id) / "inventory.yml"

    def key(self, lab_id: str) -> Path:
        return self.lab(lab_id) / "id_ed25519"

    def known_hosts(self, lab_id: str) -> Path:
        return self.lab(lab_id) / "known_hosts"
