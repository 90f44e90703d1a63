# SPDX-License-Identifier: GPL-3.0-or-later
"""What -e name=value hands to the role is a string: argument specs check types, they do not convert."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from typing import Any

import jinja2
import pytest
import yaml

from tools import paths
from tools.roles import Role

ROLE = Role("upgrade_cluster", paths.ROOT / "roles" / "upgrade_cluster")


def conditions(text: str) -> list[str]:
    """Lines of a tasks file that are a condition, or one of a list of them."""
    return [line.strip() for line in text.splitlines() if re.match(r"\s*(when: |that: |- [^:]*$)", line)]


def tasks(name: str) -> list[dict[str, Any]]:
    """The tasks of a file, those of its blocks among them."""
    found = yaml.safe_load((ROLE.directory / "tasks" / name).read_text())
    return [task for outer in found for task in (outer, *outer.get("block", []), *outer.get("always", []))]


def rendered(expression: str, **variables: object) -> str:
    text = expression if "{{" in expression else "{{ " + expression + " }}"
    environment = jinja2.Environment(autoescape=True)
    environment.filters["flatten"] = lambda lists: [one for inner in lists for one in inner]
    return environment.from_string(text).render(variables).strip()


def templated(expression: str, **variables: object) -> str:
    """With those of Ansible's filters that are needed here, and lists where Jinja has generators."""
    environment = jinja2.Environment(finalize=lambda value: list(value) if isinstance(value, Iterator) else value)
    environment.filters["difference"] = lambda ours, theirs: [one for one in ours if one not in theirs]
    environment.filters["extract"] = lambda key, mapping: mapping[key]
    return environment.from_string(expression).render(variables)


def test_conditions_convert_what_may_be_a_string() -> None:
    typed = {name: option["type"] for name, option in ROLE.options.items() if option["type"] in ("bool", "int")}
    bare = [
        f"{file.name}: {line}"
        for file in sorted((ROLE.directory / "tasks").glob("*.yml"))
        for line in conditions(file.read_text())
        for name, kind in typed.items()
        if re.search(rf"\b{name}\b(?! \| {kind})", line)
    ]
    assert typed and bare == []


def test_templates_convert_what_may_be_a_string() -> None:
    text = (ROLE.directory / "vars/main.yml").read_text()
    for name in ("upgrade_cluster_hops", "upgrade_cluster_canary"):
        assert len(re.findall(rf"\b{name}\b", text)) == text.count(f"{name} | int") > 0


def test_what_a_killed_run_left_is_taken_back_also_where_nothing_is_left_to_do() -> None:
    """A run killed while it verified leaves a cluster at the version, whose road has no hop."""
    own = "kubeops.cluster."
    always = [task for task in tasks("main.yml") if "road.hops" not in str(task.get("when"))]
    assert any(task.get(f"{own}node_drain", {}).get("state") == "schedulable" for task in always)
    assert any(task.get("vars", {}).get("__upgrade_cluster_state") == "ready" for task in always)
    assert any(task.get(f"{own}api_probe", {}).get("state") == "stopped" for task in always)


@pytest.mark.parametrize(("hops", "verified"), [([], "True"), ([{"to": "1.36.3"}], "False")])
def test_a_cluster_at_the_version_is_verified(hops: list[dict[str, str]], verified: str) -> None:
    """A verification that failed, or was killed, comes again with the next run."""
    (task,) = [task for task in tasks("main.yml") if task["name"].startswith("Verify")]
    assert task["ansible.builtin.include_role"] == {"name": "kubeops.cluster.cluster_verify"}
    plan = {"road": {"hops": hops, "target": "1.36.3"}}
    assert rendered(task["when"], plan_upgrade_result=plan) == verified
    assert rendered(task["vars"]["cluster_verify_version"], plan_upgrade_result=plan) == "1.36.3"


@pytest.mark.parametrize(
    ("canary", "index", "may_fail"),
    [
        ("0", 1, "2"),
        (0, 1, "2"),
        ("1", 0, "2"),
        ("1", 1, "0"),
        (2, 1, "0"),
        ("1", 2, "2"),
        # Three workers in two batches.
        ("3", 2, "0"),
        ("3", 3, "2"),
    ],
)
def test_no_canary_may_fail(canary: int | str, index: int, may_fail: str) -> None:
    """Looked at before each batch, so before the second for the first."""
    variables = {
        "upgrade_cluster_canary": canary,
        "upgrade_cluster_max_fail": 2,
        "__upgrade_cluster_batch_index": index,
        "__upgrade_cluster_order": {"batches": [["w1"], ["w2", "w3"], ["w4"], ["w5"]]},
    }
    (batch,) = [task["vars"] for task in tasks("workers.yml") if "vars" in task]
    assert rendered(batch["__upgrade_cluster_may_fail"], **variables) == may_fail


