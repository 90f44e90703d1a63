# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the operator names: what is judged, what is passed over, and which key belongs to which certificate."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import check, estate, extra, issue, observe, read

NOW = datetime.now(timezone.utc)
KEY = issue.make_key("ecdsa-p256")
CERTIFICATE = issue.make_ca(KEY, "example", NOW - timedelta(days=1), timedelta(days=400))
OTHER_KEY = issue.make_key("ecdsa-p256")
KUBECONFIG = b"apiVersion: v1\nkind: Config\nclusters: []\nusers:\n- name: a\n  user:\n    token: abc\n"


@pytest.mark.parametrize(
    ("path", "data", "form"),
    [
        ("/a.pem", CERTIFICATE, "certificate"),
        ("/a.conf", KEY + CERTIFICATE, "certificate"),
        ("/member-key.pem", KEY, "key"),
        ("/a.key", b"\x30\x82", "key"),
        ("/haproxy.conf", b"global\n  users: 3\n", ""),
        ("/envoy.conf", b"static_resources:\n  clusters:\n  - name: a\n", ""),
        ("/request.pem", b"-----BEGIN CERTIFICATE REQUEST-----\n", ""),
        ("/home/a/kubeconfig-of-a", KUBECONFIG, "kubeconfig"),
        ("/home/a/a.json", b'{"users": [], "clusters": []}', "kubeconfig"),
        ("/home/a/.kube/config", b"", "kubeconfig"),
        ("/kubelet.yaml", b"kind: KubeletConfiguration\n", ""),
        ("/empty.crt", b"", "certificate"),
        ("/empty.conf", b"", ""),
    ],
)
def test_what_a_file_is(path: str, data: bytes, form: str) -> None:
    assert extra.form_of(path, data) == form


@pytest.mark.parametrize(
    ("certificate", "key"),
    [
        ("/s/tls.crt", "/s/tls.key"),
        ("/s/member.pem", "/s/member-key.pem"),
        ("/s/fullchain1.pem", "/s/privkey1.pem"),
        ("/s/server-cert.pem", "/s/server-key.pem"),
        ("/s/server.cert.pem", "/s/server.key.pem"),
    ],
)
def test_where_a_key_lies(certificate: str, key: str) -> None:
    assert key in extra.key_names(certificate)
    assert certificate not in extra.key_names(certificate)


def reasons(*paths: str) -> dict[str, list[str]]:
    """Reasons of every file below these paths, by its name."""
    options = {
        "warning": "30d,10%",
        "critical": "7d,3%",
        "ca_warning": "365d,10%",
        "groups": [],
        "endpoints": [],
        "api_server_names": [],
        "node_addresses": [],
    }
    more = {"paths": list(paths), "served": False, "timeout": 1.0, "reference_time": 0.0, "max_clock_offset": 60.0}
    rows = check.check({**options, **more}, NOW)["certificates"]
    return {Path(row["path"]).name: [reason["id"] for reason in row["reasons"]] for row in rows}


def test_a_users_kubeconfig_of_this_cluster_has_to_know_its_ca(tmp_path: Path) -> None:
    authority = base64.b64encode(CERTIFICATE).decode()
    text = "clusters:\n- name: a\n  cluster:\n    server: {}\n    certificate-authority-data: {}\nusers: []\n"
    (tmp_path / "config").write_text(text.format("https://api.example:6443", authority))
    entry = estate.Entry("config", str(tmp_path / "config"), form=estate.KUBECONFIG)
    layout = estate.Layout(endpoint_hosts=("api.example",), endpoint_ports=(6443,))
    (found,) = observe.observe([entry])
    assert check._of_cluster(found, layout, ()).entry.authority == estate.CLUSTER_CA
    assert check._of_cluster(found, estate.Layout(), ()) == found
    assert [each.common_name for each in found.authority] == ["example"]


def written(directory: Path, **files: tuple[bytes, int]) -> Path:
    for name, (data, mode) in files.items():
        path = directory / name.replace("__", "-").replace("_", ".")
        path.write_bytes(data)
        path.chmod(mode)
    return directory


