# SPDX-License-Identifier: GPL-3.0-or-later
"""Which control plane brings the controller's copy of admin.conf up to date, and what was named in vain."""

from __future__ import annotations

import pytest
import yaml
from ansible.plugins.filter import core, mathstuff
from ansible.plugins.test import core as test_core
from jinja2.nativetypes import NativeEnvironment

from tools import paths


@pytest.mark.parametrize(
    ("batch", "copies"),
    [(["cp1"], ["cp1"]), (["cp1", "cp2"], ["cp2"])],
    ids=["one after the other, the last one down", "at once, the last one down"],
)
def test_a_control_plane_that_is_down_keeps_nobody_from_the_copy(batch: list[str], copies: list[str]) -> None:
    tasks = yaml.safe_load((paths.ROOT / "roles" / "renew_certificates" / "tasks" / "main.yml").read_text())
    (copy,) = [task for task in tasks if "kubeops.cluster.kubeconfig" in task]
    condition = NativeEnvironment().compile_expression(copy["when"][-1])
    variables = {"ansible_play_hosts_all": ["cp1", "cp2", "cp3"], "ansible_play_batch": batch}
    assert [host for host in batch if condition(inventory_hostname=host, **variables)] == copies


CONF, OWNED = "super-admin.conf", "/root/.kube/config"


@pytest.mark.parametrize(
    ("role", "variable", "expected"),
    [
        ("renew_certificates", "names_nowhere", [[], [CONF], []]),
        ("renew_certificates", "kubeconfigs_nowhere", [[], [OWNED], []]),
        ("external_ca", "nowhere", [[], [CONF, OWNED], []]),
    ],
)
@pytest.mark.parametrize("case", range(3), ids=["one has it", "none has it", "nothing was named"])
def test_what_no_control_plane_of_the_run_has(role: str, variable: str, expected: list[list[str]], case: int) -> None:
    here, gone = dict.fromkeys((CONF, OWNED), True), dict.fromkeys((CONF, OWNED), False)
    named = [(gone, here), (gone, gone), ({}, {})][case]
    known = {f"cp{number}": {f"__{role}_result": {"named": each}} for number, each in enumerate(named)}
    environment = NativeEnvironment()
    for module in (core, mathstuff):
        environment.filters.update(module.FilterModule().filters())
    environment.tests.update(test_core.TestModule().tests())
    values: dict[str, object] = {"ansible_play_hosts": list(known), "hostvars": known, "groups": {}}
    values["ansible_play_hosts_all"] = list(known)
    for name, text in yaml.safe_load((paths.ROOT / "roles" / role / "vars" / "main.yml").read_text()).items():
        values[name] = environment.from_string(text).render(**values)
    assert values[f"__{role}_{variable}"] == expected[case]


@pytest.mark.parametrize("role", ["renew_certificates", "external_ca"])
def test_the_last_control_plane_alone_says_so(role: str) -> None:
    tasks = yaml.safe_load((paths.ROOT / "roles" / role / "tasks" / "main.yml").read_text())
    saying = [task["when"] for task in tasks if "_nowhere" in str(task)]
    assert saying
    assert all("inventory_hostname == ansible_play_hosts | last" in conditions for conditions in saying)
