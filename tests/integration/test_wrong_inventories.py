# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong inventories, run for real: create_cluster refuses each one by name, value and fix, and contacts no node."""

from __future__ import annotations

import copy
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
Inventory = dict[str, Any]


@dataclass
class Door:
    """A port on loopback that stands for every node, and counts who knocks."""

    port: int
    knocks: int = 0


@pytest.fixture
def door() -> Iterator[Door]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Door(server.getsockname()[1])

        def count() -> None:
            while True:
                try:
                    visitor, __ = server.accept()
                except OSError:
                    return
                found.knocks += 1
                visitor.close()

        threading.Thread(target=count, daemon=True).start()
        yield found
        server.shutdown(socket.SHUT_RDWR)


def right(port: int) -> Inventory:
    """Three control planes and two workers, with nothing wrong."""
    addresses = {"cp1": 11, "cp2": 12, "cp3": 13, "w1": 21, "w2": 22}
    hosts = {name: {"kubeops_node_ip": f"192.0.2.{number}"} for name, number in addresses.items()}
    return {
        "vars": {
            "ansible_host": "127.0.0.1",
            "ansible_port": port,
            "ansible_connection": "ssh",
            "kubeops_version": "1.36.3",
            "kubeops_vip": "192.0.2.100",
            "kubeops_endpoint": "192.0.2.100:8443",
        },
        "children": {
            "control_plane": {"hosts": {name: hosts[name] for name in ("cp1", "cp2", "cp3")}},
            "workers": {"hosts": {name: hosts[name] for name in ("w1", "w2")}},
        },
    }


def variable(name: str, value: Any) -> Callable[[Inventory], None]:
    """Set a variable of all hosts."""
    return lambda inventory: inventory["vars"].__setitem__(name, value)


def without(name: str) -> Callable[[Inventory], None]:
    """Take a variable of all hosts away."""
    return lambda inventory: inventory["vars"].pop(name)


def on(host: str, name: str, value: Any) -> Callable[[Inventory], None]:
    """Set a variable of one host."""

    def change(inventory: Inventory) -> None:
        for group in inventory["children"].values():
            if host in group["hosts"]:
                group["hosts"][host][name] = value

    return change


def renamed(group: str, to: str) -> Callable[[Inventory], None]:
    """Call a group something else."""
    return lambda inventory: inventory["children"].__setitem__(to, inventory["children"].pop(group))


def both(inventory: Inventory) -> None:
    """A worker that is a control plane too."""
    inventory["children"]["workers"]["hosts"]["cp1"] = {}


def several(*changes: Callable[[Inventory], None]) -> Callable[[Inventory], None]:
    def change(inventory: Inventory) -> None:
        for one in changes:
            one(inventory)

    return change


