# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates, keys and kubeconfigs belong to a node, and what each has to be (pure).

The names are those of ``kubeadm certs renew`` where it has one. The paths are those that the
static pods and the kubelet are told, so that any certificatesDir is found; kubeadm's own otherwise.
https://kubernetes.io/docs/setup/best-practices/certificates/
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from .._kubeadm.static_pod import StaticPod

# Entry.form
CERTIFICATE = "certificate"
KUBECONFIG = "kubeconfig"
KEY = "key"  # a private key alone: nothing of it counts but who can read it
MANIFEST = "manifest"  # of a static pod, where it is missing
CLOCK = "clock"  # what all the others are judged by
KEY_PAIR = "key_pair"  # private and public key without a certificate: service accounts

# Entry.use
CA = "ca"
SERVER = "server"
CLIENT = "client"
PEER = "peer"  # both at once, as etcd's members are to each other

# Entry.managed_by
KUBEADM = "kubeadm"
KUBELET = "kubelet"
ETCD = "etcd"
OPERATOR = "operator"

API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"

CLUSTER_CA = "ca"
SIGNING_CA = "signing-ca"  # of kubelets' requests, where the controller manager has one of its own for them
CLIENT_CA = "client-ca"  # what the API server takes clients from, where that is a file of its own
ETCD_CA = "etcd-ca"
ETCD_PEER_CA = "etcd-peer-ca"
FRONT_PROXY_CA = "front-proxy-ca"

# Where the role etcd keeps certificates on hosts of etcd's own.
ETCD_ROLE_PKI = "/etc/etcd/pki"

# What each component reads only when it starts, by the names of entries. API servers and kubelets follow their client
# CAs, and API servers and etcd their own certificates, by themselves.
READ_ONCE: Mapping[str, tuple[str, ...]] = {
    "etcd": (ETCD_CA, ETCD_PEER_CA),
    API_SERVER: (ETCD_CA, "sa"),
    CONTROLLER_MANAGER: (CLUSTER_CA, "controller-manager.conf", "sa"),
    SCHEDULER: ("scheduler.conf",),
    KUBELET: ("kubelet.conf", "kubelet-client"),
}


@dataclass(frozen=True)
class Endpoint:
    """host and port where TLS is spoken; ``name`` tells which component."""

    host: str
    port: int
    name: str = ""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Entry:
    """One thing that belongs to the node.

    Attributes:
        name: kubeadm's name (apiserver, etcd-server, admin.conf), else one of the same kind.
        others: further files of the kind, where a component takes several.
        key_path: the private key; empty where it is in ``path`` itself or nowhere.
        authority: name of the entry whose CA has to have signed it; empty where any may have.
        only_authority: no other may have; else who verifies it is elsewhere, and may know another CA.
        readers: components that read it.
        read_once: those of them that read it only when they start.
        endpoints: where it is served.
        required: its absence is a finding.
        key_required: the absence of its key is one. An external CA keeps its key elsewhere.
        wanted_names: subject alternative names that clients of this node use.
        wanted_user: the common name a client has to have, empty where any is right.
        owners: users that may own it besides root; None where any may.
    """

    name: str
    path: str
    form: str = CERTIFICATE
    others: tuple[str, ...] = ()
    key_path: str = ""
    use: str = ""
    authority: str = ""
    only_authority: bool = True
    managed_by: str = OPERATOR
    readers: tuple[str, ...] = ()
    read_once: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    required: bool = True
    key_required: bool = True
    wanted_names: tuple[str, ...] = ()
    wanted_user: str = ""
    owners: tuple[str, ...] | None = ()


@dataclass(frozen=True)
class EtcdSettings:
    """How an etcd member is run, wherever its settings come from (flags, environment, file).

    Attributes:
        flags: values by flag name without dashes.
        owner: user it runs as.
        unread: its configuration file where that could not be read: what it says is not here.
    """

    flags: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    unread: str = ""

    def flag(self, name: str) -> str:
        return self.flags.get(name, "")


