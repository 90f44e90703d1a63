# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles of etcd have to agree on."""

from __future__ import annotations

import re
from typing import Any

import jinja2
import pytest
import yaml
from ansible_collections.kubeops.cluster.plugins.filter.cluster_nodes import cluster_nodes
from jinja2.nativetypes import NativeEnvironment

from tools import paths

ETCD = paths.ROOT / "roles" / "etcd"
BACKUP = paths.ROOT / "roles" / "etcd_backup"


def backup_var(name: str, **variables: object) -> str:
    """A variable of the role etcd_backup."""
    environment = jinja2.Environment(autoescape=False)
    environment.filters["extract"] = lambda key, container: container[key]
    text = yaml.safe_load((BACKUP / "vars" / "main.yml").read_text())[name]
    return environment.from_string(text).render(variables)


def backup_tasks() -> list[dict[str, Any]]:
    """What the role etcd_backup does, in order."""
    tasks: list[dict[str, Any]] = yaml.safe_load((BACKUP / "tasks" / "main.yml").read_text())
    return tasks


@pytest.mark.parametrize(
    ("told", "leader", "chosen", "beside_leader"),
    [
        ({"cp1": "m2", "cp2": "m2", "cp3": "m2"}, "m1", "cp2", False),
        # The first has no certificates.
        ({"cp1": None, "cp2": "m3", "cp3": "m3"}, "m1", "cp3", False),
        # The host of the follower cannot ask, or is not part of the run.
        ({"cp1": None, "cp2": "m1", "cp3": "m1"}, "m3", "cp2", False),
        ({"cp2": "m1", "cp3": "m1"}, "m2", "cp3", False),
        ({"cp1": "m3", "cp2": "m3"}, "m1", "cp2", False),
        ({"cp1": "m3", "cp2": None}, "m1", "cp1", True),
        # No follower answers, or nobody leads.
        ({"cp1": "m1", "cp2": "m1"}, "m1", "cp1", False),
        ({"cp1": "m3", "cp2": "m3"}, "", "cp1", False),
    ],
)
def test_any_host_that_can_ask_is_enough_and_the_leader_is_the_last(
    told: dict[str, str | None], leader: str, chosen: str, beside_leader: bool
) -> None:
    answers = {
        host: {"member": {"name": name}, "leader": leader} if name else {"msg": "no certificate"}
        for host, name in told.items()
    }
    hostvars = {host: {"inventory_hostname": host, "__etcd_backup_choice": each} for host, each in answers.items()}
    members = [{"host": f"cp{number}", "name": f"m{number}"} for number in (1, 2, 3)]
    given: dict[str, Any] = {"ansible_play_hosts": list(told), "hostvars": hostvars, "__etcd_backup_members": members}
    environment = NativeEnvironment()
    environment.filters["extract"] = lambda key, container: container[key]
    variables = yaml.safe_load((BACKUP / "vars" / "main.yml").read_text())
    for name in ("answering", "told", "able", "host", "beside_leader"):
        text = variables[f"__etcd_backup_{name}"]
        given[f"__etcd_backup_{name}"] = environment.from_string(text).render(given)
    assert given["__etcd_backup_answering"] == [host for host, name in told.items() if name]
    assert (given["__etcd_backup_host"], given["__etcd_backup_beside_leader"]) == (chosen, beside_leader)


def test_no_single_host_is_asked_for_the_members() -> None:
    (choose,) = [task for task in backup_tasks() if task.get("register") == "__etcd_backup_choice"]
    assert "run_once" not in choose and choose["failed_when"] is False


def test_only_the_host_that_took_a_snapshot_hands_it_on() -> None:
    """Where the host that was chosen fails, the choice would fall on another one, which has none."""
    (handing_on,) = [task for task in backup_tasks() if "block" in task]
    tasks = [*handing_on["block"], *handing_on["always"]]
    later = [task for task in tasks if "__etcd_backup_taken." in yaml.safe_dump(task) or "metric.yml" in str(task)]
    later += [task for task in tasks if task.get("ansible.builtin.include_tasks") == "controller.yml"]
    assert len(later) == 6
    assert [task["name"] for task in later if "__etcd_backup_taken.snapshot is defined" not in str(task["when"])] == []


