# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/build_bundle.yml against upstreams of the same layout on loopback: downloads, digests, manifest.

Pulling images needs a registry and is not covered here.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CRICTL = "crictl/v1.36.0/crictl-v1.36.0-linux-amd64.tar.gz"
FLANNEL = "flannel/kube-flannel.yml"
CONTAINERD = "containerd/v2.1.4/containerd-2.1.4-linux-amd64.tar.gz"
RUNC = "runc/v1.3.0/runc.amd64"
ETCD = "etcd/v3.6.8/etcd-v3.6.8-linux-amd64.tar.gz"
CNI = "cni/v1.9.0/cni-plugins-linux-amd64-v1.9.0.tgz"
KUBELET = "kubernetes/v1.36.3/bin/linux/amd64/kubelet"


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def publish(root: Path, path: str, content: bytes, digests: str = "") -> None:
    """A file and its digest: beside it, or in a list of its directory that names another file first."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    line = f"{hashlib.sha256(content).hexdigest()}  {target.name}\n"
    another = f"{'0' * 64}  another\n" if digests else ""
    target.with_name(digests or f"{target.name}.sha256").write_text(another + line)


@dataclass
class Upstream:
    root: Path
    url: str
    bundle: Path

    def build(self, *words: str) -> subprocess.CompletedProcess[str]:
        variables = {
            "kubeops_bundle": str(self.bundle),
            "bundle_kubernetes_versions": ["1.36.3"],
            "bundle_crictl_version": "v1.36.0",
            "bundle_cni_version": "v1.9.0",
            "bundle_kubernetes_url": f"{self.url}/kubernetes",
            "bundle_crictl_url": f"{self.url}/crictl",
            "bundle_cni_url": f"{self.url}/cni",
            "bundle_containerd_version": "v2.1.4",
            "bundle_containerd_url": f"{self.url}/containerd",
            "bundle_runc_version": "v1.3.0",
            "bundle_runc_url": f"{self.url}/runc",
            "bundle_etcd_version": "v3.6.8",
            "bundle_etcd_url": f"{self.url}/etcd",
            "bundle_manifests": [
                {
                    "name": "flannel",
                    "version": "v0.28.9",
                    "url": f"{self.url}/{FLANNEL}",
                    "sha256": hashlib.sha256(b"kind: DaemonSet\n").hexdigest(),
                }
            ],
            "bundle_images": False,
        }
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        argv = [program, "-i", "localhost,", "kubeops.cluster.build_bundle", "-e", json.dumps(variables), *words]
        return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    def manifest(self) -> dict[str, dict[str, object]]:
        document = json.loads((self.bundle / "manifest.json").read_text())
        return {entry["path"]: entry for entry in document["files"]}


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    root = tmp_path / "upstream"
    for name in ("kubeadm", "kubelet", "kubectl"):
        publish(root, f"kubernetes/v1.36.3/bin/linux/amd64/{name}", name.encode() * 100)
    publish(root, CRICTL, archive(crictl=b"crictl"))
    publish(root, CNI, archive(bridge=b"bridge", portmap=b"portmap"))
    publish(root, FLANNEL, b"kind: DaemonSet\n")
    publish(root, CONTAINERD, archive(containerd=b"containerd"), f"{Path(CONTAINERD).name}.sha256sum")
    publish(root, RUNC, b"runc", "runc.sha256sum")
    publish(root, ETCD, archive(etcd=b"etcd", etcdctl=b"etcdctl", etcdutl=b"etcdutl"), "SHA256SUMS")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Upstream(root, f"http://127.0.0.1:{server.server_port}", tmp_path / "bundle")
        server.shutdown()


def test_a_bundle_is_built_once_and_repaired(upstream: Upstream) -> None:
    predicted = upstream.build("--check", "--diff")
    assert predicted.returncode == 0 and "+download kubernetes/v1.36.3/amd64/kubelet" in predicted.stdout
    assert not upstream.bundle.exists()

    built = upstream.build()
    assert built.returncode == 0, built.stdout
    files = upstream.manifest()
    assert sorted(str(entry["name"]) for entry in files.values()) == [
        "cni-plugins",
        "containerd",
        "crictl",
        "etcd",
        "etcdctl",
        "etcdutl",
        "flannel",
        "kubeadm",
        "kubectl",
        "kubelet",
        "runc",
    ]
    for path, entry in files.items():
        content = (upstream.bundle / path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size"], entry["sha256"])
    assert (upstream.bundle / "tools/crictl/v1.36.0/amd64/crictl").read_bytes() == b"crictl"

    again = upstream.build()
    assert again.returncode == 0 and "changed=0" in again.stdout

    (upstream.bundle / "kubernetes/v1.36.3/amd64/kubelet").write_bytes(b"damaged")
    repaired = upstream.build("--diff")
    assert "changed=1" in repaired.stdout and repaired.stdout.count("+download") == 1
    assert (upstream.bundle / "kubernetes/v1.36.3/amd64/kubelet").read_bytes() == b"kubelet" * 100


def test_a_download_that_is_not_what_was_published_is_refused(upstream: Upstream) -> None:
    (upstream.root / KUBELET).write_bytes(b"something else")
    done = upstream.build()
    assert done.returncode != 0 and "is not what its publisher signed off" in done.stdout
    assert not (upstream.bundle / "kubernetes/v1.36.3/amd64/kubelet").exists()
    assert "kubernetes/v1.36.3/amd64/kubelet" not in upstream.manifest()


def test_a_version_that_is_not_there_is_named(upstream: Upstream) -> None:
    (upstream.root / KUBELET).unlink()
    done = upstream.build()
    assert done.returncode != 0 and f"{upstream.url}/{KUBELET} cannot be fetched" in done.stdout


def test_a_manifest_that_is_not_the_pinned_one_is_refused(upstream: Upstream) -> None:
    (upstream.root / FLANNEL).write_text("kind: Secret\n")
    done = upstream.build()
    assert done.returncode != 0 and f"{upstream.url}/{FLANNEL} is not what its publisher signed off" in done.stdout
