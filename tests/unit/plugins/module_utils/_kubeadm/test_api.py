# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a client of this control plane's own API server comes from, and what is said where there is none."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import api, paths
from ansible_collections.kubeops.cluster.plugins.plugin_utils import control_plane

MANIFEST = "spec:\n  - command:\n    - kube-apiserver\n    - --advertise-address=192.0.2.1\n"
PEM = base64.b64encode(b"pem").decode()
ADMIN = f"    server: https://192.0.2.9:6443\n    client-certificate-data: {PEM}\n    client-key-data: {PEM}\n"


@pytest.fixture(autouse=True)
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(api, "API_SERVER_MANIFEST", str(tmp_path / "kube-apiserver.yaml"))
    monkeypatch.setattr(paths, "ADMIN_CONF", str(tmp_path / "admin.conf"))
    monkeypatch.setattr(paths, "RUN", str(tmp_path / "run"))
    return tmp_path


def test_the_own_api_server_is_asked(node: Path) -> None:
    (node / "kube-apiserver.yaml").write_text(MANIFEST)
    (node / "admin.conf").write_text(ADMIN)
    with api.admin() as client:
        assert client.url == "https://192.0.2.1:6443"
        assert Path(client.identity_file).read_text() == "pem\npem"


@pytest.mark.parametrize(
    ("manifest", "admin", "rule", "seen"),
    [
        (None, ADMIN, "not_a_control_plane", "kube-apiserver.yaml is missing"),
        (MANIFEST, None, "admin_conf_missing", "admin.conf is missing"),
        (MANIFEST, "users:\n- user:\n    token: abc\n", "admin_conf_missing", "embeds no client certificate"),
        (MANIFEST, ADMIN.replace(PEM, "A"), "admin_conf_missing", "embeds no client certificate"),
    ],
    ids=["a worker", "put away", "other means", "no base64"],
)
def test_without_one_the_refusal_says_which_file_lacks(
    node: Path, manifest: str | None, admin: str | None, rule: str, seen: str
) -> None:
    for name, text in (("kube-apiserver.yaml", manifest), ("admin.conf", admin)):
        if text is not None:
            (node / name).write_text(text)
    with pytest.raises(Refusal) as raised, api.admin():
        pass
    assert (raised.value.rule, seen in raised.value.seen) == (rule, True)
    assert rule in control_plane.TRY_NEXT