def test_every_host_with_a_timer_has_the_directory_of_the_metric() -> None:
    tasks = yaml.safe_load((BACKUP / "tasks" / "timer_present.yml").read_text())
    (directory,) = [
        number
        for number, task in enumerate(tasks)
        if task.get("ansible.builtin.file", {}).get("path") == "{{ etcd_backup_metric_directory }}"
    ]
    assert tasks[directory]["ansible.builtin.file"]["state"] == "directory"
    assert tasks[directory]["when"] == "etcd_backup_metric_directory | length > 0"
    (timer,) = [
        number for number, task in enumerate(tasks) if "services" in task.get("kubeops.cluster.managed_files", {})
    ]
    assert directory < timer


def test_one_that_could_not_be_proven_goes_all_the_way_and_fails_the_run_at_its_end() -> None:
    *__, take, handing_on = backup_tasks()
    assert take["register"] == "__etcd_backup_taken" and "snapshot is not defined" in take["failed_when"]
    (last,) = handing_on["always"]
    assert last["ansible.builtin.fail"]["msg"] == "{{ __etcd_backup_taken.msg }}"
    assert "__etcd_backup_unproven" in last["when"]


def test_the_playbook_and_the_timer_prove_by_the_canary_that_is_given() -> None:
    (take,) = [task for task in backup_tasks() if task.get("register") == "__etcd_backup_taken"]
    assert take["kubeops.cluster.etcd_snapshot"]["canary"] == "{{ etcd_backup_canary }}"
    environment = NativeEnvironment(undefined=jinja2.ChainableUndefined)
    environment.filters["kubeops.cluster.etcd_backup_settings"] = dict
    text = yaml.safe_load((BACKUP / "vars" / "main.yml").read_text())["__etcd_backup_settings"]
    given = {"__etcd_backup_members": [{"host": "cp1", "name": "m1"}], "inventory_hostname": "cp1"}
    settings = environment.from_string(text).render(
        **given, __etcd_backup_client="/c", etcd_backup_canary="/registry/k"
    )
    assert (settings["canary"], settings["prove"], settings["member"]) == ("/registry/k", True, "m1")


@pytest.mark.parametrize(
    ("taken", "unproven"),
    [({"manifest": {"proof": None}}, True), ({"manifest": {"proof": {"hash": 7}}}, False), ({"manifest": {}}, False)],
)
def test_which_ones_could_not_be_proven(taken: dict[str, object], unproven: bool) -> None:
    assert backup_var("__etcd_backup_unproven", __etcd_backup_taken=taken) == str(unproven)


def test_the_controller_has_a_retention_of_its_own() -> None:
    defaults = yaml.safe_load((BACKUP / "defaults" / "main.yml").read_text())
    assert defaults["etcd_backup_controller_retention"] == "{{ etcd_backup_retention }}"
    (prune,) = [
        task["kubeops.cluster.etcd_snapshot"]
        for task in yaml.safe_load((BACKUP / "tasks" / "controller.yml").read_text())
        if task.get("kubeops.cluster.etcd_snapshot", {}).get("state") == "pruned"
    ]
    assert prune["retention"] == "{{ etcd_backup_controller_retention }}"


@pytest.mark.parametrize("role", ["etcd_restore", "etcd_rescue"])
@pytest.mark.parametrize(
    ("given", "directory"),
    [({}, "/var/lib/kubeops/etcd-snapshots"), ({"etcd_backup_directory": "/srv/etcd"}, "/srv/etcd")],
)
def test_snapshots_are_looked_for_where_backups_are_kept(role: str, given: dict[str, str], directory: str) -> None:
    defaults = yaml.safe_load((paths.ROOT / "roles" / role / "defaults" / "main.yml").read_text())
    template = jinja2.Environment(autoescape=False).from_string(defaults[f"{role}_snapshot_directory"])
    assert template.render(given) == directory


