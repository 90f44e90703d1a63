# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files of the container runtimes, in the shape that managed_files takes. Pure."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

from .._files.model import MARKER
from .model import RUNTIMES, Settings, merge
from .toml import dumps

CERTS_DIR = "/etc/containerd/certs.d"
CRIO_MIRRORS = "/etc/containers/registries.conf.d/50-kubeops.conf"
CRIO_AUTH = "/etc/crio/kubeops-auth.json"
HEADER = f"# {MARKER}\n"


def config_files(settings: Settings) -> list[dict[str, Any]]:
    """Every file the runtime named in the settings reads; `restart` tells whether only a restart makes it read it."""
    builders = {"containerd": _containerd, "crio": _crio, "docker": _docker}
    return [*builders[settings.name](settings), *_proxy(settings), _crictl(settings)]


def _file(path: str, content: str, *, secret: bool = False, restart: bool = True, validate: str = "") -> dict[str, Any]:
    mode = "0600" if secret else "0644"
    file = {"path": path, "content": content, "mode": mode, "secret": secret, "validate": validate}
    return {"restart": restart, "file": file}


def _absent(path: str) -> dict[str, Any]:
    return {"restart": True, "file": {"path": path, "state": "absent"}}


# --- containerd: https://github.com/containerd/containerd/blob/main/docs/cri/config.md


def _containerd(settings: Settings) -> list[dict[str, Any]]:
    content = HEADER + dumps(containerd_config(settings))
    # The validator parses the file and every plugin's section as containerd itself does at its start.
    config = _file(
        "/etc/containerd/config.toml",
        content,
        secret=bool(settings.auth),
        validate="containerd --config %s config dump",
    )
    hosts = [_hosts_toml(registry, mirrors) for registry, mirrors in settings.mirrors.items()]
    unit = [_file("/etc/systemd/system/containerd.service", settings.unit)] if settings.unit else []
    return [config, *unit, *hosts]


def containerd_config(settings: Settings) -> dict[str, Any]:
    """config.toml of containerd: version 3 from 2.0 on, version 2 before (and before its version is known)."""
    base = _containerd_v3(settings) if _major(settings.version) >= 2 else _containerd_v2(settings)
    return merge(base, settings.overrides)


def _containerd_v2(settings: Settings) -> dict[str, Any]:
    cri = {
        "sandbox_image": settings.sandbox_image,
        "cni": {"bin_dir": settings.cni_bin_dir, "conf_dir": settings.cni_conf_dir},
        "containerd": _runc(settings),
        "registry": _registry(settings),
    }
    return {"version": 2, "plugins": {"io.containerd.grpc.v1.cri": cri}}


def _containerd_v3(settings: Settings) -> dict[str, Any]:
    images = {"pinned_images": {"sandbox": settings.sandbox_image}, "registry": _registry(settings)}
    # bin_dir became bin_dirs in 2.1.
    bin_dir = (
        {"bin_dir": settings.cni_bin_dir} if _minor(settings.version) < 1 else {"bin_dirs": [settings.cni_bin_dir]}
    )
    runtime = {"cni": {**bin_dir, "conf_dir": settings.cni_conf_dir}, "containerd": _runc(settings)}
    return {"version": 3, "plugins": {"io.containerd.cri.v1.images": images, "io.containerd.cri.v1.runtime": runtime}}


def _runc(settings: Settings) -> dict[str, Any]:
    options = {"SystemdCgroup": settings.cgroup_driver == "systemd"}
    runc = {"runtime_type": "io.containerd.runc.v2", "options": options}
    return {"default_runtime_name": "runc", "runtimes": {"runc": runc}}


def _registry(settings: Settings) -> dict[str, Any]:
    configs = {host: {"auth": dict(login)} for host, login in settings.auth.items()}
    return {"config_path": CERTS_DIR, **({"configs": configs} if configs else {})}


def _hosts_toml(registry: str, mirrors: Any) -> dict[str, Any]:
    """hosts.toml: https://github.com/containerd/containerd/blob/main/docs/hosts.md (read at every pull)."""
    server = "https://registry-1.docker.io" if registry == "docker.io" else f"https://{registry}"
    host = {mirror: {"capabilities": ["pull", "resolve"]} for mirror in mirrors}
    content = HEADER + dumps({"server": server, "host": host})
    return _file(f"{CERTS_DIR}/{registry}/hosts.toml", content, restart=False)


# --- CRI-O: https://github.com/cri-o/cri-o/blob/main/docs/crio.conf.5.md


