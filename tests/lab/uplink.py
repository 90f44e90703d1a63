# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's way out: this host forwards for its nodes, and stands for them (masquerading)."""

from __future__ import annotations

import re
import shlex
from ipaddress import IPv4Address
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.model import Lab
from tests.lab.naming import Names
from tests.lab.shell import run, try_run

CHAINS = (("nat", "POSTROUTING"), ("filter", "FORWARD"))
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
# The first names the servers that a local resolver on 127.0.0.53 asks.
RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))


def nameservers(text: str) -> list[str]:
    """IPv4 servers of a resolv.conf that nodes could ask too."""
    found = re.findall(r"^nameserver\s+([0-9.]+)\s*$", text, re.MULTILINE)
    return [server for server in found if not IPv4Address(server).is_loopback]


def host_nameservers() -> list[str]:
    texts = (path.read_text() for path in RESOLVERS if path.is_file())
    for text in texts:
        if servers := nameservers(text):
            return servers
    raise LabError("nodes can't resolve names: this host's resolv.conf has no server that others can ask")


def ensure(names: Names, lab: Lab) -> None:
    """First in the chains: a host with Docker drops what it forwards for others."""
    close(names)
    mark = ["-m", "comment", "--comment", names.link]
    answers = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"]
    outside = ["-s", str(lab.subnet), "!", "-d", str(lab.subnet)]
    for words in (
        ["nat", "-I", "POSTROUTING", *outside, *mark, "-j", "MASQUERADE"],
        ["filter", "-I", "FORWARD", "-i", names.link, *mark, "-j", "ACCEPT"],
        ["filter", "-I", "FORWARD", "-o", names.link, *answers, *mark, "-j", "ACCEPT"],
    ):
        run(["iptables", "-w", "-t", *words])
    FORWARDING.write_text("1")


def close(names: Names) -> None:
    for table, chain in CHAINS:
        for rule in rules(table, chain, names.link):
            run(["iptables", "-w", "-t", table, "-D", *rule])


def rules(table: str, chain: str, mark: str) -> list[list[str]]:
    """The words behind -A of every rule that carries the mark."""
    listed = try_run(["iptables", "-w", "-t", table, "-S", chain]).stdout.splitlines()
    split = [shlex.split(line)[1:] for line in listed]
    return [words for words in split if mark in words]
