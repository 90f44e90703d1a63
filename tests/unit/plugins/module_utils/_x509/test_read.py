# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths that are anything but a certificate are answers, not errors, and nothing waits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import kubeconfig, load
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.model import Unreadable
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.read import read

from tests.fuzz import certificates


def test_every_kind_of_path(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "huge").write_bytes(b"x" * (load.MAX_BYTES + 1))
    (tmp_path / "file").write_bytes(b"content")
    expected = {
        "pipe": "not_a_file",
        "loop": "symlink_loop",
        "huge": "too_large",
        "none": "missing",
        "file/none": "missing",
        ".": "not_a_file",
        "file": "",
    }
    assert {name: read(f"{tmp_path}/{name}").problem for name in expected} == expected
    assert read(f"{tmp_path}/file").data == b"content"
    assert read("/dev/zero").problem == "not_a_file"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (os.urandom(2000).replace(b"-", b"x").replace(b"\x30", b"x"), "malformed"),
        (b"-----BEGIN CERTIFICATE-----\nabc", "malformed"),
        (b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "malformed"),
        (b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "malformed"),
        (b"-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", "no_certificate"),
    ],
)
def test_input_without_a_certificate(data: bytes, problem: str) -> None:
    with pytest.raises(Unreadable) as caught:
        load.certificates(data)
    assert caught.value.problem == problem


@pytest.mark.parametrize("label", ["ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY"])
def test_an_encrypted_key_is_called_so(label: str) -> None:
    headers = "" if label.startswith("ENC") else "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
    with pytest.raises(Unreadable) as caught:
        load.private_key(f"-----BEGIN {label}-----\n{headers}MAA=\n-----END {label}-----\n".encode())
    assert caught.value.problem == "encrypted"


@pytest.mark.parametrize(
    "text", ["", "{}", "a: &b c", "users: x", "- a\n- b", "users:\n- name: a\n  user: [1]", "\t- x", "{" * 5000, "\xff"]
)
def test_what_is_no_kubeconfig(text: str) -> None:
    with pytest.raises(Unreadable):
        kubeconfig.parse(text.encode("latin-1"))


def test_a_kubeconfig_in_either_style() -> None:
    block = b"users:\n- name: a\n  user:\n    client-certificate-data: QQ==\n    client-key: 'k.pem'  # note\n"
    json = b'{"users": [{"name": "a", "user": {"client-certificate-data": "QQ==", "client-key": "k.pem"}}]}'
    assert kubeconfig.parse(block) == kubeconfig.parse(json)
    assert kubeconfig.parse(block).users["a"].certificate == b"A"


def test_kubeconfigs_of_people() -> None:
    read_so = kubeconfig.parse(certificates.BY_HAND)
    assert {name: (user.certificate, user.key, user.other) for name, user in read_so.users.items()} == {
        "eks": (b"", b"", "exec"),
        "b": (b"abc", b"abcabc", ""),
        "c": (b"abcabc", b"", ""),
    }
    assert read_so.clusters["a"].server == "https://192.0.2.1:6443"
    assert kubeconfig.parse(b"clusters:\n- name: a\nusers: null\n").clusters


def test_what_the_reader_does_not_know_is_not_called_broken_and_quotes_nothing() -> None:
    with pytest.raises(Unreadable) as caught:
        kubeconfig.parse(b"users:\n- name: a\n  user:\n    password: !Sup3rSecretPassw0rd\n")
    assert (caught.value.problem, caught.value.what) == ("not_read", "it is not readable by this check")
    assert caught.value.seen == "line 4: anchors, tags and directives are not read"
