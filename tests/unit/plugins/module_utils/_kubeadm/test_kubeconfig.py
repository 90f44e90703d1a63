# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubeconfigs embed is read, and rubbish named by its file."""

from __future__ import annotations

import base64
import traceback

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import kubeconfig, probe

PATH = "/etc/kubernetes/admin.conf"


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode("ascii")


def config(certificate: str, key: str, authority: str = "") -> str:
    return (
        f"    certificate-authority-data: {authority}\n    client-certificate-data: {certificate}\n"
        f"    client-key-data: {key}\n"
    )


def test_what_is_embedded() -> None:
    text = config(encoded(b"certificate"), encoded(b"key"), encoded(b"authority"))
    assert kubeconfig.identity(text, PATH).pem == "certificate\nkey"
    assert kubeconfig.certificate_authority(text, PATH) == "authority"
    assert kubeconfig.certificate_authority("", PATH) == ""
    assert kubeconfig.identity("    client-certificate: /a\n    client-key: /b\n", PATH).cert_file == "/a"


def test_server_and_another_one() -> None:
    text = "clusters:\n- cluster:\n    server: {}\n  name: a\n"
    assert kubeconfig.server(text.format("https://192.0.2.11:6443")) == "https://192.0.2.11:6443"
    changed = kubeconfig.with_server(text.format("https://192.0.2.11:6443"), "https://192.0.2.10:8443")
    assert changed == text.format("https://192.0.2.10:8443")
    assert kubeconfig.server(text.format("")) == "", "not the next line's word"


@pytest.mark.parametrize("rubbish", ["A", encoded(b"secret\xff\xfe")], ids=["no base64", "no text"])
def test_rubbish_is_named_by_its_file_and_not_quoted(rubbish: str) -> None:
    text = config(encoded(b"certificate"), rubbish, rubbish)
    with pytest.raises(KubeopsError, match=f"client-key-data in {PATH}") as refused:
        kubeconfig.identity(text, PATH)
    assert refused.value.fix
    assert "secret" not in "".join(traceback.format_exception(refused.type, refused.value, None))
    with pytest.raises(KubeopsError, match=f"certificate-authority-data in {PATH}"):
        kubeconfig.certificate_authority(text, PATH)
    with probe._embedded(text) as files:
        assert files == ("", "")


def test_a_client_certificate_that_is_no_text_leaves_the_name_to_kubelet_conf() -> None:
    spoiled = "-----BEGIN CERTIFICATE-----\nMII\N{REPLACEMENT CHARACTER}\n-----END CERTIFICATE-----\n"
    assert kubeconfig.node_name("- name: system:node:w1", spoiled) == "w1"
