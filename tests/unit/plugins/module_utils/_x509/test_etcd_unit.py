# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of an etcd that systemd runs, wherever they stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import estate, etcd_unit, observe
from jinja2 import Template

FILES = {
    "/etc/etcd/etcd.env": "# comment\nETCD_CERT_FILE=/pki/server.crt\nETCD_TRUSTED_CA_FILE='/pki/ca.crt'\n",
    "/etc/etcd/etcd.yaml": "name: e1\nlisten-client-urls: https://192.0.2.1:2379\n"
    "client-transport-security:\n  cert-file: /y/server.crt\n  client-cert-auth: true\n"
    "peer-transport-security:\n  cert-file: /y/peer.crt\n  trusted-ca-file: /y/ca.crt\n",
    "/etc/etcd/etcd.json": json.dumps({"client-transport-security": {"cert-file": "/j/server.crt"}}),
}
FLAGS = (
    "[Service]\nUser=etcd\n"
    "ExecStart=/usr/bin/etcd --name e1 \\\n  --cert-file=/f/s.crt --client-cert-auth --key-file /f/s.key\n"
)
ENVIRONMENT = "[Service]\nEnvironmentFile=/etc/etcd/etcd.env\nEnvironmentFile=-/none\nExecStart=/usr/local/bin/etcd\n"
SHELL = (
    "[Service]\nUser=etcd\nEnvironmentFile=-/etc/etcd/etcd.env\nEnvironment=ETCD_NAME=e1\n"
    'ExecStart=/bin/bash -c "GOMAXPROCS=$(nproc) /usr/bin/etcd --name=\\"${ETCD_NAME}\\" --key-file /f/s.key"\n'
)
MIXED = "[Service]\nEnvironment='ETCD_CERT_FILE=/e/s.crt' PKI=/p\nExecStart=/usr/bin/etcd --key-file=${PKI}/s.key\n"


@pytest.mark.parametrize(
    ("unit", "owner", "expected"),
    [
        (FLAGS, "etcd", {"name": "e1", "cert-file": "/f/s.crt", "client-cert-auth": "", "key-file": "/f/s.key"}),
        (ENVIRONMENT, "", {"cert-file": "/pki/server.crt", "trusted-ca-file": "/pki/ca.crt"}),
        (MIXED, "", {"cert-file": "/e/s.crt", "key-file": "/p/s.key"}),
        (SHELL, "etcd", {"name": "e1", "cert-file": "/pki/server.crt", "key-file": "/f/s.key", "GOMAXPROCS": None}),
        (
            "ExecStart=/bin/sh -ec 'cd /var/lib/etcd; ulimit -n 65536 && ETCD_CERT_FILE=/a.crt exec etcd --name $$N'\n"
            "Environment=N=e2\n",
            "",
            {"cert-file": "/a.crt", "name": "e2"},
        ),
        ("ExecStart=/usr/bin/env GOMAXPROCS=2 /usr/bin/etcd --name=e3\n", "", {"name": "e3"}),
        (f"{MIXED}ExecStart=\nExecStart=-/usr/bin/etcd --cert-file=/over\n", "", {"cert-file": "/over"}),
        ("ExecStart=/usr/bin/etcd --config-file=/etc/etcd/etcd.json\n", "", {"cert-file": "/j/server.crt"}),
        (
            "ExecStart=/usr/bin/etcd --config-file /etc/etcd/etcd.yaml --cert-file=/ignored\n",
            "",
            {
                "name": "e1",
                "listen-client-urls": "https://192.0.2.1:2379",
                "cert-file": "/y/server.crt",
                "client-cert-auth": "true",
                "peer-cert-file": "/y/peer.crt",
                "peer-trusted-ca-file": "/y/ca.crt",
            },
        ),
    ],
    ids=[
        "flags",
        "environment file",
        "both",
        "a shell",
        "commands of a shell",
        "env",
        "drop-in",
        "JSON file",
        "YAML file",
    ],
)
def test_settings_wherever_they_stand(unit: str, owner: str, expected: dict[str, str]) -> None:
    settings = etcd_unit.parse(unit, lambda path: FILES.get(path, ""))
    assert settings is not None
    assert settings.owner == owner
    assert {name: settings.flags.get(name) for name in expected} == expected


