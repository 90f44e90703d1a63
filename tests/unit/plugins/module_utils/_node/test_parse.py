# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers against what Linux and the tools really print."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._node import parse

FIXTURES = Path(__file__).parents[3] / "fixtures"


def recorded(*path: str) -> str:
    return FIXTURES.joinpath(*path).read_text()


@pytest.mark.parametrize(
    ("name", "release", "expected"),
    [
        ("kubeadm", "1.36.3", "1.36.3"),
        ("kubelet", "1.36.3", "1.36.3"),
        ("kubectl", "1.36.3", "1.36.3"),
        ("etcd", "3.6.8", "3.6.8"),
        ("crictl", "1.36.0", "1.36.0"),
        ("containerd", "1.6.20", "1.6.20~ds1"),
        ("runc", "1.1.5", "1.1.5+ds1"),
        ("haproxy", "2.6.12", "2.6.12-1+deb12u4"),
        ("keepalived", "2.2.7", "2.2.7"),
    ],
)
def test_version_of_a_program(name: str, release: str, expected: str) -> None:
    assert parse.program_version(name, recorded(name, release, "version.txt")) == expected


@pytest.mark.parametrize("name", parse.VERSION_PATTERNS)
def test_a_program_that_says_something_else(name: str) -> None:
    assert parse.program_version(name, "Illegal instruction") is None


def test_os_release() -> None:
    assert parse.os_release(recorded("debian", "12", "os-release")) == {
        "id": "debian",
        "version_id": "12",
        "id_like": [],
        "pretty_name": "Debian GNU/Linux 12 (bookworm)",
    }


def test_os_release_of_a_family() -> None:
    text = 'NAME="Rocky Linux"\n# comment=1\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID=\'9.4\'\n'
    found = parse.os_release(text)
    assert (found["id"], found["version_id"], found["id_like"]) == ("rocky", "9.4", ["rhel", "centos", "fedora"])
    assert parse.os_release("")["id"] == "linux"


def test_memory() -> None:
    assert parse.memory_mib(recorded("linux", "6.18", "proc_meminfo")) == 24105
    with pytest.raises(ValueError, match="MemTotal"):
        parse.memory_mib("")


def test_swap() -> None:
    swaps = "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2   partition\t1048572\t0\t-2\n/swap.img file 99 0 -3\n"
    assert parse.active_swap(swaps) == ["/dev/sda2", "/swap.img"]
    assert parse.active_swap("") == []
    fstab = "# /dev/old none swap sw 0 0\nUUID=1 / ext4 defaults 0 1\n  /swap.img none swap sw 0 0\n\n"
    assert parse.fstab_swap(fstab) == ["/swap.img"]


def test_modules() -> None:
    assert parse.loaded_modules("overlay 212992 10 - Live 0x0\nbr_netfilter 36864 0\n") == {"overlay", "br_netfilter"}
    builtin = "kernel/fs/overlayfs/overlay.ko\nkernel/net/netfilter/nf-conntrack.ko.xz\n"
    assert parse.builtin_modules(builtin) == {"overlay", "nf_conntrack"}


def test_addresses_leave_out_loopback_and_link_local() -> None:
    common = {"interface": "eth0", "mac": "02:00:00:00:00:0b"}
    assert parse.addresses(recorded("iproute2", "6.1.0", "address.json")) == [
        {**common, "address": "192.0.2.11", "prefix": 24, "family": "ipv4"},
        {**common, "address": "2001:db8::11", "prefix": 64, "family": "ipv6"},
    ]
    assert parse.addresses("") == []


def test_default_route_is_the_one_with_the_lowest_metric() -> None:
    assert parse.default_route(recorded("linux", "6.18", "proc_net_route")) == {
        "interface": "eth0",
        "gateway": "192.0.2.2",
    }
    assert parse.default_route("Iface\tDestination\n") is None


def test_default_route_of_ipv6() -> None:
    assert parse.default_route6(recorded("linux", "6.18", "proc_net_ipv6_route")) == {
        "interface": "eth0",
        "gateway": "2001:db8::1",
    }
    assert parse.default_route6("") is None


@pytest.mark.parametrize(
    ("file", "protocol", "expected"),
    [
        ("tcp", "tcp", {("127.0.0.1", 2379), ("192.0.2.11", 6443)}),
        ("tcp6", "tcp", {("::", 10250), ("2001:db8::11", 2380)}),
        ("udp", "udp", {("0.0.0.0", 8472)}),
        ("udp6", "udp", set()),
    ],
)
def test_sockets_that_wait(file: str, protocol: str, expected: set[tuple[str, int]]) -> None:
    found = parse.sockets(recorded("linux", "6.18", f"proc_net_{file}"), protocol)
    assert {(entry["address"], entry["port"]) for entry in found} == expected
    assert all(entry["protocol"] == protocol and entry["inode"] > 0 for entry in found)


@pytest.mark.parametrize(
    ("config", "flags", "expected"),
    [
        ("containerRuntimeEndpoint: unix:///run/crio/crio.sock\n", "", "/run/crio/crio.sock"),
        ('{"containerRuntimeEndpoint": "unix:///run/a.sock"}', "--container-runtime-endpoint=/b", "/run/a.sock"),
        ('containerRuntimeEndpoint: ""\n', 'KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///c"', "/c"),
        ("", "", None),
    ],
)
def test_runtime_endpoint(config: str, flags: str, expected: str | None) -> None:
    assert parse.runtime_endpoint(config, flags) == expected


@pytest.mark.parametrize(
    ("machine", "name"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("loongarch64", "loongarch64")]
)
def test_architecture(machine: str, name: str) -> None:
    assert parse.architecture(machine) == name