@dataclass(frozen=True)
class Kubelet:
    """What the kubelet of the node is told.

    Attributes:
        node_name: the name it authenticates with.
        node_addresses: the addresses that its node has by the inventory.
        address, port: where it listens.
        cert_dir: where it keeps its own certificates (--cert-dir).
        cert_file, key_file: its serving pair where the operator gave one (tlsCertFile, --tls-cert-file).
        serving_requested: it requests its serving certificate from the cluster (serverTLSBootstrap,
            --rotate-server-certificates).
        client_ca: its clientCAFile.
        cluster_domain: DNS domain that it gives to pods (clusterDomain); empty where it does not say.
        unread: configurations that could not be read, by path, and why (id, text): what they say is not here.
    """

    node_name: str = ""
    node_addresses: tuple[str, ...] = ()
    address: str = ""
    port: int = 10250
    cert_dir: str = "/var/lib/kubelet/pki"
    cert_file: str = ""
    key_file: str = ""
    serving_requested: bool = False
    client_ca: str = ""
    cluster_domain: str = ""
    unread: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def serving_unknown(self) -> bool:
        """Whether nothing tells which serving certificate it uses."""
        return bool(self.unread) and not (self.cert_file or self.serving_requested)

    @property
    def own_serving(self) -> str:
        """The serving certificate that it makes where there is none; empty where it is, or may be, told of another."""
        told = self.cert_file or self.serving_requested or self.serving_unknown
        return "" if told else f"{self.cert_dir}/kubelet.crt"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return (Endpoint(_reachable(self.address), self.port, KUBELET),) if self.port else ()


@dataclass(frozen=True)
class Layout:
    """What the node was found to run; a part that is not there is None.

    Attributes:
        kubernetes: kubeadm's directory.
        missing: components of this control plane whose manifest is not there; what kubeadm would
            write into it stands in its place.
        etcd_lacking: this host shall run etcd, and nothing here runs it.
        endpoint_hosts, endpoint_ports: hosts and ports by which this node's own kubeconfigs reach the API.
    """

    kubernetes: str = "/etc/kubernetes"
    api_server: StaticPod | None = None
    controller_manager: StaticPod | None = None
    scheduler: StaticPod | None = None
    etcd: EtcdSettings | None = None
    kubelet: Kubelet | None = None
    missing: tuple[str, ...] = ()
    etcd_lacking: bool = False
    endpoint_hosts: tuple[str, ...] = ()
    endpoint_ports: tuple[int, ...] = ()

    @property
    def pki(self) -> str:
        """kubeadm's certificatesDir, by the one file of it that nobody has a reason to replace."""
        pod = self.api_server or StaticPod()
        directory, __, name = pod.argument("requestheader-client-ca-file").rpartition("/")
        return directory if name == "front-proxy-ca.crt" else f"{self.kubernetes}/pki"

    @property
    def kubeadm_etcd(self) -> bool:
        """Whether the member here is kubeadm's; files of that name are no sign where none is here."""
        return self.etcd is not None and self.etcd.flag("cert-file").startswith(f"{self.pki}/etcd/")


def estate(layout: Layout, extra_names: Sequence[str] = ()) -> tuple[Entry, ...]:
    """Return every entry of the node, each path once.

    extra_names: further names and addresses that the API server's certificate has to have.
    """
    entries: list[Entry] = []
    if layout.api_server is not None:
        entries += _api_server(layout, layout.api_server, extra_names)
        entries += _etcd_client(layout, layout.api_server)
        entries += _kubeconfigs(layout)
    entries += [_serving(name, pod, endpoint) for name, pod, endpoint in _servers(layout) if _given(pod)]
    if layout.etcd is not None:
        entries += _etcd(layout, layout.etcd)
    if layout.kubelet is not None:
        entries += _kubelet(layout, layout.kubelet)
    kubelet_ca = layout.api_server.argument("kubelet-certificate-authority") if layout.api_server else ""
    return tuple(_with_read_once(entry, kubelet_ca) for entry in _once([entry for entry in entries if entry.path]))


def _with_read_once(entry: Entry, kubelet_ca: str) -> Entry:
    """kubelet_ca: by which the API server verifies kubelets; it reads that only when it starts too."""
    once = [reader for reader in entry.readers if entry.name in READ_ONCE.get(reader, ())]
    if kubelet_ca == entry.path and API_SERVER not in once:
        once.append(API_SERVER)
    return replace(entry, read_once=tuple(once))