def test_a_snapshot_travels_as_a_file_and_leaves_no_copy() -> None:
    """With become, fetch takes it as text through memory, which -vvv prints unless the task has no_log."""
    tasks = yaml.safe_load((BACKUP / "tasks" / "to_controller.yml").read_text())
    (bring,) = [task for task in tasks if "block" in task]
    (fetch,) = [task for task in bring["block"] if "ansible.builtin.fetch" in task]
    assert fetch["no_log"] is True
    assert fetch["become"] is False and fetch["vars"] == {"ansible_become": False}
    assert [task["ansible.builtin.file"]["state"] for task in bring["always"]] == ["absent"]
    everywhere = [
        path for path in (paths.ROOT / "roles").glob("etcd_*/tasks/*.yml") if "builtin.fetch" in path.read_text()
    ]
    assert [path.name for path in everywhere] == ["to_controller.yml"]


def test_every_host_is_rid_of_copies_that_are_left_before_another_one_may_be_chosen() -> None:
    sweep = yaml.safe_load((BACKUP / "tasks" / "left_copies.yml").read_text())
    find, remove = (next(task[key] for key in task if key.startswith("ansible.builtin.")) for task in sweep)
    (made,) = [
        task["ansible.builtin.tempfile"]
        for group in yaml.safe_load((BACKUP / "tasks" / "to_controller.yml").read_text())
        for task in group.get("block", [])
        if "ansible.builtin.tempfile" in task
    ]
    assert (find["paths"], find["patterns"]) == (made["path"], [f"{made['prefix']}*"])
    assert remove["state"] == "absent" and not [task for task in sweep if "when" in task]
    first = [task.get("register", task["name"]) for task in backup_tasks()]
    assert first.index("Private copies that are left") < first.index("__etcd_backup_choice")
    (backup,) = [task for task in backup_tasks() if "left_copies.yml" in str(task)]
    rescue_tasks = yaml.safe_load((paths.ROOT / "roles" / "etcd_rescue" / "tasks" / "save.yml").read_text())
    (rescue,) = [task for task in rescue_tasks if "left_copies.yml" in str(task)]
    assert "when" not in backup and "when" not in rescue


@pytest.mark.parametrize(
    ("given", "span", "interval"),
    [
        ("12h", True, True),
        ("90min", True, True),
        ("5m", True, True),
        ("1h 30min", True, True),
        ("1h30min", True, True),
        ("2 hours", True, True),
        ("1d", True, True),
        ("1M", True, True),
        ("30s", True, False),
        ("4min", True, False),
        ("1min 30s", True, False),
        ("1s30min", True, True),
        ("0h", True, False),
        ("12", False, False),
        ("daily", False, False),
        ("12 h h", False, True),
        ("12hh", False, False),
        ("", False, False),
        ("12h\n", False, True),
        ("-12h", False, True),
        ("*-*-* 01:00", False, False),
    ],
)
def test_interval_of_the_timer(given: str, span: bool, interval: bool) -> None:
    assert bool(re.fullmatch(backup_var("__etcd_backup_span")[1:-1], given)) is span
    assert bool(re.search(backup_var("__etcd_backup_span_of_minutes"), given)) is interval


@pytest.mark.parametrize(
    ("role", "file", "name"),
    [
        ("etcd_restore", "defaults", "etcd_restore_data_dir"),
        ("etcd_rescue", "vars", "__etcd_rescue_data_dir"),
    ],
)
@pytest.mark.parametrize(
    ("external", "given", "directory"),
    [
        (False, {}, "/var/lib/etcd"),
        (False, {"disk": {"msg": "a disk that cannot be looked at"}}, "/var/lib/etcd"),
        (False, {"disk": {"data_dir": "/srv/etcd"}, "etcd_data_dir": "/data"}, "/srv/etcd"),
        (True, {"disk": {"data_dir": "/srv/etcd"}, "etcd_data_dir": "/data"}, "/data"),
        (True, {}, "/var/lib/etcd"),
    ],
)
def test_data_directory(
    role: str, file: str, name: str, external: bool, given: dict[str, object], directory: str
) -> None:
    """Of kubeadm's etcd it is that of its manifest, once a host was looked at."""
    text = yaml.safe_load((paths.ROOT / "roles" / role / file / "main.yml").read_text())[name]
    variables = {f"__{role}_{key}" if key == "disk" else key: value for key, value in given.items()}
    variables[f"__{role}_external"] = external
    assert jinja2.Environment(autoescape=False).from_string(text).render(variables) == directory


