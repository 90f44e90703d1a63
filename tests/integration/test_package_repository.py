# SPDX-License-Identifier: GPL-3.0-or-later
"""The role kubernetes_packages against a signed apt repository, on a real node.

The repository is made here: small packages with the names and the version scheme of the community's, a Release
signed by a key of this test, served on the lab's own address.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LAB = "packages"
PACKAGES = ("kubeadm", "kubelet", "kubectl", "cri-tools", "kubernetes-cni")
UNIT = "[Unit]\nDescription=kubelet\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root"),
    pytest.mark.skipif(shutil.which("systemd-nspawn") is None, reason="no systemd-nspawn on this machine"),
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine"),
    pytest.mark.skipif(shutil.which("gpg") is None, reason="no gpg on this machine"),
]


@dataclass
class Keys:
    """Two signing keys in a keyring of the test's own."""

    home: Path

    def make(self, name: str) -> None:
        self._gpg("--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never")

    def public(self, name: str) -> str:
        return self._gpg("--armor", "--export", name)

    def clearsign(self, name: str, text: str) -> str:
        return self._gpg("--local-user", name, "--clearsign", stdin=text)

    def _gpg(self, *words: str, stdin: str = "") -> str:
        argv = ["gpg", "--homedir", str(self.home), "--batch", "--yes", "--pinentry-mode", "loopback", *words]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=True).stdout


def build_package(directory: Path, name: str, version: str) -> str:
    """Makes one .deb and returns its stanza for the index."""
    tree = directory / "tree" / f"{name}-{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    depends = {"kubeadm": "Depends: cri-tools\n", "kubelet": "Depends: kubernetes-cni\n"}.get(name, "")
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: test <test@localhost>\n{depends}"
    (tree / "DEBIAN/control").write_text(control + f"Description: {name}\n")
    program = tree / "usr/bin" / name
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    if name == "kubelet":
        unit = tree / "usr/lib/systemd/system/kubelet.service"
        unit.parent.mkdir(parents=True)
        unit.write_text(UNIT)
    deb = directory / f"{name}_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(tree), str(deb)], check=True, capture_output=True)
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    fields = subprocess.run(["dpkg-deb", "--field", str(deb)], check=True, capture_output=True, text=True).stdout
    return f"{fields.strip()}\nFilename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"