def authorities(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Return each CA by its name: of several files the one with a key beside it, else the first."""
    found: dict[str, Entry] = {}
    for each in sorted(entries, key=lambda entry: not entry.key_path):
        if each.use == CA:
            found.setdefault(each.name, each)
    return found


def owned_kubeconfig(path: str) -> Entry:
    """A kubeconfig elsewhere on a control plane that is renewed with kubeadm's, where it is there."""
    return Entry(
        path,
        path,
        form=KUBECONFIG,
        use=CLIENT,
        authority=CLUSTER_CA,
        managed_by=KUBEADM,
        required=False,
        owners=None,
    )


def kubeadm_api_server(kubernetes: str, *, local_etcd: bool) -> StaticPod:
    """What kubeadm would tell an API server about etcd; the rest are this file's own defaults."""
    pki = f"{kubernetes}/pki"
    etcd = {
        "etcd-cafile": [f"{pki}/etcd/ca.crt"],
        "etcd-certfile": [f"{pki}/apiserver-etcd-client.crt"],
        "etcd-keyfile": [f"{pki}/apiserver-etcd-client.key"],
    }
    return StaticPod(arguments=etcd if local_etcd else {})


def kubeadm_etcd(pki: str) -> EtcdSettings:
    """What kubeadm would tell a member; which address it serves the host alone does not know."""
    pki = f"{pki}/etcd"
    local = "https://127.0.0.1"
    return EtcdSettings(
        {
            "cert-file": f"{pki}/server.crt",
            "key-file": f"{pki}/server.key",
            "peer-cert-file": f"{pki}/peer.crt",
            "peer-key-file": f"{pki}/peer.key",
            "trusted-ca-file": f"{pki}/ca.crt",
            "peer-trusted-ca-file": f"{pki}/ca.crt",
            "listen-client-urls": f"{local}:2379",
        }
    )


def served_without_file(layout: Layout) -> tuple[Endpoint, ...]:
    """Return where a component serves a certificate that it made in memory, or of which nobody can tell the file."""
    unknown = layout.kubelet.endpoints if layout.kubelet and layout.kubelet.serving_unknown else ()
    return (*(endpoint for _name, pod, endpoint in _servers(layout) if not _given(pod) and endpoint.port), *unknown)


def _servers(layout: Layout) -> Iterator[tuple[str, StaticPod, Endpoint]]:
    """The controller manager and the scheduler, and where they serve."""
    for name, pod, port in (
        (CONTROLLER_MANAGER, layout.controller_manager, "10257"),
        (SCHEDULER, layout.scheduler, "10259"),
    ):
        if pod is not None:
            host = _reachable(pod.argument("bind-address", "127.0.0.1"))
            yield name, pod, Endpoint(host, _port(pod.argument("secure-port", port)), name)


def _given(pod: StaticPod) -> str:
    """The serving certificate that the operator gave; empty where the component makes one in memory."""
    return pod.argument("tls-cert-file")


def _serving(name: str, pod: StaticPod, endpoint: Endpoint) -> Entry:
    return Entry(
        f"{name}-server",
        _given(pod),
        key_path=pod.argument("tls-private-key-file"),
        use=SERVER,
        readers=(name,),
        endpoints=(endpoint,) if endpoint.port else (),
    )


def api_server_names(layout: Layout, extra_names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names that clients use for this node's API server, as far as the node itself knows them.

    kubeadm puts the same into the certificate: the node's name, the service's names and first
    address, the advertised address, the endpoint.
    """
    pod = layout.api_server or StaticPod()
    service = [str(address) for address in _service_addresses(pod.argument("service-cluster-ip-range"))]
    kubelet = layout.kubelet or Kubelet()
    names = [
        kubelet.node_name,
        *("kubernetes", "kubernetes.default", "kubernetes.default.svc"),
        f"kubernetes.default.svc.{kubelet.cluster_domain}" if kubelet.cluster_domain else "",
        *service[:1],
        pod.argument("advertise-address"),
        *layout.endpoint_hosts,
        *extra_names,
    ]
    return tuple(dict.fromkeys(name for name in names if name))


def is_own_api(layout: Layout, server: str, extra_names: Sequence[str] = ()) -> bool:
    """Tell whether a kubeconfig's server is this cluster's API, which shows a certificate of the cluster's CA."""
    pod = layout.api_server or StaticPod()
    if pod.argument("tls-sni-cert-key"):
        return False  # by some of its names it shows another
    try:
        url = urlsplit(server)
        host, port = url.hostname or "", url.port or 443
    except ValueError:
        return False
    ports = (*layout.endpoint_ports, *(endpoint.port for endpoint in _api_endpoint(pod) if layout.api_server))
    return host in api_server_names(layout, extra_names) and port in ports


def endpoints(urls: str) -> tuple[Endpoint, ...]:
    """Return where a comma list of etcd's URLs listens with TLS."""
    return tuple(Endpoint(_reachable(host), port, "etcd") for host, port in _listening(urls))


def _listening(urls: str) -> Iterator[tuple[str, int]]:
    for url in urls.split(","):
        scheme, _separator, rest = url.strip().partition("://")
        host, _colon, port = rest.rpartition(":")
        if scheme == "https" and _port(port):
            yield host.strip("[]"), _port(port)


def _api_server(layout: Layout, pod: StaticPod, extra_names: Sequence[str]) -> list[Entry]:
    pki = layout.pki
    manager = layout.controller_manager or StaticPod()
    base = Entry("", "", managed_by=KUBEADM, readers=(API_SERVER,))
    authority = replace(base, use=CA, readers=(API_SERVER, CONTROLLER_MANAGER), key_required=False)
    client = replace(base, use=CLIENT)
    public = pod.arguments.get("service-account-key-file") or [f"{pki}/sa.pub"]
    cluster_ca, signing_ca = _cluster_ca(layout, pod, manager), _signing_ca(layout, manager)
    return [
        replace(authority, name=CLUSTER_CA, path=cluster_ca[0], key_path=cluster_ca[1]),
        replace(
            authority,
            name=SIGNING_CA,
            path=signing_ca[0],
            key_path=signing_ca[1],
            managed_by=OPERATOR,
            readers=(CONTROLLER_MANAGER,),
        ),
        replace(
            authority,
            name=CLIENT_CA,
            path=pod.argument("client-ca-file", f"{pki}/ca.crt"),
            managed_by=OPERATOR,
            readers=(API_SERVER,),
        ),
        replace(
            authority,
            name=FRONT_PROXY_CA,
            path=pod.argument("requestheader-client-ca-file", f"{pki}/front-proxy-ca.crt"),
            key_path=f"{pki}/front-proxy-ca.key",
        ),
        replace(
            base,
            name="apiserver",
            path=pod.argument("tls-cert-file", f"{pki}/apiserver.crt"),
            key_path=pod.argument("tls-private-key-file", f"{pki}/apiserver.key"),
            use=SERVER,
            authority=CLUSTER_CA,
            endpoints=_api_endpoint(pod),
            wanted_names=api_server_names(layout, extra_names),
        ),
        replace(
            client,
            name="apiserver-kubelet-client",
            path=pod.argument("kubelet-client-certificate", f"{pki}/apiserver-kubelet-client.crt"),
            key_path=pod.argument("kubelet-client-key", f"{pki}/apiserver-kubelet-client.key"),
            authority=CLUSTER_CA,
        ),
        replace(
            client,
            name="front-proxy-client",
            path=pod.argument("proxy-client-cert-file", f"{pki}/front-proxy-client.crt"),
            key_path=pod.argument("proxy-client-key-file", f"{pki}/front-proxy-client.key"),
            authority=FRONT_PROXY_CA,
        ),
        replace(
            base,
            name="sa",
            path=public[0],
            others=tuple(public[1:]),
            key_path=pod.argument("service-account-signing-key-file", f"{pki}/sa.key"),
            form=KEY_PAIR,
            readers=(API_SERVER, CONTROLLER_MANAGER),
        ),
        *_named(pod),
    ]


def _named(pod: StaticPod) -> Iterator[Entry]:
    """What the operator gave the API server for some names: --tls-sni-cert-key is cert,key or cert,key:name,name."""
    for number, value in enumerate(pod.arguments.get("tls-sni-cert-key", ()), 1):
        files, _colon, names = value.partition(":")
        path, _comma, key_path = files.partition(",")
        yield Entry(
            f"apiserver-sni-{number}",
            path.strip(),
            key_path=key_path.strip(),
            use=SERVER,
            managed_by=OPERATOR,
            wanted_names=tuple(name.strip() for name in names.split(",") if name.strip()),
            readers=(API_SERVER,),
        )


def _cluster_ca(layout: Layout, pod: StaticPod, manager: StaticPod) -> tuple[str, str]:
    """Certificate and key of the CA that kubeadm signs with: its own where clients trust that, whoever signs requests.

    Where its key is kept elsewhere, kubeadm tells the manager of none.
    """
    own = f"{layout.pki}/ca.crt"
    path, key_path = _signing_ca(layout, manager)
    client_ca = pod.argument("client-ca-file", own)
    if path != own and own in (client_ca, manager.argument("root-ca-file")):
        return own, f"{layout.pki}/ca.key"
    return path or client_ca, key_path


def _signing_ca(layout: Layout, manager: StaticPod) -> tuple[str, str]:
    """Certificate and key that the controller manager signs requests with; it may have been told of none."""
    path = manager.argument("cluster-signing-cert-file", f"{layout.pki}/ca.crt")
    # In a rotation the manager signs with the first certificate of the bundle beside it.
    path = re.sub(r"/ca-signing\.crt$", "/ca.crt", path)
    return path, manager.argument("cluster-signing-key-file", f"{layout.pki}/ca.key")


def _etcd_client(layout: Layout, pod: StaticPod) -> list[Entry]:
    """What the API server shows to etcd: kubeadm's own pair, or what the operator brought for an external etcd."""
    stacked = layout.kubeadm_etcd and pod.argument("etcd-cafile").startswith(f"{layout.pki}/etcd/")
    base = Entry("", "", managed_by=KUBEADM if stacked else OPERATOR, readers=(API_SERVER,))
    authority = replace(
        base,
        name=ETCD_CA,
        path=pod.argument("etcd-cafile"),
        key_path=f"{layout.pki}/etcd/ca.key" if stacked else "",
        use=CA,
        key_required=False,
    )
    client = replace(
        base,
        name="apiserver-etcd-client",
        path=pod.argument("etcd-certfile"),
        key_path=pod.argument("etcd-keyfile"),
        use=CLIENT,
        authority=ETCD_CA,
        # --etcd-cafile verifies etcd's servers; by what etcd verifies its clients, an etcd elsewhere alone knows.
        only_authority=stacked,
    )
    return [authority, client]


def _kubeconfigs(layout: Layout) -> list[Entry]:
    """kubeadm's kubeconfigs. super-admin.conf is only where init ran; both admin files may be kept elsewhere."""
    manager, scheduler = layout.controller_manager or StaticPod(), layout.scheduler or StaticPod()
    directory = layout.kubernetes
    base = Entry("", "", form=KUBECONFIG, use=CLIENT, authority=CLUSTER_CA, managed_by=KUBEADM)
    admin = replace(base, required=False)
    return [
        replace(admin, name="admin.conf", path=f"{directory}/admin.conf", wanted_user="kubernetes-admin"),
        replace(
            admin, name="super-admin.conf", path=f"{directory}/super-admin.conf", wanted_user="kubernetes-super-admin"
        ),
        replace(
            base,
            name="controller-manager.conf",
            path=manager.argument("kubeconfig", f"{directory}/controller-manager.conf"),
            readers=(CONTROLLER_MANAGER,),
            wanted_user="system:kube-controller-manager",
        ),
        replace(
            base,
            name="scheduler.conf",
            path=scheduler.argument("kubeconfig", f"{directory}/scheduler.conf"),
            readers=(SCHEDULER,),
            wanted_user="system:kube-scheduler",
        ),
    ]


def _etcd(layout: Layout, settings: EtcdSettings) -> list[Entry]:
    """A member of etcd, whether kubeadm or systemd runs it."""
    pki = f"{layout.pki}/etcd"
    flag = settings.flag
    owners = (settings.owner,) if settings.owner else ()
    base = Entry("", "", managed_by=KUBEADM if layout.kubeadm_etcd else ETCD, readers=("etcd",), owners=owners)
    authority = replace(base, use=CA, key_required=False)
    member = replace(base, use=PEER, authority=ETCD_CA)
    ca, peer_ca = flag("trusted-ca-file"), flag("peer-trusted-ca-file")
    own_peer_ca = peer_ca not in ("", ca)
    of_role = flag("cert-file").startswith(f"{ETCD_ROLE_PKI}/")
    entries = [
        replace(authority, name=ETCD_CA, path=ca, key_path=_key_beside(ca)),
        replace(authority, name=ETCD_PEER_CA, path=peer_ca, key_path=_key_beside(peer_ca)),
        replace(
            member,
            name="etcd-server",
            path=flag("cert-file"),
            key_path=flag("key-file"),
            # --trusted-ca-file verifies clients; by what they verify the server, they alone know.
            only_authority=layout.kubeadm_etcd or of_role,
            endpoints=endpoints(flag("listen-client-urls")),
            wanted_names=_hosts(flag("advertise-client-urls"), flag("listen-client-urls")),
        ),
        replace(
            member,
            name="etcd-peer",
            path=flag("peer-cert-file"),
            key_path=flag("peer-key-file"),
            authority=ETCD_PEER_CA if own_peer_ca else ETCD_CA,
            endpoints=endpoints(flag("listen-peer-urls")),
            wanted_names=_hosts(flag("initial-advertise-peer-urls")),
        ),
    ]
    client = replace(member, use=CLIENT, readers=())
    health, own = f"{pki}/healthcheck-client", f"{ETCD_ROLE_PKI}/client"
    if layout.kubeadm_etcd:
        name = "etcd-healthcheck-client"
        entries.append(replace(client, name=name, path=f"{health}.crt", key_path=f"{health}.key"))
    if of_role:
        # Backups and health checks of this collection log in with it.
        entries.append(replace(client, name="etcd-client", path=f"{own}.crt", key_path=f"{own}.key", required=False))
    return entries


def _kubelet(layout: Layout, kubelet: Kubelet) -> list[Entry]:
    base = Entry("", "", managed_by=KUBELET, readers=(KUBELET,))
    client = replace(
        base,
        use=CLIENT,
        authority=CLUSTER_CA,
        wanted_user=f"system:node:{kubelet.node_name}" if kubelet.node_name else "",
    )
    return [
        replace(
            base,
            name=CLUSTER_CA,
            path=kubelet.client_ca or f"{layout.pki}/ca.crt",
            use=CA,
            managed_by=KUBEADM,
            key_required=False,
        ),
        replace(client, name="kubelet.conf", path=f"{layout.kubernetes}/kubelet.conf", form=KUBECONFIG),
        replace(client, name="kubelet-client", path=f"{kubelet.cert_dir}/kubelet-client-current.pem"),
        _kubelet_server(kubelet, base),
    ]


def _kubelet_server(kubelet: Kubelet, base: Entry) -> Entry:
    serving = replace(
        base,
        name="kubelet-server",
        use=SERVER,
        endpoints=kubelet.endpoints,
        wanted_names=(kubelet.node_name,) if kubelet.node_name else (),
    )
    if kubelet.cert_file:
        return replace(serving, path=kubelet.cert_file, key_path=kubelet.key_file, managed_by=OPERATOR)
    if kubelet.serving_requested:
        # Who verifies it, as the API server may, connects to an address.
        return replace(
            serving,
            path=f"{kubelet.cert_dir}/kubelet-server-current.pem",
            authority=CLUSTER_CA,
            wanted_names=(*serving.wanted_names, *filter(_is_address, kubelet.node_addresses)),
        )
    # Signed by a CA that the kubelet made up for itself and keeps in the same file.
    path = kubelet.own_serving
    return replace(serving, path=path, key_path=_key_beside(path), required=False)


def _api_endpoint(pod: StaticPod) -> tuple[Endpoint, ...]:
    bind = pod.argument("bind-address")
    host = bind if _specific(bind) else pod.argument("advertise-address", "127.0.0.1")
    port = _port(pod.argument("secure-port", "6443"))
    return (Endpoint(host, port, API_SERVER),) if port else ()


def _service_addresses(ranges: str) -> Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """First address of each service range, which the service kubernetes has."""
    for part in filter(None, ranges.split(",")):
        try:
            network = ipaddress.ip_network(part.strip(), strict=False)
        except ValueError:
            continue
        if network.num_addresses > 1:
            yield network[1]


def _hosts(*urls: str) -> tuple[str, ...]:
    """Hosts of URLs, as a client names them when it connects; to listen on all addresses names none."""
    hosts = (host for text in urls for host, _port in _listening(text))
    return tuple(dict.fromkeys(host for host in hosts if _specific(host)))


def _key_beside(certificate: str) -> str:
    """Where a CA's key lies if it is on this host at all."""
    return re.sub(r"\.(crt|cer|pem)$", ".key", certificate) if "." in certificate else ""


def _reachable(host: str) -> str:
    """The address to connect to for one to listen on."""
    return host if _specific(host) else "::1" if ":" in host else "127.0.0.1"


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _specific(host: str) -> bool:
    return host not in ("", "0.0.0.0", "::")


def _port(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 and int(text) < 65536 else 0


def _once(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The first entry of each path: a CA is read by several components."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        first = seen.get(entry.path)
        if first is None:
            seen[entry.path] = entry
        else:
            readers = tuple(dict.fromkeys((*first.readers, *entry.readers)))
            seen[entry.path] = replace(first, readers=readers, owners=first.owners or entry.owners)
    return tuple(seen.values())