@pytest.mark.parametrize("role", ["etcd_restore", "etcd_rescue"])
def test_every_first_look_at_a_data_directory_asks_the_manifest(role: str) -> None:
    looks = [
        task["kubeops.cluster.etcd_data_facts"]
        for file in sorted((paths.ROOT / "roles" / role / "tasks").glob("*.yml"))
        for task in yaml.safe_load(file.read_text())
        if task.get("register") == f"__{role}_disk"
    ]
    assert looks and [look for look in looks if f"not __{role}_external" not in look["static_pod"]] == []


def test_a_release_of_etcd_is_compared_and_gets_its_name_whole() -> None:
    tasks = yaml.safe_load((paths.ROOT / "roles" / "etcd" / "tasks" / "repository.yml").read_text())
    (release,) = [task for task in tasks if "block" in task]
    modules = [next(key for key in task if "." in key) for task in release["block"]]
    steps = dict(zip(modules, release["block"]))
    assert release["environment"] == "{{ __etcd_proxies }}"
    assert "SHA256SUMS" in steps["ansible.builtin.get_url"]["ansible.builtin.get_url"]["checksum"]
    assert ".partial/" in steps["ansible.builtin.unarchive"]["ansible.builtin.unarchive"]["dest"]
    assert modules.index("ansible.builtin.unarchive") < modules.index("ansible.builtin.command")
    # Check mode makes no directory to unpack into.
    for name in ("get_url", "unarchive"):
        assert steps[f"ansible.builtin.{name}"]["when"] == "not ansible_check_mode"


def rendered(name: str, **variables: object) -> object:
    """An internal variable of the role etcd."""
    environment = NativeEnvironment(undefined=jinja2.ChainableUndefined)
    environment.filters["select"] = lambda values: [each for each in values if each]
    environment.filters["flatten"] = lambda lists: [each for one in lists for each in one]
    environment.filters["extract"] = lambda key, container: container[key]
    variables = {"etcd_name": "e1", **variables}
    return environment.from_string(yaml.safe_load((ETCD / "vars" / "main.yml").read_text())[name]).render(variables)


@pytest.mark.parametrize(
    ("matches", "unserved"),
    [((True, True), []), ((True, False), ["two"]), ((None, True), ["one"])],
    ids=["both", "one serves another", "one serves none"],
)
def test_what_a_member_does_not_serve_as_it_is_on_disk(matches: tuple[bool | None, ...], unserved: list[str]) -> None:
    names = zip(("one", "two"), ("etcd-server", "etcd-peer"), matches)
    rows = [{"name": name, "served": [{"endpoint": at, "matches": same}]} for at, name, same in names]
    rows += [{"name": "kubelet-server", "served": [{"endpoint": "kubelet", "matches": False}]}]
    assert rendered("__etcd_unserved", __etcd_checked={"certificates": rows}) == unserved


@pytest.mark.parametrize(
    ("members", "healthy"),
    [
        ([{"name": "e1", "works": True}, {"name": "e2", "works": False}], True),
        ([{"name": "e1", "works": False}, {"name": "e2", "works": True}], False),
        ([{"name": "e2", "works": True}], False),
    ],
    ids=["it is", "it is not", "it is none"],
)
def test_whether_a_member_is_well(members: list[dict[str, object]], healthy: bool) -> None:
    assert rendered("__etcd_healthy", __etcd_listed={"members": members}) is healthy


@pytest.mark.parametrize("name", ["renew_certificates", "recover_certificates"])
def test_certificates_of_members_are_proved(name: str) -> None:
    plays = yaml.safe_load((paths.ROOT / "playbooks" / f"{name}.yml").read_text())
    imports = [task.get("ansible.builtin.import_role", {}) for play in plays for task in play.get("tasks", [])]
    assert {"name": "kubeops.cluster.etcd", "tasks_from": "renew"} in imports


