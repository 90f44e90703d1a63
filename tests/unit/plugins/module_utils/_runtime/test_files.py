# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration of the container runtimes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._runtime.files import config_files, containerd_config
from ansible_collections.kubeops.cluster.plugins.module_utils._runtime.model import (
    Settings,
    merge,
    parse_version,
    sandbox_image,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONTAINERD = Settings(name="containerd", version="1.7.28", sandbox_image="registry.k8s.io/pause:3.10.1")
V2, IMAGES, RUNTIME = "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"


def by_path(settings):
    return {entry["file"]["path"]: entry for entry in config_files(settings)}


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("containerd github.com/containerd/containerd v2.1.4 75cb2b7193e4e490e9fbdc236c0e811ccaba3376", "2.1.4"),
        ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3", "1.6.20~ds1"),
        ("crio version 1.34.0\n   GitCommit: abc", "1.34.0"),
        ("Docker version 28.3.2, build 578ccf6", "28.3.2"),
        ("", ""),
    ],
)
def test_versions(output, version):
    assert parse_version(output) == version


@pytest.mark.parametrize(
    ("kubernetes", "tag"),
    [("1.34.9", "3.10.1"), ("v1.36.3", "3.10.2"), ("1.31.0", "3.10"), ("1.40.0", "3.10.2"), ("1.20.0", "3.10")],
)
def test_sandbox_image_follows_kubeadm(kubernetes, tag):
    assert sandbox_image("mirror.example/k8s", kubernetes) == f"mirror.example/k8s/pause:{tag}"


def test_the_unit_restarts_what_it_describes():
    path = "/etc/systemd/system/containerd.service"
    assert path not in by_path(CONTAINERD)
    entry = by_path(replace(CONTAINERD, unit="[Service]\n"))[path]
    assert (entry["file"]["content"], entry["restart"]) == ("[Service]\n", True)


@pytest.mark.parametrize(
    ("version", "config_version"), [("", 2), ("1.6.20~ds1", 2), ("1.7.28", 2), ("2.0.5", 3), ("2.1.4", 3)]
)
@pytest.mark.parametrize(("driver", "systemd"), [("systemd", True), ("cgroupfs", False)])
def test_containerd_config_fits_the_version(version, config_version, driver, systemd):
    config = containerd_config(replace(CONTAINERD, version=version, cgroup_driver=driver))
    assert config["version"] == config_version
    runtime = config["plugins"][V2 if config_version == 2 else RUNTIME]
    assert runtime["containerd"]["runtimes"]["runc"]["options"] == {"SystemdCgroup": systemd}
    cni = runtime["cni"]
    assert cni["conf_dir"] == "/etc/cni/net.d"
    assert cni.get("bin_dirs", [cni.get("bin_dir")]) == ["/opt/cni/bin"]
    assert ("bin_dirs" in cni) == (version == "2.1.4")


def test_overrides_are_merged_deeply_and_win():
    overrides = {"plugins": {V2: {"restrict_oom_score_adj": True, "cni": {"bin_dir": "/x"}}}, "root": "/data"}
    config = containerd_config(replace(CONTAINERD, overrides=overrides))
    assert config["plugins"][V2]["restrict_oom_score_adj"] is True
    assert config["plugins"][V2]["cni"] == {"bin_dir": "/x", "conf_dir": "/etc/cni/net.d"}
    assert config["root"] == "/data"


def test_mirrors_need_no_restart_and_credentials_are_secret():
    files = by_path(
        replace(
            CONTAINERD,
            mirrors={"docker.io": ["https://m.example:5000"]},
            auth={"m.example:5000": {"username": "u", "password": "hunter2"}},
        )
    )
    hosts = files["/etc/containerd/certs.d/docker.io/hosts.toml"]
    assert not hosts["restart"]
    assert tomllib.loads(hosts["file"]["content"]) == {
        "server": "https://registry-1.docker.io",
        "host": {"https://m.example:5000": {"capabilities": ["pull", "resolve"]}},
    }
    config = files["/etc/containerd/config.toml"]["file"]
    assert config["secret"] and config["mode"] == "0600" and "hunter2" in config["content"]


def test_proxy_drop_in_escapes_percent_and_goes_away():
    path = "/etc/systemd/system/containerd.service.d/20-kubeops-proxy.conf"
    with_proxy = by_path(replace(CONTAINERD, http_proxy="http://u:p%40ss@proxy:3128", no_proxy="10.0.0.0/8"))[path]
    assert 'Environment="HTTP_PROXY=http://u:p%%40ss@proxy:3128"' in with_proxy["file"]["content"]
    assert with_proxy["file"]["secret"] and with_proxy["restart"]
    assert by_path(CONTAINERD)[path]["file"]["state"] == "absent"


def test_crio():
    files = by_path(replace(CONTAINERD, name="crio", cgroup_driver="cgroupfs", mirrors={"quay.io": ["http://m/q/"]}))
    config = tomllib.loads(files["/etc/crio/crio.conf.d/10-kubeops.conf"]["file"]["content"])["crio"]
    assert config["runtime"] == {"cgroup_manager": "cgroupfs", "conmon_cgroup": "pod"}
    assert config["image"]["pause_image"] == CONTAINERD.sandbox_image
    registries = tomllib.loads(files["/etc/containers/registries.conf.d/50-kubeops.conf"]["file"]["content"])
    assert registries["registry"][0]["mirror"] == [{"location": "m/q", "insecure": True}]
    assert "unix:///run/crio/crio.sock" in files["/etc/crictl.yaml"]["file"]["content"]


def test_crio_keeps_no_credentials_that_were_taken_back():
    path = "/etc/crio/kubeops-auth.json"
    crio = replace(CONTAINERD, name="crio")
    given = by_path(replace(crio, auth={"r": {"username": "u", "password": "p"}}))[path]["file"]
    assert (given["mode"], given["secret"]) == ("0600", True)
    assert by_path(crio)[path]["file"]["state"] == "absent"
    assert by_path(crio)["/etc/containers/registries.conf.d/50-kubeops.conf"]["file"]["state"] == "absent"


def test_docker_keeps_containers_and_names_the_sandbox():
    files = by_path(replace(CONTAINERD, name="docker", auth={"r": {"username": "u", "password": "p"}}))
    daemon = json.loads(files["/etc/docker/daemon.json"]["file"]["content"])
    assert daemon == {"exec-opts": ["native.cgroupdriver=systemd"], "live-restore": True}
    unit = files["/etc/systemd/system/cri-docker.service.d/10-kubeops.conf"]["file"]["content"]
    assert f"--pod-infra-container-image={CONTAINERD.sandbox_image}" in unit
    assert json.loads(files["/var/lib/kubelet/config.json"]["file"]["content"])["auths"] == {"r": {"auth": "dTpw"}}


def test_merge_leaves_its_inputs_alone():
    base = {"a": {"b": 1}, "l": [1]}
    assert merge(base, {"a": {"c": 2}, "l": [2]}) == {"a": {"b": 1, "c": 2}, "l": [2]}
    assert base == {"a": {"b": 1}, "l": [1]}