# what is wrong, what the message has to hold: rule, variable, value, and a word of the fix
WRONG: dict[str, tuple[Callable[[Inventory], None], tuple[str, ...]]] = {
    "all groups by another tool's names": (
        several(renamed("control_plane", "masters"), renamed("workers", "nodes")),
        ("groups.no_control_plane", "groups.unknown", "masters", "rename the group to control_plane"),
    ),
    "one group misspelt": (renamed("workers", "worker"), ("groups.unknown", "= worker:", "to workers")),
    "host in both groups": (both, ("groups.both_roles", "cp1", "keep it in control_plane")),
    "duplicate address": (
        on("cp2", "kubeops_node_ip", "192.0.2.11"),
        ("hosts.duplicate_address", "192.0.2.11", "cp1, cp2", "its own kubeops_node_ip"),
    ),
    "address that is a name": (
        on("w1", "kubeops_node_ip", "w1.example.com"),
        ("hosts.invalid_address", "kubeops_node_ip = w1.example.com", "to its address"),
    ),
    "node name with an underscore": (
        on("w1", "kubeops_node_name", "Worker_1"),
        ("hosts.invalid_name", "kubeops_node_name = Worker_1", "worker-1"),
    ),
    "duplicate node name": (
        on("w1", "kubeops_node_name", "w2"),
        ("hosts.duplicate_name", "kubeops_node_name = w2", "its own kubeops_node_name"),
    ),
    "no version": (without("kubeops_version"), ("version.missing", "kubeops_version", "write kubeops_version: 1.")),
    "version without patch": (
        variable("kubeops_version", 1.36),
        ("version.malformed", "kubeops_version = 1.36", "kubeops_version: '1.36.0'"),
    ),
    "version of long ago": (
        variable("kubeops_version", "1.27.4"),
        ("version.too_old", "kubeops_version = 1.27.4", "use a supported minor"),
    ),
    "version out of support": (
        several(variable("kubeops_version", "1.33.1"), variable("preflight_end_of_life", "error")),
        ("version.end_of_life", "kubeops_version = 1.33.1", "2026-06-28"),
    ),
    "misspelt variable": (
        variable("kubeops_pod_subnets", "10.0.0.0/16"),
        ("variables.unknown", "kubeops_pod_subnets = 10.0.0.0/16", "did you mean kubeops_pod_subnet?"),
    ),
    "wrong type": (
        variable("kubeops_api_server_extra_sans", "api.example.com"),
        ("variables.type", "kubeops_api_server_extra_sans = api.example.com", "[a, b]"),
    ),
    "wrong choice": (
        variable("kubeops_container_runtime", "containered"),
        ("variables.choice", "kubeops_container_runtime = containered", "did you mean containerd?"),
    ),
    "two values for the cluster": (
        on("w1", "kubeops_pod_subnet", "10.245.0.0/16"),
        ("variables.differ", "kubeops_pod_subnet", "10.245.0.0/16 on w1", "group_vars/all"),
    ),
    "undefined variable": (
        variable("kubeops_endpoint", "{{ not_defined_anywhere }}:8443"),
        ("variables.template", "kubeops_endpoint", "define what it refers to"),
    ),
    "subnet with host bits": (
        variable("kubeops_pod_subnet", "10.244.0.1/16"),
        ("network.invalid_subnet", "kubeops_pod_subnet = 10.244.0.1/16", "write a network as"),
    ),
    "subnets overlap": (
        variable("kubeops_pod_subnet", "10.96.0.0/16"),
        ("network.overlap", "kubeops_pod_subnet = 10.96.0.0/16", "10.96.0.0/12", "choose two networks"),
    ),
    "nodes inside the service network": (
        variable("kubeops_service_subnet", "192.0.2.0/24"),
        ("network.nodes_in_subnet", "kubeops_service_subnet = 192.0.2.0/24", "choose another network"),
    ),
    "dual stack on one side": (
        variable("kubeops_pod_subnet", "10.244.0.0/16,fd00:10:244::/56"),
        ("network.dual_stack", "kubeops_service_subnet = 10.96.0.0/12", "the same families"),
    ),
    "pod network too small": (
        variable("kubeops_pod_subnet", "10.244.0.0/23"),
        ("network.subnet_size", "kubeops_pod_subnet = 10.244.0.0/23", "use a larger network"),
    ),
    "no endpoint": (
        without("kubeops_endpoint"),
        ("endpoint.missing", "kubeops_endpoint", "write kubeops_endpoint: 192.0.2.100:8443"),
    ),
    "endpoint is a URL": (
        variable("kubeops_endpoint", "https://192.0.2.100:8443"),
        ("endpoint.malformed", "kubeops_endpoint = https://192.0.2.100:8443", "kubeops_endpoint: 192.0.2.100:8443"),
    ),
    "endpoint on the API servers' port": (
        variable("kubeops_endpoint", "192.0.2.100:6443"),
        ("endpoint.port_taken", "kubeops_endpoint = 192.0.2.100:6443", "such as 192.0.2.100:8443"),
    ),
    "virtual address of a node": (
        several(variable("kubeops_vip", "192.0.2.12"), variable("kubeops_endpoint", "192.0.2.12:8443")),
        ("vip.node_address", "kubeops_vip = 192.0.2.12", "cp2", "choose a free address"),
    ),
    "virtual address nobody is told": (
        variable("kubeops_vip", "192.0.2.101"),
        ("vip.not_endpoint", "kubeops_vip = 192.0.2.101", "set kubeops_endpoint to 192.0.2.101:8443"),
    ),
    "no load balancer": (
        variable("kubeops_load_balancer", "none"),
        ("load_balancer.none", "kubeops_load_balancer = none", "use haproxy"),
    ),
    "no bundle": (
        several(variable("kubeops_package_source", "bundle"), variable("kubeops_bundle", "/nowhere/bundle")),
        ("bundle.unreadable", "kubeops_bundle = /nowhere/bundle", "build_bundle.yml"),
    ),
    "external etcd by half": (
        variable("kubeops_external_etcd", {"endpoints": ["https://192.0.2.31:2379"]}),
        ("variables.external_etcd", "kubeops_external_etcd", "ca_file, cert_file, key_file missing", "give endpoints"),
    ),
    "taint without a known effect": (
        on("w1", "kubeops_node_taints", [{"key": "gpu", "effect": "noschedule"}]),
        ("variables.taint", "kubeops_node_taints", "noschedule", "effect: NoSchedule"),
    ),
    "feature gate as text": (
        variable("kubeops_feature_gates", {"UserNamespacesSupport": "yes please"}),
        ("variables.feature_gate", "kubeops_feature_gates", "yes please", "UserNamespacesSupport: true"),
    ),
    "mirror without scheme": (
        variable("kubeops_registry_mirrors", {"docker.io": "mirror:5000"}),
        ("variables.registry_mirror", "kubeops_registry_mirrors", "mirror:5000", "docker.io: ['https://"),
    ),
}


def run(inventory: Inventory, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """create_cluster against it."""
    path = directory / "hosts.json"
    path.write_text(json.dumps({"all": inventory}))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(path), *arguments]
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".build" / "collections"),
        "ANSIBLE_NOCOLOR": "1",
    }
    environment.pop("KUBEOPS_BUNDLE", None)
    return subprocess.run(
        [*command, "kubeops.cluster.create_cluster"],
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def said(result: subprocess.CompletedProcess[str]) -> str:
    """All output on one line, for the table wraps its sentences."""
    return " ".join((result.stdout + result.stderr).split())


@pytest.mark.parametrize("wrong", WRONG)
def test_refused_before_any_change(wrong: str, door: Door, tmp_path: Path) -> None:
    change, expected = WRONG[wrong]
    inventory = copy.deepcopy(right(door.port))
    change(inventory)
    result = run(inventory, tmp_path)
    assert result.returncode != 0
    assert "nothing has been changed" in said(result)
    assert [part for part in expected if part not in said(result)] == []
    assert door.knocks == 0


def test_right_inventory_goes_on_to_the_nodes(door: Door, tmp_path: Path) -> None:
    """What makes the counts above mean something."""
    result = run(right(door.port), tmp_path)
    assert "nothing has been changed" not in said(result).partition("Observe the node")[0]
    assert door.knocks >= 5


def test_an_ignored_rule_is_named_with_its_reason(door: Door, tmp_path: Path) -> None:
    inventory = right(door.port)
    inventory["vars"]["kubeops_pod_subnets"] = "10.0.0.0/16"
    inventory["vars"]["preflight_ignore"] = {"variables.unknown": "ours, for another playbook"}
    result = run(inventory, tmp_path)
    assert "variables.unknown ignored: ours, for another playbook" in said(result)
    assert door.knocks >= 5