def build_repository(directory: Path, keys: Keys, signer: str) -> None:
    """v1.36/deb/ with two patch releases, as the community's repositories lay it out."""
    deb = directory / "v1.36/deb"
    deb.mkdir(parents=True)
    versions = [(name, f"1.36.{patch}-1.1") for patch in (2, 3) for name in PACKAGES[:3]]
    versions += [("cri-tools", "1.36.0-1.1"), ("kubernetes-cni", "1.8.0-1.1")]
    index = "\n".join(build_package(deb, name, version) for name, version in versions)
    (deb / "Packages").write_text(index)
    digest, size = hashlib.sha256(index.encode()).hexdigest(), len(index.encode())
    release = f"Date: Sat, 01 Aug 2026 00:00:00 UTC\nSHA256:\n {digest} {size} Packages\n"
    (deb / "InRelease").write_text(keys.clearsign(signer, release))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    # A short path: gpg's agent listens on a socket in there.
    made = Keys(Path(tmp_path_factory.mktemp("k", numbered=True)))
    made.home.chmod(0o700)
    for name in ("good", "other"):
        made.make(name)
    return made


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a directory, also to those who take it for a proxy and send whole URLs."""

    def translate_path(self, path: str) -> str:
        return super().translate_path(urlsplit(path).path)


@dataclass
class Node:
    """One lab node, and a playbook with the role alone."""

    inventory: Path
    playbook: Path
    url: str

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.inventory), str(self.playbook)]
        settings = {"kubeops_package_source": "repository", "kubeops_repository_url": self.url, **variables}
        pairs = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
        return subprocess.run([*argv, *pairs, *words], cwd=REPOSITORY, capture_output=True, text=True, check=False)

    def shell(self, command: str) -> str:
        argv = [str(Path(sys.executable).with_name("ansible")), "-i", str(self.inventory), "all", "-m", "shell"]
        done = subprocess.run([*argv, "-a", command], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        return done.stdout


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Node]:
    lab = [sys.executable, "-m", "tests.lab"]
    up = [*lab, "up", "--id", LAB, "--nodes", "n1:workers"]
    printed = subprocess.run(up, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    inventory = Path(printed.strip().splitlines()[-1])
    found = re.search(r'"ansible_host": "(\d+\.\d+\.\d+)\.\d+"', inventory.read_text())
    assert found, inventory.read_text()
    directory = tmp_path_factory.mktemp("repository")
    build_repository(directory, keys, "good")
    (directory / "good.asc").write_text(keys.public("good"))
    (directory / "other.asc").write_text(keys.public("other"))
    playbook = directory / "site.yml"
    playbook.write_text("- hosts: all\n  gather_facts: false\n  roles: [kubeops.cluster.kubernetes_packages]\n")
    handler = functools.partial(Handler, directory=str(directory))
    with http.server.ThreadingHTTPServer((f"{found.group(1)}.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = Node(inventory, playbook, f"http://{found.group(1)}.1:{server.server_port}")
        # The node reaches nothing but the lab.
        made.shell("mv /etc/apt/sources.list /root/ || true; mkdir -p /etc/kubernetes")
        yield made
        server.shutdown()
    subprocess.run([*lab, "rm", "--id", LAB, "--all"], cwd=REPOSITORY, check=True, capture_output=True)


def installed(node: Node) -> dict[str, tuple[str, str]]:
    output = node.shell("dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n' " + " ".join(PACKAGES))
    rows = [line.split() for line in output.splitlines()]
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3 and row[0] in PACKAGES}


def changed(done: subprocess.CompletedProcess[str]) -> int:
    found = re.search(r"changed=(\d+)", done.stdout)
    assert found, done.stdout + done.stderr
    return int(found.group(1))


# The tests tell one story and run in this order.


def test_a_wrong_signature_is_refused(node: Node, keys: Keys) -> None:
    done = node.run(kubeops_version="1.36.2", kubeops_repository_key=f"{node.url}/other.asc")
    assert done.returncode != 0
    assert "NO_PUBKEY" in done.stdout or "not signed" in done.stdout, done.stdout
    assert not installed(node)
    node.shell("rm -f /etc/apt/keyrings/kubeops-kubernetes.asc")


def test_check_mode_on_a_bare_node_installs_nothing(node: Node) -> None:
    done = node.run("--check", "--diff", kubeops_version="1.36.2", kubeops_repository_key=f"{node.url}/good.asc")
    assert done.returncode == 0, done.stdout
    assert "would install kubeadm, kubelet, kubectl 1.36.2" in done.stdout
    assert not installed(node)


def test_the_exact_version_is_installed_and_held(node: Node) -> None:
    done = node.run(kubeops_version="1.36.2", kubeops_repository_key=f"{node.url}/good.asc")
    assert done.returncode == 0, done.stdout
    assert installed(node) == {
        "kubeadm": ("1.36.2-1.1", "hi"),
        "kubelet": ("1.36.2-1.1", "hi"),
        "kubectl": ("1.36.2-1.1", "hi"),
        "cri-tools": ("1.36.0-1.1", "hi"),
        "kubernetes-cni": ("1.8.0-1.1", "hi"),
    }
    assert "enabled" in node.shell("systemctl is-enabled kubelet")


def test_a_second_run_changes_nothing(node: Node) -> None:
    done = node.run(kubeops_version="1.36.2", kubeops_repository_key=f"{node.url}/good.asc")
    assert done.returncode == 0 and changed(done) == 0, done.stdout


def test_an_ordinary_upgrade_of_the_system_leaves_it_alone(node: Node) -> None:
    node.shell("apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -y dist-upgrade")
    assert installed(node)["kubelet"] == ("1.36.2-1.1", "hi")


def test_another_version_is_refused_on_a_cluster_member(node: Node) -> None:
    node.shell("touch /etc/kubernetes/kubelet.conf")
    done = node.run(kubeops_version="1.36.3", kubeops_repository_key=f"{node.url}/good.asc")
    assert done.returncode != 0
    assert "kubeops_version is 1.36.3, but this node is a member of a cluster" in re.sub(r"\s+", " ", done.stdout)
    assert installed(node)["kubelet"] == ("1.36.2-1.1", "hi")


def test_an_upgrade_may_change_it(node: Node) -> None:
    done = node.run(
        kubeops_version="1.36.3",
        kubeops_repository_key=f"{node.url}/good.asc",
        kubernetes_packages_allow_version_change="true",
    )
    assert done.returncode == 0, done.stdout
    assert installed(node)["kubelet"] == ("1.36.3-1.1", "hi")


def test_packages_and_key_come_through_the_proxy(node: Node) -> None:
    """Nothing but the proxy knows the host of the repository."""
    node.shell("rm /etc/kubernetes/kubelet.conf; apt-get -y purge --allow-change-held-packages " + " ".join(PACKAGES))
    node.shell("rm -f /etc/apt/keyrings/kubeops-kubernetes.asc")
    assert not installed(node)
    done = node.run(
        kubeops_version="1.36.3",
        kubeops_http_proxy=node.url,
        kubeops_repository_url="http://packages.invalid",
        kubeops_repository_key="http://packages.invalid/good.asc",
    )
    assert done.returncode == 0, done.stdout
    assert installed(node)["kubelet"] == ("1.36.3-1.1", "hi")
