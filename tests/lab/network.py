# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's network: a bridge in a namespace of its own, a cable to each node and to the host.

The bridge is not in the host's namespace, so the host's firewall (Docker's
FORWARD policy for one) never sees what nodes say to each other.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.model import Lab, Node
from tests.lab.naming import Names
from tests.lab.shell import run, try_run

NETNS_DIR = Path("/run/netns")


def netns_path(name: str) -> Path:
    return NETNS_DIR / name


def port(node: Node) -> str:
    """The switch's end of a node's cable."""
    return f"port{node.octet}"


def _batch(*commands: str, netns: str | None = None) -> None:
    inside = ["-netns", netns] if netns else []
    run(["ip", *inside, "-batch", "-"], stdin="\n".join(commands))


def routed_networks(routes: str) -> list[IPv4Network]:
    """Destinations of `ip -json route`, the default route aside."""
    destinations = [route["dst"] for route in json.loads(routes)]
    return [IPv4Network(dst, strict=False) for dst in destinations if dst != "default"]


def host_networks() -> list[IPv4Network]:
    return routed_networks(run(["ip", "-json", "-4", "route", "show", "table", "all"]) or "[]")


def ensure_switch(names: Names, lab: Lab) -> None:
    """The host's address is set last: where it is, the rest is too."""
    if str(lab.gateway) in _addresses(names.link):
        return
    remove_switch(names)
    run(["ip", "netns", "add", names.switch])
    _batch(
        "link set lo up",
        "link add bridge type bridge forward_delay 0",
        "link set bridge up",
        netns=names.switch,
    )
    _batch(
        f"link add {names.link} type veth peer name uplink netns {names.switch}",
        f"link set {names.link} up",
    )
    _batch("link set uplink master bridge up", netns=names.switch)
    _batch(f"address add {lab.gateway}/{lab.subnet.prefixlen} dev {names.link}")


def _addresses(link: str) -> list[str]:
    shown = try_run(["ip", "-json", "-4", "address", "show", "dev", link])
    links = json.loads(shown.stdout or "[]") if shown.returncode == 0 else []
    return [info["local"] for entry in links for info in entry.get("addr_info", [])]


def attach(names: Names, lab: Lab, node: Node) -> None:
    """A fresh namespace and cable for a node that is not running."""
    detach(names, node)
    netns = names.netns(node.name)
    run(["ip", "netns", "add", netns])
    _batch(
        f"link add {port(node)} type veth peer name eth0 address {names.mac(node.name)} netns {netns}",
        f"link set {port(node)} master bridge up",
        netns=names.switch,
    )
    _batch(
        "link set lo up",
        "link set eth0 up",
        f"address add {lab.address(node)}/{lab.subnet.prefixlen} dev eth0",
        f"route add default via {lab.gateway}",
        netns=netns,
    )


def detach(names: Names, node: Node) -> None:
    try_run(["ip", "-netns", names.switch, "link", "delete", port(node)])
    _delete_netns(names.netns(node.name))


def set_cable(names: Names, node: Node, plugged: bool) -> None:
    state = "up" if plugged else "down"
    run(["ip", "-netns", names.switch, "link", "set", port(node), state])


def is_cut(names: Names, node: Node) -> bool:
    shown = try_run(["ip", "-json", "-netns", names.switch, "link", "show", "dev", port(node)])
    if shown.returncode:
        return False
    return "UP" not in json.loads(shown.stdout)[0]["flags"]


def remove_switch(names: Names) -> None:
    try_run(["ip", "link", "delete", names.link])
    _delete_netns(names.switch)


def remove_all(prefix: str) -> None:
    """Every namespace whose name starts with the prefix; links in them go too."""
    for path in sorted(NETNS_DIR.glob(f"{prefix}*")):
        _delete_netns(path.name)


def _delete_netns(name: str) -> None:
    if not netns_path(name).exists():
        return
    done = try_run(["ip", "netns", "delete", name])
    if done.returncode and netns_path(name).exists():
        # A killed `ip netns add` leaves a plain file without a namespace on it.
        try_run(["umount", "--lazy", str(netns_path(name))])
        netns_path(name).unlink(missing_ok=True)
    if netns_path(name).exists():
        raise LabError(f"network namespace {name} cannot be deleted: {done.stderr.strip()}")


def release_netns_dir() -> None:
    """`ip netns` mounts its directory on itself; undo that when nobody has a namespace."""
    mounted = any(line.split()[1] == str(NETNS_DIR) for line in _mounts())
    if mounted and not any(NETNS_DIR.iterdir()):
        run(["umount", str(NETNS_DIR)])


def _mounts() -> list[str]:
    return Path("/proc/self/mounts").read_text().splitlines()