@pytest.mark.parametrize(
    ("running", "ignored", "unsaved"),
    [
        ({"cp1": {"manifest": {}}}, [], {}),
        ({"cp1": {"manifest": {}}, "cp2": {"msg": "no room"}}, [], {"cp2": "no room"}),
        ({"cp1": {"manifest": {}}, "cp2": {"msg": "no room"}}, ["cp2"], {}),
    ],
)
def test_a_member_that_answers_is_stopped_only_once_it_is_saved(
    running: dict[str, object], ignored: list[str], unsaved: dict[str, str]
) -> None:
    role = paths.ROOT / "roles" / "etcd_rescue"
    environment = jinja2.Environment(autoescape=False)
    environment.filters["difference"] = lambda first, second: [each for each in first if each not in second]
    variables = {
        "hostvars": {host: {"__etcd_rescue_running": result} for host, result in running.items()},
        "__etcd_rescue_answering": list(running),
        "__etcd_rescue_ignored": ignored,
    }
    text = yaml.safe_load((role / "vars" / "main.yml").read_text())
    assert environment.from_string(text["__etcd_rescue_unsaved"]).render(variables).strip() == str(unsaved)
    assert "not in __etcd_rescue_answering" in text["__etcd_rescue_salvageable"]
    names = [task["name"] for task in yaml.safe_load((role / "tasks" / "save.yml").read_text())]
    stops = [number for number, name in enumerate(names) if name.startswith("Stop ")]
    assert names.index("Refuse to stop a member that answers and of which there is no snapshot") < min(stops)


@pytest.mark.parametrize(
    ("given", "ignored"),
    [
        ([], []),
        (["etcd2"], ["etcd2"]),
        ("", []),
        ("etcd2", ["etcd2"]),
        ("etcd2, etcd3,", ["etcd2", "etcd3"]),
    ],
)
def test_a_string_gives_up_the_hosts_that_it_names(given: object, ignored: list[str]) -> None:
    """As -e etcd_rescue_ignore=HOST is one, in which the host etcd would be found as well."""
    role = paths.ROOT / "roles" / "etcd_rescue"
    variables = yaml.safe_load((role / "vars" / "main.yml").read_text())
    expression = NativeEnvironment().from_string(variables["__etcd_rescue_ignored"].strip())
    assert expression.render(etcd_rescue_ignore=given) == ignored
    everywhere = "".join(path.read_text() for path in role.glob("*/*.yml") if path.parent.name in ("tasks", "vars"))
    assert re.findall(r"in'?,? etcd_rescue_ignore", everywhere) == []


def test_only_hosts_of_etcd_are_given_up() -> None:
    role = paths.ROOT / "roles" / "etcd_rescue"
    tasks = yaml.safe_load((role / "tasks" / "survivor.yml").read_text())
    names = [task["name"] for task in tasks]
    refuse = tasks[names.index("Refuse to give up what is no host of etcd")]["ansible.builtin.assert"]
    assert names.index("Refuse to give up what is no host of etcd") < names.index("Rescue")
    environment = jinja2.Environment(autoescape=False)
    environment.tests["in"] = lambda value, container: value in container
    expression = environment.compile_expression(refuse["that"])
    hosts = ["etcd", "etcd2"]
    assert expression(__etcd_rescue_hosts=hosts, __etcd_rescue_ignored=["etcd2"]) is True
    assert expression(__etcd_rescue_hosts=hosts, __etcd_rescue_ignored=["etcd2", "etc"]) is False


def looked(data: bool, started: bool) -> dict[str, object]:
    return {"__etcd_looked": {"results": [{"stat": {"exists": data}}, {"stat": {"exists": started}}]}}


def control_plane(role: str) -> dict[str, object]:
    return {"ansible_facts": {"kubeops_node": {"kubernetes": {"role": role}}}}


GONE = looked(data=False, started=True)
EMPTY = looked(data=False, started=False)