def test_the_unit_that_the_role_etcd_writes() -> None:
    template = Path(__file__).parents[5] / "roles" / "etcd" / "templates" / "etcd.service.j2"
    unit = Template(template.read_text()).render(__etcd_bin="/usr/local/lib/etcd/3.6.8", etcd_data_dir="/var/lib/etcd")
    settings = etcd_unit.parse(unit, lambda path: FILES.get(path, ""))
    assert settings is not None
    assert settings.flag("cert-file") == "/pki/server.crt"


@pytest.mark.parametrize(
    "unit",
    [
        "",
        "ExecStart=/usr/bin/etcd-backup\n",
        'ExecStart=/usr/bin/etcd "\n',
        "[Service]\n",
        "ExecStart=/bin/bash -c 'systemctl stop etcd; A=1 etcdctl snapshot save'\n",
        "ExecStart=/bin/bash -c\n",
        """ExecStart=/bin/bash -c "etcd '"\n""",
        "ExecStart=/bin/bash /usr/bin/etcd\n",
    ],
)
def test_a_unit_that_runs_no_etcd(unit: str) -> None:
    assert etcd_unit.parse(unit, lambda path: "") is None


@pytest.mark.parametrize(
    "text",
    [
        "client-transport-security: foo\n",
        "peer-transport-security:\n- cert-file: /a\n",
        '{"client-transport-security": [1]}',
        "[]",
        "\tx",
    ],
)
def test_a_configuration_file_that_is_not_etcds(text: str) -> None:
    settings = etcd_unit.parse("ExecStart=/usr/bin/etcd --config-file=/c\n", lambda path: text)
    assert settings is not None
    assert settings.flag("cert-file") == settings.flag("peer-cert-file") == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, ["missing"]),
        ("name: &a e1\n", ["etcd_config_not_read"]),
        ("- a\n", ["etcd_config_not_read"]),
        ("name: e1\n", []),
    ],
)
def test_a_configuration_file_that_cannot_be_read_is_a_finding(
    tmp_path: Path, text: str | None, problem: list[str]
) -> None:
    path = tmp_path / "etcd.yaml"
    if text is not None:
        path.write_text(text)
    (tmp_path / "etcd.service").write_text(f"ExecStart=/usr/bin/etcd --config-file={path}\n")
    layout = estate.Layout(etcd=etcd_unit.find((str(tmp_path),)))
    found = observe.unread_configs(layout)
    assert [(one.file.path, one.problems[0][0]) for one in found] == [(str(path), each) for each in problem]


def test_the_unit_of_a_host_becomes_entries(tmp_path: Path) -> None:
    (tmp_path / "etcd.service").write_text(
        "ExecStart=/usr/bin/etcd --trusted-ca-file=/pki/ca.crt --cert-file=/pki/server.crt --key-file=/pki/server.key "
        "--listen-client-urls=https://192.0.2.1:2379,https://127.0.0.1:2379\n"
    )
    (tmp_path / "etcd.service.d").mkdir()
    (tmp_path / "etcd.service.d" / "user.conf").write_text("[Service]\nUser=etcd\n")
    entries = {e.name: e for e in estate.estate(estate.Layout(etcd=etcd_unit.find((str(tmp_path),))))}
    assert sorted(entries) == ["etcd-ca", "etcd-server"]
    assert entries["etcd-ca"].key_path == "/pki/ca.key"
    assert [str(one) for one in entries["etcd-server"].endpoints] == ["192.0.2.1:2379", "127.0.0.1:2379"]
    assert (entries["etcd-server"].managed_by, entries["etcd-server"].owners) == ("etcd", ("etcd",))
