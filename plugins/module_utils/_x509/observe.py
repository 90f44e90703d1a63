# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observes what a node runs and which certificates, keys and kubeconfigs it holds. Changes nothing, needs no API."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._core import processes, simple_yaml
from .._kubeadm import static_pod
from .._kubeadm.static_pod import StaticPod
from . import estate, etcd_unit, kubeconfig, load
from .estate import KEY, KEY_PAIR, KUBECONFIG, MANIFEST, Endpoint, Entry, EtcdSettings, Kubelet, Layout
from .model import Certificate, ClusterAccess, File, Key, Unreadable, User
from .read import read

KUBERNETES = "/etc/kubernetes"
KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
KUBELET_CLIENT = "/var/lib/kubelet/pki/kubelet-client-current.pem"
# Where a kubelet that does not run would get its flags from: kubeadm's file, then the packages' own.
KUBELET_FLAGS = ("/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet", "/etc/sysconfig/kubelet")
COMPONENTS = (estate.API_SERVER, estate.CONTROLLER_MANAGER, estate.SCHEDULER)
# Any of these makes a node a control plane, whatever became of its manifests. admin.conf is copied to other machines.
CONTROL_PLANE_FILES = ("controller-manager.conf", "scheduler.conf", "pki/apiserver.crt")
ETCD_FILE = "pki/etcd/server.crt"
NODE_USER = "system:node:"
# What a host may be by the inventory.
CONTROL_PLANE, WORKERS, ETCD = GROUPS = ("control_plane", "workers", "etcd")

_FLAG = r"--{name}[=\s]+[\"']?([^\s\"']+)"
_SWITCH = r"--{name}(?:=([^\s\"']*))?(?=[\s\"']|$)"
# As Go's strconv.ParseBool.
_TRUE = ("1", "t", "true")


@dataclass(frozen=True)
class Found:
    """What is at an entry.

    Attributes:
        file, key_file: as they were found; key_file is None where the key is in the file itself or not asked for.
        certificates: the leaf first; empty with a problem.
        key: the private key's public part, None where there is none.
        public: public keys that are there without a certificate.
        authority: what a kubeconfig trusts.
        server: the API that a kubeconfig names.
        other: how a kubeconfig without any client certificate authenticates (token, exec, ...); empty where not at all.
        problems: (id, text) of everything that could not be read.
    """

    entry: Entry
    file: File
    certificates: tuple[Certificate, ...] = ()
    key: Key | None = None
    key_file: File | None = None
    public: tuple[Key, ...] = ()
    authority: tuple[Certificate, ...] = ()
    server: str = ""
    other: str = ""
    problems: tuple[tuple[str, str], ...] = ()

    @property
    def leaf(self) -> Certificate | None:
        return self.certificates[0] if self.certificates else None


def layout(kubernetes: str = KUBERNETES, groups: Collection[str] = (), node_addresses: Collection[str] = ()) -> Layout:
    """What the node runs, by the static pods, the kubelet's files and the unit of an etcd of its own.

    Where a control plane lacks a manifest, its certificates are looked for where kubeadm puts them.
    groups: what the host is by the inventory, some of GROUPS: that is then looked for, whatever the host shows.
    node_addresses: what its node has by the inventory.
    """
    pods = {name: _pod(f"{kubernetes}/manifests/{name}.yaml") for name in COMPONENTS}
    etcd, unit = _pod(f"{kubernetes}/manifests/etcd.yaml"), etcd_unit.find()
    shall_be = CONTROL_PLANE in groups or any(Path(kubernetes, name).exists() for name in CONTROL_PLANE_FILES)
    expected = _expected(kubernetes, pods, bool(unit)) if shall_be or any(pods.values()) else ()
    settings = EtcdSettings({name: values[-1] for name, values in etcd.arguments.items()}) if etcd else unit
    missing = tuple(name for name in expected if {**pods, "etcd": settings}[name] is None)
    own = _own_servers(kubernetes)
    default = estate.kubeadm_api_server(kubernetes, local_etcd="etcd" in expected)
    found = Layout(
        kubernetes=kubernetes,
        api_server=pods[estate.API_SERVER] or (default if expected else None),
        controller_manager=pods[estate.CONTROLLER_MANAGER],
        scheduler=pods[estate.SCHEDULER],
        etcd=settings,
        kubelet=replace(own_kubelet(), node_addresses=tuple(node_addresses))
        if _has_kubelet(kubernetes, groups)
        else None,
        missing=missing,
        etcd_lacking=ETCD in groups and settings is None,
        endpoint_hosts=tuple(dict.fromkeys(host for host, _port in own)),
        endpoint_ports=tuple(dict.fromkeys(port for _host, port in own)),
    )
    return replace(found, etcd=estate.kubeadm_etcd(found.pki)) if "etcd" in missing else found


