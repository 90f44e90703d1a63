# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ipaddress import IPv4Network
from itertools import islice
from pathlib import Path

import pytest

from tests.lab.errors import LabError
from tests.lab.naming import POOL, Names, choose_subnet
from tests.lab.paths import Paths

NAMES = Names("kubeops-lab", "e2e")
KUBERNETES_DEFAULTS = [IPv4Network("10.244.0.0/16"), IPv4Network("10.96.0.0/12")]


@pytest.mark.parametrize("lab_id", ["a", "e2e", "x" * 40])
def test_link_names_fit_an_interface(lab_id: str) -> None:
    assert len(Names("kubeops-lab", lab_id).link) <= 15


def test_names_differ_by_scope_and_by_id() -> None:
    others = [Names("kubeops-lab", "e2f"), Names("kubeops-lab-1a2b3c", "e2e")]
    for other in others:
        assert other.link != NAMES.link
        assert other.switch != NAMES.switch
        assert other.mac("cp1") != NAMES.mac("cp1")
        assert other.machine_id("cp1") != NAMES.machine_id("cp1")


def test_nodes_of_a_lab_have_their_own_identity() -> None:
    for identity in (NAMES.mac, NAMES.machine_id, NAMES.product_uuid, NAMES.netns, NAMES.machine):
        assert len({str(identity(node)) for node in ("cp1", "cp2", "w1")}) == 3
    assert NAMES.machine_id("cp1") != NAMES.product_uuid("cp1")


def test_mac_is_local_and_unicast() -> None:
    assert int(NAMES.mac("cp1").split(":")[0], 16) & 0b11 == 0b10


def test_every_subnet_of_the_pool_comes_once_and_the_first_is_stable() -> None:
    subnets = list(NAMES.subnets())
    assert len(subnets) == len(set(subnets)) == 8192
    assert all(subnet.subnet_of(POOL) for subnet in subnets)
    assert subnets[0] == next(Names("kubeops-lab", "e2e").subnets())


def test_pool_is_clear_of_what_clusters_use() -> None:
    assert not any(POOL.overlaps(network) for network in KUBERNETES_DEFAULTS)


@pytest.mark.parametrize("prefix", [20, 24, 28])
def test_subnet_avoids_what_is_taken(prefix: int) -> None:
    first = next(NAMES.subnets())
    taken = IPv4Network((int(first.network_address), prefix), strict=False)
    assert not choose_subnet(NAMES, [taken]).overlaps(taken)


def test_subnet_is_the_next_one_after_a_collision() -> None:
    first, second = islice(NAMES.subnets(), 2)
    assert choose_subnet(NAMES, []) == first
    assert choose_subnet(NAMES, [first]) == second


def test_full_pool_is_an_error() -> None:
    with pytest.raises(LabError, match="no free /24"):
        choose_subnet(NAMES, [POOL])


def test_default_state_directory_has_the_plain_scope_and_others_their_own() -> None:
    default = Paths.from_environment({})
    other = Paths.from_environment({"KUBEOPS_LAB_DIR": "/tmp/elsewhere"})
    assert default.scope == "kubeops-lab"
    assert other.scope.startswith("kubeops-lab-")
    assert other.state == Path("/tmp/elsewhere")
