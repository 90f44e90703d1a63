# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles of etcd have to agree on."""

from __future__ import annotations

import jinja2
import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

from tools import paths

ETCD = paths.ROOT / "roles" / "etcd"
BACKUP = paths.ROOT / "roles" / "etcd_backup"


def test_only_the_host_that_took_a_snapshot_hands_it_on() -> None:
    """Where the host that was chosen fails, the choice would fall on another one, which has none."""
    tasks = yaml.safe_load((BACKUP / "tasks" / "main.yml").read_text())
    later = [task for task in tasks if "__etcd_backup_taken." in yaml.safe_dump(task) or "metric.yml" in str(task)]
    later += [task for task in tasks if task.get("ansible.builtin.include_tasks") == "controller.yml"]
    assert len(later) == 5
    assert [task["name"] for task in later if "__etcd_backup_taken.snapshot is defined" not in str(task["when"])] == []


@pytest.mark.parametrize("role", ["etcd_restore", "etcd_rescue"])
@pytest.mark.parametrize(
    ("given", "directory"),
    [({}, "/var/lib/kubeops/etcd-snapshots"), ({"etcd_backup_directory": "/srv/etcd"}, "/srv/etcd")],
)
def test_snapshots_are_looked_for_where_backups_are_kept(role: str, given: dict[str, str], directory: str) -> None:
    defaults = yaml.safe_load((paths.ROOT / "roles" / role / "defaults" / "main.yml").read_text())
    template = jinja2.Environment(autoescape=False).from_string(defaults[f"{role}_snapshot_directory"])
    assert template.render(given) == directory


def rendered(name: str, **variables: object) -> object:
    """An internal variable of the role etcd."""
    environment = NativeEnvironment()
    environment.filters["flatten"] = lambda lists: [each for one in lists for each in one]
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
        ([{"name": "e1", "healthy": True}, {"name": "e2", "healthy": False}], True),
        ([{"name": "e1", "healthy": False}, {"name": "e2", "healthy": True}], False),
        ([{"name": "e2", "healthy": True}], False),
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