def missing_manifests(layout: Layout) -> list[Found]:
    """A finding for each manifest that a control plane should have, and for the unit of an etcd of its own."""
    found = [_missing_manifest(f"{layout.kubernetes}/manifests/{name}.yaml", name) for name in layout.missing]
    return [*found, _missing_unit()] if layout.etcd_lacking else found


def unread_configs(layout: Layout) -> list[Found]:
    """A finding for each configuration of the kubelet, or of etcd, of which nobody can tell here what it says."""
    unread = layout.kubelet.unread if layout.kubelet else {}
    etcd = [_unread_etcd(layout.etcd.unread)] if layout.etcd and layout.etcd.unread else []
    return etcd + [
        Found(
            Entry("kubelet configuration", path, form=MANIFEST, managed_by=estate.OPERATOR), read(path), problems=(why,)
        )
        for path, why in unread.items()
    ]


def _unread_etcd(path: str) -> Found:
    file = read(path)
    why = (file.problem or "etcd_config_not_read", file.seen or "it is not readable by this check")
    return Found(Entry("etcd configuration", path, form=MANIFEST, owners=None), file, problems=(why,))


def _missing_unit() -> Found:
    path = f"{etcd_unit.DIRECTORIES[0]}/etcd.service"
    problem = ("unit_missing", "this host is in the group etcd, and no unit here runs etcd")
    return Found(Entry("etcd.service", path, form=MANIFEST), File(path, problem="missing"), problems=(problem,))


def _missing_manifest(path: str, component: str) -> Found:
    text = f"there is no manifest, so {component} does not run; its files are looked for where kubeadm puts them"
    problem = ("manifest_missing", text)
    return Found(Entry(f"{component}.yaml", path, form=MANIFEST), File(path, problem="missing"), problems=(problem,))


def _expected(kubernetes: str, pods: Mapping[str, StaticPod | None], own_etcd: bool) -> tuple[str, ...]:
    """Components that have to have a manifest on this control plane."""
    api_server = pods[estate.API_SERVER]
    stacked = static_pod.uses_local_etcd(api_server) if api_server else Path(kubernetes, ETCD_FILE).exists()
    return (*COMPONENTS, "etcd") if stacked and not own_etcd else COMPONENTS


def observe(entries: Sequence[Entry]) -> list[Found]:
    """Read every entry; a kubeconfig with several users becomes several."""
    return [found for entry in entries for found in _observe(entry)]


def _observe(entry: Entry) -> list[Found]:
    file = read(entry.path)
    if file.problem == "missing" and not entry.required:
        return []
    if file.problem:
        return [Found(entry, file, problems=((file.problem, file.seen),))]
    try:
        if entry.form == KUBECONFIG:
            return _kubeconfig(entry, file)
        if entry.form == KEY:
            return [Found(entry, file)]
        if entry.form == KEY_PAIR:
            return [_with_key(_public_keys(Found(entry, file)))]
        return [_with_key(Found(entry, file, certificates=load.certificates(file.data)))]
    except Unreadable as error:
        return [Found(entry, file, problems=((error.problem, _why(error)),))]


def _public_keys(found: Found) -> Found:
    """Those of all files that a component takes; one of them is enough for the key that signs."""
    for file in (found.file, *map(read, found.entry.others)):
        if file.problem:
            found = replace(found, problems=(*found.problems, (file.problem, f"{file.path}: {file.seen}")))
        else:
            found = replace(found, public=(*found.public, *load.public_keys(file.data)))
    return found


def _with_key(found: Found) -> Found:
    """Add the private key: from its own file, or from the file itself where it holds one."""
    entry = found.entry
    if not entry.key_path:
        return _add_key(found, found.file.data) if b"PRIVATE KEY-----" in found.file.data else found
    key_file = read(entry.key_path)
    if key_file.problem == "missing" and not entry.key_required:
        return found
    found = replace(found, key_file=key_file)
    if key_file.problem:
        problem = "key_missing" if key_file.problem == "missing" else key_file.problem
        return replace(found, problems=(*found.problems, (problem, f"{entry.key_path}: {key_file.seen}")))
    return _add_key(found, key_file.data)


