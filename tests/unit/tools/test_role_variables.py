# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from tools.checks import role_variables
from tools.roles import Role

DEFAULTS = "demo_port: 1\ndemo_name: \"{{ kubeops_cluster_name | default('kubernetes') }}\"\n"
SPECS = """\
argument_specs:
  main:
    options:
      demo_port: {type: int, default: 1, description: A port.}
      demo_name: {type: str, default: kubernetes, description: A name.}
"""
TASKS = """\
- ansible.builtin.command: "echo {{ demo_port }}"
  when: demo_name != ''
  register: __demo_said
"""


@pytest.fixture
def role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Role:
    monkeypatch.setattr(role_variables.paths, "ROOT", tmp_path)
    files = {"defaults/main.yml": DEFAULTS, "meta/argument_specs.yml": SPECS, "meta/main.yml": "{}"}
    files["tasks/main.yml"] = TASKS
    for name, content in files.items():
        path = tmp_path / "roles" / "demo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Role("demo", tmp_path / "roles" / "demo")


def findings(role: Role) -> str:
    schema = {"kubeops_cluster_name": "kubernetes"}
    every = [*role_variables.spec_findings(role), *role_variables.name_findings(role)]
    return "\n".join([*every, *role_variables.schema_findings(role, schema)])


def replace(role: Role, file: str, old: str, new: str) -> None:
    path = role.directory / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_good_role_has_no_findings(role: Role):
    assert findings(role) == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        ("defaults/main.yml", "demo_port: 1", "demo_port: 2", "demo_port defaults to 2, in argument_specs to 1"),
        (
            "meta/argument_specs.yml",
            "default: 1",
            "default: true",
            "demo_port defaults to 1, in argument_specs to True",
        ),
        ("defaults/main.yml", "demo_port: 1\n", "", "demo_port has a default in argument_specs and is not in defaults"),
        ("meta/argument_specs.yml", "demo_port:", "demo_prot:", "demo_port is in defaults and not in argument_specs"),
        ("meta/argument_specs.yml", "default: 1", "required: true", "demo_port is required in argument_specs and has"),
        ("meta/argument_specs.yml", ", description: A port.", "", "demo_port has no description"),
        ("tasks/main.yml", "{{ demo_port }}", "", "demo_port is used nowhere"),
        ("tasks/main.yml", "demo_name != ''", "demo_nmae != ''", "demo_nmae is used and declared nowhere"),
        (
            "tasks/main.yml",
            "register: __demo_said",
            "until: __demo_said is success",
            "__demo_said is used and declared",
        ),
        ("defaults/main.yml", "'kubernetes'", "'k8s'", "reads kubeops_cluster_name with 'k8s', the schema says"),
        ("defaults/main.yml", "demo_port: 1", "port: 1", "port does not start with demo_"),
    ],
)
def test_each_fault_is_found(role: Role, file: str, old: str, new: str, finding: str):
    replace(role, file, old, new)
    assert finding in findings(role)


def test_a_missing_file_is_found(role: Role):
    (role.directory / "meta/main.yml").unlink()
    assert "meta/main.yml is missing" in findings(role)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ kubeops_api_port | default(6443) }}", ("kubeops_api_port", 6443)),
        ("{{ kubeops_addons | default(['coredns']) }}", ("kubeops_addons", ["coredns"])),
        ("{{ kubeops_encryption_at_rest | default(false) }}", ("kubeops_encryption_at_rest", False)),
        ("{{ kubeops_node_name | default(inventory_hostname | lower) }}", None),
        ("{{ kubeops_version }}", None),
        (6443, None),
    ],
)
def test_schema_default(template: object, expected: object):
    assert role_variables.schema_default(template) == expected
