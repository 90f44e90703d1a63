# SPDX-License-Identifier: GPL-3.0-or-later
"""python3 -m tests.lab: make, list, restart, cut off and remove machines."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.lab import host, network, node, state
from tests.lab.errors import LabError
from tests.lab.lifecycle import Labs
from tests.lab.model import Lab, check_id, parse_nodes
from tests.lab.node import Machine
from tests.lab.paths import Paths
from tests.lab.shell import write

Command = Callable[[Labs, argparse.Namespace], None]


def _bundle(labs: Labs, args: argparse.Namespace) -> Path | None:
    return labs.paths.bundle if not args.no_bundle and labs.paths.bundle.is_dir() else None


def _lab(labs: Labs, args: argparse.Namespace) -> Lab:
    return state.require(labs.paths, args.id)


def _chosen(labs: Labs, args: argparse.Namespace) -> list[Machine]:
    lab = _lab(labs, args)
    nodes = lab.nodes if args.all else [lab.node(name) for name in args.node]
    if not nodes:
        raise LabError("name the nodes, or say --all")
    return [Machine(labs.paths, labs.host, lab, each) for each in nodes]


def _one(labs: Labs, args: argparse.Namespace) -> Machine:
    lab = _lab(labs, args)
    return Machine(labs.paths, labs.host, lab, lab.node(args.node))


def up(labs: Labs, args: argparse.Namespace) -> None:
    lab = labs.up(args.id, parse_nodes(args.nodes), _bundle(labs, args), args.internet)
    if args.group_vars:
        # Beside the inventory, where Ansible looks for them; they win over the lab's own.
        target = labs.paths.lab(lab.id) / "group_vars/all.yml"
        write(target, Path(args.group_vars).read_text(), 0o600)
    print(labs.paths.inventory(lab.id))


def list_(labs: Labs, args: argparse.Namespace) -> None:
    labs_here = [_lab(labs, args)] if args.id else state.known_labs(labs.paths)
    rows = [_row(machine) for lab in labs_here for machine in labs.machines(lab)]
    if args.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{value:<{width}}" for value, width in zip(row.values(), _WIDTHS)).rstrip())


_WIDTHS = (12, 12, 24, 15, 8, 5)


def _row(machine: Machine) -> dict[str, str]:
    running = node.is_running(machine)
    cut = running and network.is_cut(machine.names, machine.node)
    return {
        "lab": machine.lab.id,
        "node": machine.node.name,
        "groups": "+".join(machine.node.groups),
        "address": machine.address,
        "power": "running" if running else "stopped",
        "cable": "cut" if cut else "ok",
    }


def start(labs: Labs, args: argparse.Namespace) -> None:
    with labs.lock(args.id):
        labs.start(_chosen(labs, args), _bundle(labs, args))


def stop(labs: Labs, args: argparse.Namespace) -> None:
    with labs.lock(args.id):
        labs.stop(_chosen(labs, args))


def restart(labs: Labs, args: argparse.Namespace) -> None:
    stop(labs, args)
    start(labs, args)


def cut(labs: Labs, args: argparse.Namespace) -> None:
    _set_cables(labs, args, plugged=False)


def heal(labs: Labs, args: argparse.Namespace) -> None:
    _set_cables(labs, args, plugged=True)


def _set_cables(labs: Labs, args: argparse.Namespace, plugged: bool) -> None:
    with labs.lock(args.id):
        for machine in _chosen(labs, args):
            if not node.is_running(machine):
                raise LabError(f"node {machine.node.name} is stopped: it has no cable to move")
            network.set_cable(machine.names, machine.node, plugged)


def rm(labs: Labs, args: argparse.Namespace) -> None:
    with labs.lock(args.id):
        if args.all:
            labs.remove(args.id)
        else:
            lab = _lab(labs, args)
            present = [name for name in args.node if name in {each.name for each in lab.nodes}]
            machines = [Machine(labs.paths, labs.host, lab, lab.node(name)) for name in present]
            labs.remove_nodes(lab, machines, _bundle(labs, args))


def down(labs: Labs, args: argparse.Namespace) -> None:
    with labs.lock(args.id):
        labs.remove(args.id)


def clean(labs: Labs, args: argparse.Namespace) -> None:
    labs.clean()
    if args.cache and labs.paths.cache.exists():
        shutil.rmtree(labs.paths.cache)


def inventory(labs: Labs, args: argparse.Namespace) -> None:
    path = labs.paths.inventory(_lab(labs, args).id)
    print(path if args.path else path.read_text(), end="\n" if args.path else "")


def ssh(labs: Labs, args: argparse.Namespace) -> None:
    """Over the network, as Ansible comes in."""
    machine = _one(labs, args)
    options = ["UserKnownHostsFile=" + str(labs.paths.known_hosts(args.id)), "IdentitiesOnly=yes"]
    options += ["GlobalKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes", "LogLevel=ERROR"]
    flags = [part for option in options for part in ("-o", option)]
    key = ["-i", str(labs.paths.key(args.id))]
    _become(["ssh", *flags, *key, f"root@{machine.address}", *args.command])


def exec_(labs: Labs, args: argparse.Namespace) -> None:
    """Past the network, as a console: works on a node that is cut off."""
    pid = node.leader(_one(labs, args))
    if pid is None:
        raise LabError(f"node {args.node} is stopped; run: python3 -m tests.lab start")
    _become(["nsenter", f"--target={pid}", "--all", "--wdns=/", *(args.command or ["bash"])])


def _become(argv: list[str]) -> None:
    sys.stdout.flush()
    os.execvp(argv[0], argv)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python3 -m tests.lab", description=__doc__)
    commands = top.add_subparsers(dest="name", required=True, metavar="COMMAND")

    def add(name: str, run: Command, help: str, lab: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run, no_bundle=False)
        if lab:
            command.add_argument("--id", required=True, help="the lab")
        return command

    def add_for_nodes(name: str, run: Command, help: str) -> argparse.ArgumentParser:
        command = add(name, run, help)
        command.add_argument("node", nargs="*")
        command.add_argument("--all", action="store_true", help="every node of the lab")
        return command

    def add_inside(name: str, run: Command, help: str) -> None:
        command = add(name, run, help)
        command.add_argument("node")
        command.add_argument("command", nargs=argparse.REMAINDER)

    def add_no_bundle(command: argparse.ArgumentParser) -> None:
        command.add_argument("--no-bundle", action="store_true", help="do not show the bundle to the nodes")

    command = add("up", up, "make missing nodes, start stopped ones, wait for their sshd")
    command.add_argument("--nodes", default="", help="cp1:control_plane,w1:workers (groups joined by +)")
    command.add_argument("--group-vars", help="file to use as group_vars/all.yml")
    command.add_argument("--internet", action="store_true", help="give the nodes a way out through this host")
    add_no_bundle(command)
    command = add("list", list_, "show labs and nodes", lab=False)
    command.add_argument("--id")
    command.add_argument("--json", action="store_true")
    for name, run, text in (("start", start, "power on"), ("restart", restart, "power-cycle")):
        command = add_for_nodes(name, run, text)
        add_no_bundle(command)
    add_for_nodes("stop", stop, "pull the power cord")
    add_for_nodes("cut", cut, "pull the network cable")
    add_for_nodes("heal", heal, "plug the network cable in again")
    add_for_nodes("rm", rm, "remove nodes, or with --all the lab")
    add("down", down, "remove the lab")
    command = add("clean", clean, "remove every lab and every trace of them", lab=False)
    command.add_argument("--cache", action="store_true", help="and the cached base")
    command = add("inventory", inventory, "print the Ansible inventory")
    command.add_argument("--path", action="store_true", help="print where it is")
    add_inside("ssh", ssh, "run a command over the network")
    add_inside("exec", exec_, "run a command past the network")
    commands.add_parser("setup", help="install the Debian packages the lab needs")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        if args.name == "setup":
            host.setup()
            return 0
        host.require_usable()
        if getattr(args, "id", None):
            check_id(args.id)
        args.run(Labs(Paths.from_environment(), host.Host.detect()), args)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0