def _add_key(found: Found, data: bytes) -> Found:
    try:
        return replace(found, key=load.private_key(data))
    except Unreadable as error:
        return replace(found, problems=(*found.problems, (error.problem, f"private key: {_why(error)}")))


def _kubeconfig(entry: Entry, file: File) -> list[Found]:
    config = kubeconfig.parse(file.data)
    users = [user for user in config.users.values() if user.certificate or user.certificate_file]
    if not users:
        # A way that keeps its secret in this file goes first.
        ways = sorted((user.other for user in config.users.values()), key=kubeconfig.SECRET_WAYS.__contains__)
        found = Found(entry, file, other=ways[-1] if ways else "")
        return [_add_access(found, file, config.cluster_of(next(iter(config.users), "")))]
    several = []
    for position, user in enumerate(users):
        named = entry if position == 0 else replace(entry, name=f"{entry.name}#{user.name}")
        one = _user(replace(named, key_required=True), file, user)
        several.append(_add_access(one, file, config.cluster_of(user.name)))
    return several


def _user(entry: Entry, file: File, user: User) -> Found:
    found = Found(entry, file)
    data, key = user.certificate, user.key
    if not data:
        referenced = read(_beside(file, user.certificate_file))
        data = referenced.data
        if referenced.problem:
            return replace(found, problems=((referenced.problem, f"{referenced.path}: {referenced.seen}"),))
    try:
        found = replace(found, certificates=load.certificates(data))
    except Unreadable as error:
        return replace(found, problems=((error.problem, f"client certificate of {user.name}: {_why(error)}"),))
    if key:
        return _add_key(found, key)
    return _with_key(
        replace(found, entry=replace(entry, key_path=_beside(file, user.key_file) if user.key_file else ""))
    )


def _add_access(found: Found, file: File, access: ClusterAccess | None) -> Found:
    if access is None:
        return found
    found = replace(found, server=access.server)
    if access.authority or access.authority_file:
        return _add_authority(found, access.authority or read(_beside(file, access.authority_file)).data)
    return found


def _add_authority(found: Found, data: bytes) -> Found:
    try:
        return replace(found, authority=load.certificates(data))
    except Unreadable as error:
        return replace(found, problems=(*found.problems, (error.problem, f"certificate-authority: {_why(error)}")))


def _beside(file: File, path: str) -> str:
    return str(Path(file.path).parent / path)


def _why(error: Unreadable) -> str:
    return f"{error.what} ({error.seen})" if error.seen else error.what


def _pod(path: str) -> StaticPod | None:
    file = read(path)
    return None if file.problem else static_pod.parse(file.data.decode("utf-8", "replace"))


def _has_kubelet(kubernetes: str, groups: Collection[str]) -> bool:
    """Whether one belongs here: by the inventory, or by any of its files."""
    known = (f"{kubernetes}/kubelet.conf", KUBELET_CONFIG, KUBELET_CLIENT)
    return bool({CONTROL_PLANE, WORKERS}.intersection(groups)) or any(os.path.lexists(path) for path in known)


def own_kubelet(node_addresses: Collection[str] = ()) -> Kubelet:
    """The kubelet of this node, by its configuration, the drop-ins over that, and its flags over both."""
    flags = _kubelet_flags()
    files = [read(path) for path in _kubelet_configs(flags)]
    unread = {file.path: why for file in files if (why := _why_unread(file))}
    text, *drop_ins = [file.data.decode("utf-8", "replace") for file in files]
    told = kubelet(text, flags, drop_ins)
    return replace(told, node_name=kubelet_name(), node_addresses=tuple(node_addresses), unread=unread)


def _kubelet_configs(flags: str) -> list[str]:
    """Its configuration and the drop-ins beside it, in the order in which it reads them."""
    directory = kubelet_flag(flags, "config-dir")
    drop_ins = sorted(map(str, Path(directory).rglob("*.conf"))) if directory else []
    return [kubelet_flag(flags, "config") or KUBELET_CONFIG, *drop_ins]


def _why_unread(file: File) -> tuple[str, str] | None:
    """None also where there is no such file: a kubelet may be told everything by flags."""
    if file.problem:
        return None if file.problem == "missing" else (file.problem, file.seen)
    try:
        _config(file.data.decode("utf-8", "replace"))
    except simple_yaml.NotRead as error:
        return "config_not_read", f"it is not readable by this check ({error})"
    return None