@pytest.mark.parametrize(
    ("broken", "batch", "most", "room"),
    [
        ([], ["w1", "w2"], 2, "True"),
        (["w9"], ["w1"], 2, "True"),
        (["w9"], ["w1", "w2"], 2, "False"),
        (["w8", "w9"], ["w1"], 2, "False"),
    ],
)
def test_workers_that_failed_count_as_away(broken: list[str], batch: list[str], most: int, room: str) -> None:
    (that,) = [
        task["ansible.builtin.assert"]["that"] for task in tasks("batch.yml") if "ansible.builtin.assert" in task
    ]
    variables = {
        "__upgrade_cluster_broken": broken[:1],
        "__upgrade_cluster_absent": broken[1:],
        "__upgrade_cluster_batch": batch,
    }
    assert rendered(that, __upgrade_cluster_order={"most": most}, **variables) == room


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        ({"account": {"requests": 9}, "blind": ""}, "The API during this run: 9 requests"),
        (
            {"account": {"requests": 9}, "blind": "it ended"},
            "The API during this run: 9 requests. They were not counted all the time: it ended",
        ),
        ({"account": {}}, "The API during this run: not known, since there is no account of it on cp1"),
        ({"unreachable": True}, "The API during this run: not known, since there is no account of it on cp1"),
    ],
)
def test_what_nobody_counted_is_not_said_to_be_nothing(probe: dict[str, Any], said: str) -> None:
    (told,) = [task["ansible.builtin.debug"]["msg"] for task in tasks("upgrade.yml") if "ansible.builtin.debug" in task]
    variables = {"__upgrade_cluster_probe": probe, "__upgrade_cluster_probe_host": "cp1"}
    assert rendered(told, __upgrade_cluster_seen="9 requests", **variables) == said


def test_a_prediction_that_is_switched_off_is_not_made_again() -> None:
    (task,) = [task for task in tasks("hop.yml") if "kubeops.cluster.node_drain" in task]
    assert rendered(task["when"][-1], __upgrade_cluster_skipped=[]) == "True"
    assert rendered(task["when"][-1], __upgrade_cluster_skipped=["gate.drain"]) == "False"


def test_a_worker_that_was_never_there_did_not_fail() -> None:
    (absent,) = [
        task["ansible.builtin.set_fact"]["__upgrade_cluster_absent"]
        for task in tasks("main.yml")
        if "ansible.builtin.set_fact" in task
    ]
    failed = yaml.safe_load((ROLE.directory / "vars/main.yml").read_text())["__upgrade_cluster_failed"]
    everyone, groups = ["cp1", "cp2", "w1", "w2", "w3"], {"control_plane": ["cp1", "cp2"]}
    gone = templated(absent, ansible_play_hosts_all=everyone, ansible_play_hosts=["cp1", "w1", "w3"], groups=groups)
    assert gone == "['w2']"
    left = {"ansible_play_hosts_all": [*everyone, "w9"], "ansible_play_hosts": ["cp1", "w1"]}
    away = {"__upgrade_cluster_absent": ["w2"], "__upgrade_cluster_strangers": ["w9"]}
    assert templated(failed, **left, **away) == "['cp2', 'w3']"


@pytest.mark.parametrize(
    ("readiness", "broken"),
    [
        ({"not_ready": {"worker-1": "Ready is Unknown"}}, "['cp2', 'w1']"),
        ({"not_ready": {}}, "['cp2']"),
        ({"skipped": True}, "['cp2']"),
    ],
)
def test_a_node_that_is_not_ready_counts_as_failed(readiness: dict[str, Any], broken: str) -> None:
    variables = yaml.safe_load((ROLE.directory / "vars/main.yml").read_text())
    not_ready = variables["__upgrade_cluster_not_ready"]
    found = ast.literal_eval(templated(not_ready, __upgrade_cluster_readiness=readiness))
    expression = variables["__upgrade_cluster_broken"].replace("kubeops.cluster.", "")
    environment = jinja2.Environment(autoescape=True)
    environment.filters["cluster_nodes"] = lambda hosts, _: [
        {"host": host, "name": f"worker-{host[1:]}"} for host in hosts
    ]
    play = {"ansible_play_hosts": ["w1", "w2"], "hostvars": {}, "__upgrade_cluster_failed": ["cp2"]}
    rendering = environment.from_string(expression).render(play, __upgrade_cluster_not_ready=found)
    assert rendering.replace("&#39;", "'").strip() == broken


def test_nodes_are_looked_at_unless_their_gate_is_switched_off() -> None:
    (task,) = [task for task in tasks("stop.yml") if "kubeops.cluster.nodes_ready" in task]
    assert rendered(task["when"], __upgrade_cluster_skipped=["gate.nodes"]) == "False"
    assert rendered(task["when"], __upgrade_cluster_skipped=["gate.drain"]) == "True"