def _crio(settings: Settings) -> list[dict[str, Any]]:
    registries = HEADER + dumps({"registry": [_crio_registry(*item) for item in settings.mirrors.items()]})
    return [
        _file("/etc/crio/crio.conf.d/10-kubeops.conf", HEADER + dumps(crio_config(settings))),
        _file(CRIO_MIRRORS, registries) if settings.mirrors else _absent(CRIO_MIRRORS),
        _file(CRIO_AUTH, _docker_auth(settings), secret=True) if settings.auth else _absent(CRIO_AUTH),
    ]


def crio_config(settings: Settings) -> dict[str, Any]:
    """A drop-in for crio.conf; conmon must live in the pod's cgroup where systemd does not manage cgroups."""
    systemd = settings.cgroup_driver == "systemd"
    image = {"pause_image": settings.sandbox_image}
    if settings.auth:
        image["global_auth_file"] = CRIO_AUTH
    runtime = {"cgroup_manager": settings.cgroup_driver, "conmon_cgroup": "system.slice" if systemd else "pod"}
    network = {"network_dir": settings.cni_conf_dir, "plugin_dirs": [settings.cni_bin_dir]}
    return merge({"crio": {"image": image, "runtime": runtime, "network": network}}, settings.overrides)


def _crio_registry(registry: str, mirrors: Any) -> dict[str, Any]:
    """One registry of containers-registries.conf(5), which takes hosts, not URLs."""
    parts = [urlsplit(mirror) for mirror in mirrors]
    entries = [{"location": part.netloc + part.path.rstrip("/"), "insecure": part.scheme == "http"} for part in parts]
    return {"prefix": registry, "location": registry, "mirror": entries}


# --- Docker Engine behind cri-dockerd: https://docs.docker.com/reference/cli/dockerd/, https://mirantis.github.io/cri-dockerd/


def _docker(settings: Settings) -> list[dict[str, Any]]:
    daemon = json.dumps(docker_config(settings), indent=2) + "\n"
    files = [
        _file("/etc/docker/daemon.json", daemon),
        _file("/etc/systemd/system/cri-docker.service.d/10-kubeops.conf", _cri_dockerd_unit(settings)),
    ]
    if settings.auth:
        # cri-dockerd gets credentials from the kubelet, which reads them here.
        files.append(_file("/var/lib/kubelet/config.json", _docker_auth(settings), secret=True, restart=False))
    return files


def docker_config(settings: Settings) -> dict[str, Any]:
    """daemon.json; live-restore keeps the containers of a live node over a restart of the engine."""
    base: dict[str, Any] = {
        "exec-opts": [f"native.cgroupdriver={settings.cgroup_driver}"],
        "live-restore": True,
    }
    if settings.mirrors.get("docker.io"):
        base["registry-mirrors"] = list(settings.mirrors["docker.io"])
    return merge(base, settings.overrides)


def _cri_dockerd_unit(settings: Settings) -> str:
    command = (
        "/usr/bin/cri-dockerd --container-runtime-endpoint fd:// --network-plugin=cni "
        f"--pod-infra-container-image={settings.sandbox_image} "
        f"--cni-bin-dir={settings.cni_bin_dir} --cni-conf-dir={settings.cni_conf_dir}"
    )
    return f"{HEADER}[Service]\nExecStart=\nExecStart={command}\n"


# --- shared


def _docker_auth(settings: Settings) -> str:
    def entry(login: Any) -> dict[str, str]:
        return {"auth": base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()}

    return json.dumps({"auths": {host: entry(login) for host, login in settings.auth.items()}}, indent=2) + "\n"


def _proxy(settings: Settings) -> list[dict[str, Any]]:
    """Proxy environment of the unit that pulls images, removed when no proxy is set any more."""
    unit = RUNTIMES[settings.name].units[0]
    path = f"/etc/systemd/system/{unit}.service.d/20-kubeops-proxy.conf"
    values = {"HTTP_PROXY": settings.http_proxy, "HTTPS_PROXY": settings.https_proxy, "NO_PROXY": settings.no_proxy}
    if not settings.http_proxy and not settings.https_proxy:
        return [_absent(path)]
    # A percent sign is a specifier to systemd.
    lines = [f'Environment="{name}={value.replace("%", "%%")}"' for name, value in values.items() if value]
    has_password = "@" in settings.http_proxy + settings.https_proxy
    return [_file(path, HEADER + "[Service]\n" + "\n".join(lines) + "\n", secret=has_password)]


def _crictl(settings: Settings) -> dict[str, Any]:
    endpoint = "unix://" + RUNTIMES[settings.name].socket
    content = f"{HEADER}runtime-endpoint: {endpoint}\nimage-endpoint: {endpoint}\ntimeout: 10\n"
    return _file("/etc/crictl.yaml", content, restart=False)


def _major(version: str) -> int:
    return int(version.split(".", maxsplit=1)[0]) if version else 1


def _minor(version: str) -> int:
    return int(version.split(".")[1]) if version else 0
