# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands do: every function may be killed anywhere and called again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.lab import cgroups, image, inventory, network, node, state, uplink
from tests.lab.host import Host, raise_limits, restore_limits
from tests.lab.model import Lab
from tests.lab.naming import PREFIX, choose_subnet
from tests.lab.node import Machine
from tests.lab.paths import DEFAULT_BUNDLE, RUN, Paths
from tests.lab.shell import locked, remove_tree, run, write

BOOT_TIMEOUT = 90.0


class Labs:
    """The labs of one state directory on this host."""

    def __init__(self, paths: Paths, host: Host) -> None:
        self.paths = paths
        self.host = host

    def machines(self, lab: Lab) -> list[Machine]:
        return [Machine(self.paths, self.host, lab, each) for each in lab.nodes]

    @contextmanager
    def lock(self, lab_id: str) -> Iterator[None]:
        with locked(RUN / f"{self.paths.scope}.{lab_id}.lock"):
            yield

    def up(self, lab_id: str, wanted: dict[str, tuple[str, ...]], bundle: Path | None, internet: bool = False) -> Lab:
        """Make what is missing, start what is stopped, plug in what is cut."""
        base = image.ensure_base(self.paths)
        with self.lock(lab_id):
            lab = self._claim(lab_id, wanted)
            network.ensure_switch(self.paths.names(lab_id), lab)
            key = self._client_key(lab)
            # Nobody serves names in a lab: the host refuses at once instead of a long timeout.
            servers = uplink.host_nameservers() if internet else [str(lab.gateway)]
            self._each(self.machines(lab), lambda machine: node.create(machine, base, key, servers))
            self._write_access(lab, bundle)
            self.start(self.machines(lab), bundle)
            if internet:
                uplink.ensure(self.paths.names(lab_id), lab)
        return lab

    def _claim(self, lab_id: str, wanted: dict[str, tuple[str, ...]]) -> Lab:
        """Put the lab and its subnet on record before anything of it is made."""
        with locked(RUN / "lock"):
            lab = state.load(self.paths, lab_id)
            if lab is None:
                taken = [other.subnet for other in state.known_labs(self.paths)]
                taken += network.host_networks()
                lab = Lab(lab_id, choose_subnet(self.paths.names(lab_id), taken))
            lab = lab.with_nodes(wanted)
            state.save(self.paths, lab)
        return lab

    def _client_key(self, lab: Lab) -> str:
        """The public half of the key that opens every node of the lab."""
        key = self.paths.key(lab.id)
        public = key.with_suffix(".pub")
        if not public.exists():
            key.unlink(missing_ok=True)
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", lab.id, "-f", str(key)])
        return public.read_text()

    def _write_access(self, lab: Lab, bundle: Path | None) -> None:
        keys = "".join(node.host_key(machine) + "\n" for machine in self.machines(lab))
        write(self.paths.known_hosts(lab.id), keys)
        on_node = DEFAULT_BUNDLE if bundle else None
        write(self.paths.inventory(lab.id), inventory.render(self.paths, lab, self.host, on_node))

    def start(self, machines: list[Machine], bundle: Path | None) -> None:
        with locked(RUN / "lock"):
            raise_limits()

        def start(machine: Machine) -> None:
            if node.is_running(machine):
                network.set_cable(machine.names, machine.node, plugged=True)
            else:
                node.start(machine, bundle)
            node.wait_for_ssh(machine, BOOT_TIMEOUT)

        self._each(machines, start)

    def stop(self, machines: list[Machine]) -> None:
        self._each(machines, node.stop)

    def remove_nodes(self, lab: Lab, machines: list[Machine], bundle: Path | None) -> None:
        self._each(machines, node.remove)
        for machine in machines:
            lab = lab.without(machine.node.name)
        state.save(self.paths, lab)
        self._write_access(lab, bundle)

    def remove(self, lab_id: str) -> None:
        """A whole lab, also one whose record or files a kill left incomplete."""
        names = self.paths.names(lab_id)
        cgroups.kill(self.host.layout, names.cgroup)
        cgroups.remove(self.host.layout, names.cgroup)
        network.remove_all(f"{names.switch}.")
        network.remove_switch(names)
        uplink.close(names)
        for leftover in Path("/run/systemd/nspawn/propagate").glob(f"{names.link}-*"):
            shutil.rmtree(leftover)
        remove_tree(self.paths.lab(lab_id))
        self._release_host()

    def _release_host(self) -> None:
        """After the last lab the host is as it was."""
        with locked(RUN / "lock"):
            if not cgroups.children(self.host.layout, self.paths.scope):
                cgroups.remove(self.host.layout, self.paths.scope)
            if not self._any_lab_left():
                restore_limits()
                network.release_netns_dir()

    def _any_lab_left(self) -> bool:
        groups = (name for name in cgroups.children(self.host.layout, "") if name.startswith(PREFIX))
        return any(groups) or bool(state.known_ids(self.paths))

    def clean(self) -> None:
        scope = self.paths.scope
        leftovers = cgroups.children(self.host.layout, scope)
        for lab_id in sorted({*state.known_ids(self.paths), *leftovers}):
            with self.lock(lab_id):
                self.remove(lab_id)
        network.remove_all(f"{scope}.")
        if self.paths.state.is_dir():
            shutil.rmtree(self.paths.state)
        self._release_host()

    def _each(self, machines: list[Machine], act: Callable[[Machine], None]) -> None:
        with ThreadPoolExecutor(max_workers=max(len(machines), 1)) as pool:
            list(pool.map(act, machines))