def test_hosts_that_are_no_node_are_left_out_before_anything_is_asked_of_them() -> None:
    (facts,) = [task["ansible.builtin.set_fact"] for task in tasks("main.yml") if "ansible.builtin.set_fact" in task]
    names = {"cp1": "cp1", "w1": "worker-1", "w9": ""}
    hostvars = {
        host: {"inventory_hostname": host, "ansible_facts": {"kubeops_upgrade": {"name": name}}}
        for host, name in names.items()
    }
    assert templated(facts["__upgrade_cluster_strangers"], ansible_play_hosts=[*names], hostvars=hostvars) == "['w9']"
    order = [task["name"] for task in tasks("main.yml")]
    assert order.index("Leave out what is no node yet") < order.index(
        "Let pods come back to what a killed run left cordoned"
    )


@pytest.mark.parametrize(
    ("key", "value", "passes"),
    [
        ("before_node", "/hooks/there.yml", True),
        ("before_node", "hooks/there.yml", True),
        ("before_node", "/hooks/missing.yml", False),
        ("before_nodes", "/hooks/there.yml", False),
    ],
)
def test_hooks_are_looked_at_first(key: str, value: str, passes: bool) -> None:
    there = ("/hooks/there.yml", "/playbooks/hooks/there.yml")
    environment = jinja2.Environment(autoescape=True)
    environment.tests.update({"ansible.builtin.file": there.__contains__, "ansible.builtin.abs": os.path.isabs})
    task, moments = tasks("main.yml")[0], yaml.safe_load((ROLE.directory / "vars/main.yml").read_text())
    known = {**moments, "item": {"key": key, "value": value}, "playbook_dir": "/playbooks"}
    known["__upgrade_cluster_file"] = environment.from_string(task["vars"]["__upgrade_cluster_file"]).render(known)
    met = [environment.compile_expression(that)(known) for that in task["ansible.builtin.assert"]["that"]]
    assert all(met) is passes
    said = environment.from_string(task["ansible.builtin.assert"]["fail_msg"]).render(known)
    assert ("before_nodes is no moment" in said) is (key == "before_nodes")


def test_hooks_that_are_looked_at_are_those_that_run() -> None:
    text = "".join(path.read_text() for path in (ROLE.directory / "tasks").glob("*.yml"))
    moments = yaml.safe_load((ROLE.directory / "vars/main.yml").read_text())["__upgrade_cluster_moments"]
    assert set(re.findall(r"upgrade_cluster_hooks\.(\w+)", text)) == set(moments)


def test_what_goes_out_goes_through_the_proxies() -> None:
    included = {
        task["ansible.builtin.include_tasks"]["file"]: task["ansible.builtin.include_tasks"]["apply"]["environment"]
        for name in ("hop.yml", "drained.yml")
        for task in tasks(name)
        if isinstance(task.get("ansible.builtin.include_tasks"), dict)
    }
    assert included == dict.fromkeys(
        ("prefetch_{{ upgrade_cluster_package_source }}.yml", "os_packages.yml"), "{{ __upgrade_cluster_environment }}"
    )


def test_a_running_apt_is_waited_for() -> None:
    (download,) = [
        task["ansible.builtin.command"]["argv"] for task in tasks("prefetch_repository.yml") if "apt" in task["name"]
    ]
    argv = ast.literal_eval(re.match(r"\{\{ (\[.*?\])", download)[1])
    assert argv[:3] == ["apt-get", "-o", "DPkg::Lock::Timeout=300"]
    (upgrade,) = [task["ansible.builtin.apt"] for task in tasks("os_packages.yml") if "ansible.builtin.apt" in task]
    assert upgrade["lock_timeout"] == 300


def test_workers_get_the_images_that_run_on_them() -> None:
    """As kubeadm lists them, from its own registry and from a mirror."""
    (pull,) = [
        task for task in tasks("prefetch_repository.yml") if "crictl" in str(task.get("ansible.builtin.command"))
    ]
    pattern = re.search(r"'search', '(.*)'", pull["loop"])[1]
    listed = (
        "registry.k8s.io/kube-apiserver:v1.36.3",
        "registry.k8s.io/kube-proxy:v1.36.3",
        "registry.k8s.io/coredns/coredns:v1.14.2",
        "mirror.example.com/k8s/coredns:v1.14.2",
        "registry.k8s.io/pause:3.10.1",
        "registry.k8s.io/etcd:3.6.8-0",
    )
    assert [image for image in listed if re.search(pattern, image)] == [listed[1], listed[2], listed[3]]


def test_packages_of_the_system_come_before_the_hook_the_reboot_and_the_kubelet() -> None:
    names = [task["name"] for task in tasks("drained.yml")]
    after = names[names.index("Packages of the operating system") :]
    assert after[1:] == ["While the node is drained", "Reboot", "Run the new kubelet"]
