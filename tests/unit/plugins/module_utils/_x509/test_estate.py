# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to a node, also where a manifest of it is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import estate, observe

ARGUMENTS = {
    "kube-apiserver": (
        "--advertise-address=192.0.2.1",
        "--etcd-servers=https://127.0.0.1:2379",
        "--etcd-cafile={pki}/etcd/ca.crt",
        "--etcd-certfile={pki}/apiserver-etcd-client.crt",
        "--etcd-keyfile={pki}/apiserver-etcd-client.key",
    ),
    "kube-controller-manager": ("--kubeconfig={top}/controller-manager.conf",),
    "kube-scheduler": ("--kubeconfig={top}/scheduler.conf",),
    "etcd": (
        "--trusted-ca-file={pki}/etcd/ca.crt",
        "--cert-file={pki}/etcd/server.crt",
        "--peer-cert-file={pki}/etcd/peer.crt",
        "--listen-client-urls=https://127.0.0.1:2379",
    ),
}


def control_plane(top: Path, without: str = "") -> str:
    (top / "manifests").mkdir()
    (top / "pki" / "etcd").mkdir(parents=True)
    for name in ("pki/apiserver.crt", "pki/etcd/server.crt"):
        (top / name).touch()
    for name, arguments in ARGUMENTS.items():
        lines = [f"    - {argument.format(top=top, pki=f'{top}/pki')}" for argument in arguments]
        if name != without:
            (top / "manifests" / f"{name}.yaml").write_text("\n".join(["spec:", "  - command:", *lines]) + "\n")
    return str(top)


def paths(layout: estate.Layout) -> set[str]:
    return {entry.path for entry in estate.estate(layout)}


@pytest.mark.parametrize("gone", sorted(ARGUMENTS))
def test_a_missing_manifest_hides_nothing_and_is_a_finding(tmp_path: Path, gone: str) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "less").mkdir()
    whole = observe.layout(control_plane(tmp_path / "whole"))
    less = observe.layout(control_plane(tmp_path / "less", gone))
    assert {path.replace("/less/", "/whole/") for path in paths(less)} == paths(whole)
    findings = observe.missing_manifests(less)
    assert [(one.entry.name, one.problems[0][0]) for one in findings] == [(f"{gone}.yaml", "manifest_missing")]
    assert not observe.missing_manifests(whole)


def test_a_control_plane_without_any_manifest(tmp_path: Path) -> None:
    top = control_plane(tmp_path)
    for manifest in (tmp_path / "manifests").iterdir():
        manifest.unlink()
    assert observe.layout(top).missing == ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
    assert f"{top}/pki/etcd/peer.crt" in paths(observe.layout(top))


def test_external_etcd_needs_no_manifest_here(tmp_path: Path) -> None:
    top = control_plane(tmp_path, "etcd")
    manifest = tmp_path / "manifests" / "kube-apiserver.yaml"
    manifest.write_text(manifest.read_text().replace("127.0.0.1", "192.0.2.9"))
    assert observe.layout(top).missing == ()


def test_a_worker_has_no_control_plane(tmp_path: Path) -> None:
    (tmp_path / "admin.conf").touch()
    layout = observe.layout(str(tmp_path))
    assert (layout.missing, layout.api_server, paths(layout)) == ((), None, set())