def _config(text: str) -> dict[str, Any]:
    document = simple_yaml.parse(text) or {}
    if not isinstance(document, dict):
        raise simple_yaml.NotRead("it is no mapping")
    return document


def kubelet(text: str, flags: str = "", drop_ins: Sequence[str] = ()) -> Kubelet:
    """What a kubelet is told of its certificates: flags go before drop-ins and these before its configuration."""
    values: dict[str, Any] = {}
    for each in (text, *drop_ins):
        with contextlib.suppress(simple_yaml.NotRead):
            values = _over(values, _config(each))
    authentication = values.get("authentication")
    x509 = authentication.get("x509") if isinstance(authentication, dict) else None

    configured_ca = str(x509.get("clientCAFile") or "") if isinstance(x509, dict) else ""

    def told(flag: str, key: str) -> str:
        return kubelet_flag(flags, flag) or str(values.get(key) or "")

    port = told("port", "port")
    requested = kubelet_switch(flags, "rotate-server-certificates") or str(values.get("serverTLSBootstrap") or "")
    return Kubelet(
        address=told("address", "address"),
        port=int(port) if port.isdecimal() and len(port) < 6 else 10250,
        cert_dir=kubelet_flag(flags, "cert-dir").rstrip("/") or Kubelet.cert_dir,
        cert_file=told("tls-cert-file", "tlsCertFile"),
        key_file=told("tls-private-key-file", "tlsPrivateKeyFile"),
        serving_requested=requested.lower() in _TRUE,
        client_ca=kubelet_flag(flags, "client-ca-file") or configured_ca,
        cluster_domain=told("cluster-domain", "clusterDomain"),
    )


def _over(values: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A drop-in adds to mappings and replaces everything else."""
    nested = {
        key: _over(values[key], value)
        for key, value in more.items()
        if isinstance(value, dict) and isinstance(values.get(key), dict)
    }
    return {**values, **more, **nested}


def kubelet_name() -> str:
    """Return the Node's name as the kubelet itself makes it, whatever its certificate says: its flag, else the host's.

    https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/ (--hostname-override)
    """
    return kubelet_flag(_kubelet_flags(), "hostname-override").lower() or socket.gethostname().strip().lower()


def _kubelet_flags() -> str:
    """Its command line; where it does not run, the files that its unit reads."""
    running = [" ".join(processes.arguments(pid)) for pid in processes.running(estate.KUBELET)]
    return "\n".join(running or [read(path).data.decode("utf-8", "replace") for path in KUBELET_FLAGS])


def kubelet_flag(text: str, name: str) -> str:
    """The last value of a flag in a command line or in files of flags; empty where there is none."""
    found = re.findall(_FLAG.format(name=name), _uncommented(text))
    return str(found[-1]) if found else ""


def kubelet_switch(text: str, name: str) -> str:
    """The same of a flag that needs no value."""
    found = re.findall(_SWITCH.format(name=name), _uncommented(text))
    return str(found[-1] or "true") if found else ""


def _uncommented(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def node_name() -> str:
    """Return the Node's name by the kubelet's client certificate; empty where that says none."""
    try:
        certificate = load.certificates(read(KUBELET_CLIENT).data)[0]
    except Unreadable:
        return ""
    name = certificate.common_name
    return name[len(NODE_USER) :] if name.startswith(NODE_USER) else ""


def _own_servers(kubernetes: str) -> list[tuple[str, int]]:
    """Hosts and ports of the API in this node's own kubeconfigs."""
    names = ("admin.conf", "controller-manager.conf", "scheduler.conf", "kubelet.conf")
    return [server for name in names for server in _servers(f"{kubernetes}/{name}") if server[0]]


def _servers(path: str) -> list[tuple[str, int]]:
    """None of a kubeconfig that cannot be read: that is reported where the file itself is judged."""
    try:
        urls = [urlsplit(cluster.server) for cluster in kubeconfig.parse(read(path).data).clusters.values()]
        return [(url.hostname or "", url.port or 443) for url in urls]
    except (Unreadable, ValueError):
        return []


def endpoint(text: str) -> Endpoint:
    """host:port as the operator writes it; port 0 where it is none."""
    host, __, port = text.rpartition(":")
    return Endpoint(host.strip("[]"), int(port) if port.isdecimal() else 0)