def test_a_directory_of_many_things(tmp_path: Path) -> None:
    written(
        tmp_path,
        member_pem=(CERTIFICATE, 0o644),
        member__key_pem=(KEY, 0o644),
        wrong_crt=(CERTIFICATE, 0o644),
        wrong_key=(OTHER_KEY, 0o600),
        lone_key=(KEY, 0o644),
        safe_key=(KEY, 0o600),
        torn_pem=(CERTIFICATE[:90], 0o644),
        haproxy_conf=(b"global\n", 0o644),
        request_pem=(b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n", 0o644),
        open_conf=(KUBECONFIG, 0o644),
    )
    assert reasons(str(tmp_path)) == {
        "member.pem": ["world_readable"],
        "wrong.crt": ["key_mismatch"],
        "lone.key": ["world_readable"],
        "safe.key": [],
        "torn.pem": ["malformed"],
        "open.conf": ["world_readable"],
    }


def test_a_file_named_by_itself_is_judged_whatever_it_is(tmp_path: Path) -> None:
    written(tmp_path, haproxy_conf=(b"global\n", 0o644))
    named = str(tmp_path / "haproxy.conf")
    assert reasons(named) == {"haproxy.conf": ["malformed"]}
    assert reasons(str(tmp_path), named) == {"haproxy.conf": ["malformed"]}
    assert reasons(f"{tmp_path}/*") == {}
    assert reasons(f"{tmp_path}/none.crt") == {"none.crt": ["missing"]}
    assert reasons(f"{tmp_path}/*.crt") == {"*.crt": ["no_match"]}


def test_a_directory_without_certificates_is_a_finding(tmp_path: Path) -> None:
    written(tmp_path, haproxy_conf=(b"global\n", 0o644), notes_txt=(b"text", 0o644))
    assert reasons(str(tmp_path)) == {tmp_path.name: ["no_match"]}
    written(tmp_path, torn_crt=(b"text", 0o644))
    assert reasons(str(tmp_path)) == {"torn.crt": ["malformed"]}


def test_a_name_that_nobody_can_look_at_is_a_finding(tmp_path: Path) -> None:
    written(tmp_path, a_crt=(CERTIFICATE, 0o644))
    long = "a" * 300
    assert reasons(f"{tmp_path}/{long}", str(tmp_path)) == {long: ["unreadable"], "a.crt": []}


def test_a_directory_that_may_not_be_looked_into_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, a_crt=(CERTIFICATE, 0o644))
    (tmp_path / "closed").mkdir()
    scandir, opened = extra.os.scandir, read.os.open

    def deny(path: Any) -> None:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(extra.os, "scandir", lambda path: deny(path) or scandir(path))
    monkeypatch.setattr(read.os, "open", lambda path, flags: deny(path) or opened(path, flags))
    assert reasons(str(tmp_path)) == {"a.crt": [], "closed": ["permission_denied"]}


def test_a_name_that_looks_like_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].crt").write_bytes(CERTIFICATE)
    assert reasons(f"{tmp_path}/a[1].crt") == {"a[1].crt": []}


def test_what_the_node_has_already_is_left_out(tmp_path: Path) -> None:
    written(tmp_path, ca_crt=(CERTIFICATE, 0o644), ca_key=(KEY, 0o600))
    known = estate.Entry("ca", str(tmp_path / "ca.crt"), key_path=str(tmp_path / "ca.key"))
    assert extra.entries([str(tmp_path)], [known]) == ([], 0)


def test_more_files_than_are_looked_at_are_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, a_crt=(CERTIFICATE, 0o644), b_crt=(CERTIFICATE, 0o644), c_crt=(CERTIFICATE, 0o644))
    monkeypatch.setattr(extra, "MAX_FILES", 2)
    assert reasons(str(tmp_path)) == {"a.crt": [], "b.crt": [], tmp_path.name: ["too_many_files"]}