@pytest.mark.parametrize(
    ("hosts", "gone", "was_on", "used_by"),
    [
        ({"e1": GONE, "e2": GONE, "cp1": {}}, True, ["e1", "e2"], []),
        ({"e1": GONE, "e2": looked(data=True, started=True), "cp1": {}}, False, ["e1", "e2"], []),
        # Hosts set up anew, and a cluster of before there was a mark.
        ({"e1": EMPTY, "e2": EMPTY, "cp1": control_plane("control_plane")}, True, [], ["cp1"]),
        # A new cluster, also where a run was killed before its etcd was ready.
        ({"e1": EMPTY, "e2": EMPTY, "cp1": control_plane("none")}, True, [], []),
        # Not asked (--limit), nor observed: nothing begins without it either.
        ({"e1": GONE, "e2": {}, "cp1": {"ansible_facts": {"kubeops_node": {"kubernetes": None}}}}, False, ["e1"], []),
    ],
    ids=["disks lost", "one is left", "hosts set up anew", "nothing yet", "not asked"],
)  # fmt: skip
def test_signs_of_a_cluster_whose_data_is_gone(
    hosts: dict[str, dict[str, object]], gone: bool, was_on: list[str], used_by: list[str]
) -> None:
    given = {"groups": {"etcd": ["e1", "e2"], "control_plane": ["cp1"]}, "hostvars": hosts}
    assert rendered("__etcd_data_gone", **given) is gone
    assert rendered("__etcd_was_on", **given) == was_on
    assert rendered("__etcd_used_by", **given) == used_by
    alone = {**given, "groups": {"etcd": ["e1", "e2"]}}
    assert rendered("__etcd_used_by", **alone) == []


def test_nothing_changes_before_lost_data_is_refused() -> None:
    plays = yaml.safe_load((paths.ROOT / "playbooks" / "create_cluster.yml").read_text())
    assert [role for play in plays[:1] for role in play["roles"]] == ["kubeops.cluster.preflight"]
    (task,) = plays[1]["tasks"]
    assert task["ansible.builtin.import_role"] == {"name": "kubeops.cluster.etcd", "tasks_from": "refuse"}
    first = yaml.safe_load((ETCD / "tasks" / "main.yml").read_text())[0]
    assert first["ansible.builtin.include_tasks"] == "refuse.yml"
    look, refuse = yaml.safe_load((ETCD / "tasks" / "refuse.yml").read_text())
    assert [next(key for key in task if "." in key) for task in (look, refuse)] == [
        "ansible.builtin.stat", "ansible.builtin.assert",
    ]  # fmt: skip
    assert look["loop"][1] == "{{ __etcd_mark }}" and "etcd_data_gone" in refuse["ansible.builtin.assert"]["fail_msg"]


def test_the_mark_of_a_started_etcd_is_made_once_it_is_ready() -> None:
    unit = (ETCD / "templates" / "etcd.service.j2").read_text().splitlines()
    assert "Type=notify" in unit and "ExecStartPost=-+/bin/touch {{ __etcd_mark }}" in unit


@pytest.mark.parametrize("role", ["etcd_restore", "etcd_rescue"])
def test_an_inventory_of_etcd_alone(role: str) -> None:
    texts = {
        path: path.read_text()
        for folder in ("tasks", "vars")
        for path in (paths.ROOT / "roles" / role / folder).glob("*")
    }
    assert [
        path.name for path, text in texts.items() if re.search(r"groups\['control_plane'\](?! \| default)", text)
    ] == []


@pytest.mark.parametrize(
    ("address", "port", "url"),
    [("192.0.2.11", 6443, "https://192.0.2.11:6443"), ("2001:db8::11", 8443, "https://[2001:db8::11]:8443")],
)
def test_every_api_server_is_asked_itself(address: str, port: int, url: str) -> None:
    role = paths.ROOT / "roles" / "etcd_restore"
    environment = jinja2.Environment(autoescape=False)
    environment.filters["kubeops.cluster.cluster_nodes"] = cluster_nodes
    template = environment.from_string(
        yaml.safe_load((role / "vars" / "main.yml").read_text())["__etcd_restore_own_api"]
    )
    given = {"inventory_hostname": "cp1", "hostvars": {"cp1": {"kubeops_node_ip": f"{address},192.0.2.99"}}}
    assert template.render(etcd_restore_api_port=port, **given) == url
    tasks = yaml.safe_load((role / "tasks" / "start.yml").read_text())
    (ready,) = [task for task in tasks if task.get("register") == "__etcd_restore_ready"]
    assert "--server={{ __etcd_restore_own_api }}" in ready["ansible.builtin.command"]["argv"]
