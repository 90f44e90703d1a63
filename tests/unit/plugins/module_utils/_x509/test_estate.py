# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to a node, also where a manifest of it is gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.static_pod import StaticPod
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import estate, issue, observe, renew
from cryptography.hazmat.primitives import serialization

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


def moved(top: Path) -> str:
    """A control plane whose certificatesDir is another one."""
    control_plane(top)
    for manifest in (top / "manifests").iterdir():
        manifest.write_text(manifest.read_text().replace(f"{top}/pki", "/etc/kubernetes/ssl"))
    return "    - --requestheader-client-ca-file=/etc/kubernetes/ssl/front-proxy-ca.crt\n"


@pytest.mark.parametrize("gone", ["", "etcd"])
def test_another_directory_of_certificates_is_kubeadms_too(tmp_path: Path, gone: str) -> None:
    flag = moved(tmp_path)
    with (tmp_path / "manifests" / "kube-apiserver.yaml").open("a") as manifest:
        manifest.write(flag)
    (tmp_path / "manifests" / f"{gone}.yaml").unlink(missing_ok=True)
    layout = observe.layout(str(tmp_path))
    entries = {entry.name: entry for entry in estate.estate(layout) if entry.managed_by == estate.KUBEADM}
    pki = "/etc/kubernetes/ssl"
    assert layout.pki == pki
    assert entries["front-proxy-ca"].key_path == f"{pki}/front-proxy-ca.key"
    assert entries["etcd-server"].path == f"{pki}/etcd/server.crt"
    assert entries["etcd-ca"].key_path == f"{pki}/etcd/ca.key"
    assert entries["etcd-healthcheck-client"].path == f"{pki}/etcd/healthcheck-client.crt"
    with pytest.raises(Refusal, match="/etc/kubernetes/ssl") as refused:
        renew._require_whole(replace(layout, missing=()))
    assert refused.value.rule == "certificates_dir_unknown"


def test_certificates_that_the_api_server_shows_for_some_names(tmp_path: Path) -> None:
    layout = observe.layout(control_plane(tmp_path))
    given = ["/srv/a.crt,/srv/a.key", "/srv/b.crt,/srv/b.key:api.example.com,*.api.example.com"]
    assert layout.api_server is not None
    pod = replace(layout.api_server, arguments={**layout.api_server.arguments, "tls-sni-cert-key": given})
    entries = {entry.name: entry for entry in estate.estate(replace(layout, api_server=pod))}
    found = [entries["apiserver-sni-1"], entries["apiserver-sni-2"]]
    assert [(entry.path, entry.key_path) for entry in found] == [
        ("/srv/a.crt", "/srv/a.key"),
        ("/srv/b.crt", "/srv/b.key"),
    ]
    assert [entry.wanted_names for entry in found] == [(), ("api.example.com", "*.api.example.com")]
    assert {entry.managed_by for entry in found} == {estate.OPERATOR}


@pytest.mark.parametrize(
    ("flags", "read_once"),
    [
        ({}, {"sa": ["kube-apiserver", "kube-controller-manager"], "ca": ["kube-controller-manager"]}),
        (
            {"kubelet-certificate-authority": ["/etc/kubernetes/pki/ca.crt"]},
            {"ca": ["kube-controller-manager", "kube-apiserver"], "etcd-ca": ["kube-apiserver", "etcd"]},
        ),
    ],
    ids=["kubeadm's own", "kubelets are verified"],
)
def test_what_is_read_only_at_the_start(flags: dict[str, list[str]], read_once: dict[str, list[str]]) -> None:
    pki = "/etc/kubernetes/pki"
    pod = StaticPod(arguments={**estate.kubeadm_api_server("/etc/kubernetes", local_etcd=True).arguments, **flags})
    entries = estate.estate(estate.Layout(api_server=pod, etcd=estate.kubeadm_etcd(pki), kubelet=estate.Kubelet()))
    found = {entry.name: list(entry.read_once) for entry in entries}
    assert {name: found[name] for name in read_once} == read_once
    assert (found["controller-manager.conf"], found["kubelet.conf"]) == (["kube-controller-manager"], ["kubelet"])
    assert (found["apiserver"], found["etcd-server"], found["front-proxy-ca"]) == ([], [], [])


def test_service_accounts_keys_of_several_files(tmp_path: Path) -> None:
    key = issue.make_key("ecdsa-p256")
    names = ("old.pub", "new.pub", "both.pub")
    for name, count in zip(names, (1, 1, 2)):
        (tmp_path / name).write_bytes(public_pem(key) * count)
    pod = StaticPod(arguments={"service-account-key-file": [str(tmp_path / name) for name in names]})
    (entry,) = [each for each in estate.estate(estate.Layout(api_server=pod)) if each.name == "sa"]
    (found,) = observe.observe([replace(entry, key_path="")])
    assert (len(found.public), found.problems) == (4, ())
    (tmp_path / "new.pub").unlink()
    (found,) = observe.observe([replace(entry, key_path="")])
    assert [problem for problem, _text in found.problems] == ["missing"]


def public_pem(key: bytes) -> bytes:
    public = serialization.load_pem_private_key(key, None).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_the_files_of_an_external_etcd_are_the_operators_wherever_they_lie(tmp_path: Path) -> None:
    top = control_plane(tmp_path, "etcd")
    manifest = tmp_path / "manifests" / "kube-apiserver.yaml"
    manifest.write_text(manifest.read_text().replace("127.0.0.1", "192.0.2.9"))
    entries = {entry.name: entry for entry in estate.estate(observe.layout(top))}
    assert {entries[name].managed_by for name in ("etcd-ca", "apiserver-etcd-client")} == {estate.OPERATOR}
    assert entries["etcd-ca"].key_path == ""


@pytest.mark.parametrize(
    ("directory", "known"), [("/etc/kubernetes/pki/etcd", True), ("/etc/etcd/pki", True), ("/etc/ssl/etcd", False)]
)
def test_by_which_ca_an_etcd_of_others_is_verified_is_not_known(directory: str, known: bool) -> None:
    """--trusted-ca-file is for its clients, --etcd-cafile for its servers: two CAs, where there are two."""
    flags = {"cert-file": f"{directory}/server.crt", "trusted-ca-file": f"{directory}/ca.crt"}
    etcd = {"etcd-cafile": [f"{directory}/ca.crt"], "etcd-certfile": ["/client.crt"]}
    layout = estate.Layout(api_server=StaticPod(arguments=etcd), etcd=estate.EtcdSettings(flags))
    entries = {entry.name: entry for entry in estate.estate(layout)}
    assert entries["etcd-server"].only_authority is known
    assert entries["apiserver-etcd-client"].only_authority is directory.startswith("/etc/kubernetes/")
    assert entries["apiserver"].only_authority


def test_the_client_of_kubeadms_etcd_may_not_be_missing(tmp_path: Path) -> None:
    entries = estate.estate(observe.layout(control_plane(tmp_path)))
    (found,) = observe.observe([entry for entry in entries if entry.name == "etcd-healthcheck-client"])
    assert found.problems[0][0] == "missing"


@pytest.mark.parametrize(
    ("groups", "found", "missing"),
    [
        ((), [], []),
        (("workers",), ["kubelet.conf", "kubelet-client"], []),
        (("etcd",), [], ["etcd.service"]),
        (
            ("control_plane",),
            ["apiserver", "kubelet.conf"],
            ["kube-apiserver.yaml", "kube-controller-manager.yaml", "kube-scheduler.yaml"],
        ),
    ],
    ids=["no host of ours", "a worker", "a host of etcd", "a control plane"],
)
def test_what_a_host_shall_be_is_looked_for_where_nothing_is(
    tmp_path: Path, groups: tuple[str, ...], found: list[str], missing: list[str]
) -> None:
    layout = observe.layout(str(tmp_path), groups)
    rows = {each.entry.name: each for each in observe.observe(estate.estate(layout))}
    assert {name: rows[name].problems[0][0] for name in found} == dict.fromkeys(found, "missing")
    assert bool(rows) == bool(found)
    assert [each.entry.name for each in observe.missing_manifests(layout)] == missing


def test_the_certificate_given_to_a_controller_manager_is_its_own_entry() -> None:
    pod = StaticPod(arguments={"tls-cert-file": ["/s.crt"], "tls-private-key-file": ["/s.key"], "secure-port": ["1"]})
    layout = estate.Layout(controller_manager=pod, scheduler=StaticPod())
    entries = {entry.name: entry for entry in estate.estate(layout)}
    assert list(entries) == ["kube-controller-manager-server"]
    entry = entries["kube-controller-manager-server"]
    assert (entry.path, entry.key_path, list(map(str, entry.endpoints))) == ("/s.crt", "/s.key", ["127.0.0.1:1"])
    assert list(map(str, estate.served_without_file(layout))) == ["127.0.0.1:10259"]


@pytest.mark.parametrize(
    ("advertised", "listening", "names", "asked"),
    [
        ("https://192.0.2.1:2379", "https://0.0.0.0:2379", ("192.0.2.1",), ["127.0.0.1:2379"]),
        ("https://[2001:db8::1]:2379", "https://[::]:2379", ("2001:db8::1",), ["[::1]:2379"]),
        (
            "https://192.0.2.1:2379",
            "https://127.0.0.1:2379,https://192.0.2.1:2379",
            ("192.0.2.1", "127.0.0.1"),
            ["127.0.0.1:2379", "192.0.2.1:2379"],
        ),
        ("", "http://127.0.0.1:2379", (), []),
    ],
    ids=["all addresses", "all of IPv6", "kubeadm's", "without TLS"],
)
def test_where_a_member_listens_and_by_which_names_it_is_asked(
    advertised: str, listening: str, names: tuple[str, ...], asked: list[str]
) -> None:
    flags = {"cert-file": "/s.crt", "advertise-client-urls": advertised, "listen-client-urls": listening}
    entries = {entry.name: entry for entry in estate.estate(estate.Layout(etcd=estate.EtcdSettings(flags)))}
    entry = entries["etcd-server"]
    assert (entry.wanted_names, list(map(str, entry.endpoints))) == (names, asked)


@pytest.mark.parametrize(
    ("directory", "looked_at"), [("/etc/etcd/pki", True), ("/etc/ssl/etcd", False)], ids=["the role's", "somebody's"]
)
def test_the_client_that_the_role_etcd_makes(directory: str, looked_at: bool) -> None:
    settings = estate.EtcdSettings({"cert-file": f"{directory}/server.crt", "trusted-ca-file": f"{directory}/ca.crt"})
    entries = {entry.name: entry for entry in estate.estate(estate.Layout(etcd=settings))}
    assert ("etcd-client" in entries) is looked_at
    if looked_at:
        client = entries["etcd-client"]
        assert (client.path, client.key_path) == (f"{directory}/client.crt", f"{directory}/client.key")
        assert (client.use, client.authority, client.required) == ("client", "etcd-ca", False)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/usr/bin/kubelet --config=/c --hostname-override=Node-1 --v=2", "node-1"),
        ("/usr/bin/kubelet --hostname-override node-1", "node-1"),
        ('KUBELET_KUBEADM_ARGS="--hostname-override=a"\nKUBELET_EXTRA_ARGS=--hostname-override=b\n', "b"),
        ("# --hostname-override=a\nKUBELET_EXTRA_ARGS=\n", ""),
        ("", ""),
    ],
)
def test_the_name_that_a_kubelet_is_told(text: str, name: str) -> None:
    assert observe.kubelet_flag(text, "hostname-override").lower() == name


@pytest.mark.parametrize(
    ("config", "flags", "path", "key"),
    [
        ("port: 10250\n", "", "/var/lib/kubelet/pki/kubelet.crt", "/var/lib/kubelet/pki/kubelet.key"),
        ("port: 10250\n", "kubelet --cert-dir=/pki/ --v=2", "/pki/kubelet.crt", "/pki/kubelet.key"),
        ("serverTLSBootstrap: true\n", "kubelet --cert-dir /pki", "/pki/kubelet-server-current.pem", ""),
        ("tlsCertFile: /a.crt\ntlsPrivateKeyFile: /a.key\n", "", "/a.crt", "/a.key"),
        (
            "tlsCertFile: /a.crt\ntlsPrivateKeyFile: /a.key\n",
            "kubelet --tls-cert-file=/b.crt --tls-private-key-file=/b.key",
            "/b.crt",
            "/b.key",
        ),
        ("", "kubelet --rotate-server-certificates --cert-dir=/pki", "/pki/kubelet-server-current.pem", ""),
        ("", "kubelet --cert-dir=/pki --rotate-server-certificates=true", "/pki/kubelet-server-current.pem", ""),
        (
            "serverTLSBootstrap: true\n",
            "kubelet --cert-dir=/pki --rotate-server-certificates=false",
            "/pki/kubelet.crt",
            "/pki/kubelet.key",
        ),
        ("", "# --rotate-server-certificates\n--cert-dir=/pki", "/pki/kubelet.crt", "/pki/kubelet.key"),
    ],
    ids=[
        *("its own", "its own elsewhere", "of the cluster", "given", "given by flags, which go first"),
        *("of the cluster by a flag", "by a flag's value", "its own by a flag, which goes first", "a comment"),
    ],
)
def test_where_a_kubelet_keeps_its_certificates(config: str, flags: str, path: str, key: str) -> None:
    kubelet = observe.kubelet(config, flags)
    entry = {one.name: one for one in estate.estate(estate.Layout(kubelet=kubelet))}["kubelet-server"]
    assert (entry.path, entry.key_path) == (path, key)
    assert kubelet.own_serving == (path if path.endswith("/kubelet.crt") else "")


@pytest.mark.parametrize(
    ("config", "drop_in", "path", "port", "unread"),
    [
        ("serverTLSBootstrap: true\n", "", "kubelet-server-current.pem", 10250, {}),
        ("port: 1\n", "port: 2\nserverTLSBootstrap: true\n", "kubelet-server-current.pem", 2, {}),
        (None, "serverTLSBootstrap: true\n", "kubelet-server-current.pem", 10250, {}),
        ("port: 1\n", "address: &a 127.0.0.1\n", "", 1, {"10.conf": "line 1: anchors, tags and directives"}),
        ("- a\n", "", "", 10250, {"other.yaml": "it is no mapping"}),
        ("- a\n", "serverTLSBootstrap: true\n", "kubelet-server-current.pem", 10250, {"other.yaml": "it is no"}),
    ],
    ids=["elsewhere", "a drop-in", "a drop-in alone", "a drop-in not read", "not read", "not read, and told"],
)
def test_every_configuration_of_a_kubelet_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: str | None,
    drop_in: str,
    path: str,
    port: int,
    unread: dict[str, str],
) -> None:
    (tmp_path / "kubelet.d" / "sub").mkdir(parents=True)
    (tmp_path / "kubelet.d" / "sub" / "10.conf").write_text(drop_in)
    (tmp_path / "kubelet.d" / "20.txt").write_text("port: 3\n")
    if config is not None:
        (tmp_path / "other.yaml").write_text(config)
    flags = f"kubelet --config={tmp_path}/other.yaml --config-dir={tmp_path}/kubelet.d"
    monkeypatch.setattr(observe, "_kubelet_flags", lambda: flags)
    layout = estate.Layout(kubelet=observe.own_kubelet())
    assert layout.kubelet is not None
    entries = {one.name: one for one in estate.estate(layout)}
    assert [Path(one.path).name for name, one in entries.items() if name == "kubelet-server"] == [path][: bool(path)]
    assert layout.kubelet.port == port
    assert layout.kubelet.own_serving == ""
    findings = {Path(one.file.path).name: one.problems for one in observe.unread_configs(layout)}
    assert list(findings) == list(unread)
    assert all(
        findings[name][0][0] == "config_not_read" and text in findings[name][0][1] for name, text in unread.items()
    )
    # Nobody can tell the file: the port is asked alone.
    assert [str(one) for one in estate.served_without_file(layout)] == ([] if path else [f"127.0.0.1:{port}"])


@pytest.mark.parametrize(
    ("requested", "names"),
    [(True, ("w1", "192.0.2.7", "2001:db8::7")), (False, ("w1",))],
    ids=["the cluster", "itself"],
)
def test_a_kubelet_is_reached_by_the_addresses_of_its_node(requested: bool, names: tuple[str, ...]) -> None:
    addresses = ("192.0.2.7", "2001:db8::7", "w1.example.com")
    kubelet = estate.Kubelet("w1", addresses, serving_requested=requested)
    entries = {entry.name: entry for entry in estate.estate(estate.Layout(kubelet=kubelet))}
    assert entries["kubelet-server"].wanted_names == names


def test_the_kubelets_name_is_not_taken_from_its_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe.socket, "gethostname", lambda: "Node-7")
    kubelet = observe.layout("/none", ("workers",)).kubelet
    assert kubelet is not None
    wanted = {entry.name: entry.wanted_user for entry in estate.estate(estate.Layout(kubelet=kubelet))}
    assert wanted["kubelet-client"] == "system:node:node-7"


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ("clusterDomain: cluster.local\n", ["kubernetes.default.svc.cluster.local"]),
        ("clusterDomain: corp.example\nport: 10250\n", ["kubernetes.default.svc.corp.example"]),
        ("port: 10250\n", []),
        ("not: [yaml\n", []),
    ],
    ids=["kubeadm's own", "another domain", "not told", "not readable"],
)
def test_the_domain_that_the_api_servers_certificate_has_is_the_kubelets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, wanted: list[str]
) -> None:
    (tmp_path / "config.yaml").write_text(config)
    monkeypatch.setattr(observe, "KUBELET_CONFIG", str(tmp_path / "config.yaml"))
    names = estate.api_server_names(observe.layout(str(tmp_path), ("control_plane",)))
    assert [name for name in names if name.startswith("kubernetes.default.svc.")] == wanted
    assert "kubernetes.default.svc" in names


@pytest.mark.parametrize(
    ("user", "other"),
    [("token: abc", "token"), ("exec: {}", ""), ("username: me", "username"), ("tokenFile: /t", "tokenFile")],
)
def test_a_kubeconfig_without_a_certificate_is_still_an_entry(tmp_path: Path, user: str, other: str) -> None:
    path = tmp_path / "scheduler.conf"
    path.write_text(f"clusters: []\nusers:\n- name: a\n  user:\n    {user}\n")
    (found,) = observe.observe([estate.Entry("scheduler.conf", str(path), form=estate.KUBECONFIG, use=estate.CLIENT)])
    assert (found.certificates, found.other, found.problems) == ((), other, ())


@pytest.mark.parametrize(
    ("manager", "path", "key"),
    [
        ({}, "{pki}/ca.crt", "{pki}/ca.key"),
        (
            {"cluster-signing-cert-file": ["{pki}/ca.crt"], "cluster-signing-key-file": ["{pki}/ca.key"]},
            "{pki}/ca.crt",
            "{pki}/ca.key",
        ),
        ({"cluster-signing-cert-file": ["{pki}/ca-signing.crt"]}, "{pki}/ca.crt", "{pki}/ca.key"),
        ({"cluster-signing-cert-file": [""], "cluster-signing-key-file": [""]}, "/clients.crt", ""),
        (
            {"cluster-signing-cert-file": ["/s/ca.crt"], "cluster-signing-key-file": ["/s/ca.key"]},
            "/s/ca.crt",
            "/s/ca.key",
        ),
    ],
    ids=["kubeadm's own", "as kubeadm writes it", "in a rotation", "its key is kept elsewhere", "another place"],
)
def test_the_ca_that_signs_is_not_those_of_clients(manager: dict[str, list[str]], path: str, key: str) -> None:
    pki = "/etc/kubernetes/pki"
    flags = {name: [value.format(pki=pki) for value in values] for name, values in manager.items()}
    layout = estate.Layout(
        api_server=StaticPod(arguments={"client-ca-file": ["/clients.crt"]}),
        controller_manager=StaticPod(arguments=flags),
        kubelet=estate.Kubelet(client_ca="/clients.crt"),
    )
    entries = estate.estate(layout)
    signing = estate.authorities(entries)["ca"]
    assert (signing.path, signing.key_path) == (path.format(pki=pki), key.format(pki=pki))
    assert not [entry.key_path for entry in entries if entry.path == "/clients.crt" and entry.key_path]


@pytest.mark.parametrize(
    ("client_ca", "root_ca", "found"),
    [
        ("{pki}/ca.crt", "", ("{pki}/ca.crt", "{pki}/ca.key")),
        ("/clients.crt", "{pki}/ca.crt", ("{pki}/ca.crt", "{pki}/ca.key")),
        ("/clients.crt", "/root.crt", ("/csr/ca.crt", "/csr/ca.key")),
    ],
    ids=["clients are kubeadm's", "pods trust kubeadm's", "nothing is kubeadm's"],
)
def test_a_ca_for_requests_alone_is_not_the_clusters(client_ca: str, root_ca: str, found: tuple[str, str]) -> None:
    pki = "/etc/kubernetes/pki"
    signing = {"cluster-signing-cert-file": ["/csr/ca.crt"], "cluster-signing-key-file": ["/csr/ca.key"]}
    layout = estate.Layout(
        api_server=StaticPod(arguments={"client-ca-file": [client_ca.format(pki=pki)]}),
        controller_manager=StaticPod(arguments={**signing, "root-ca-file": [root_ca.format(pki=pki)]}),
    )
    authorities = estate.authorities(estate.estate(layout))
    cluster = authorities["ca"]
    assert (cluster.path, cluster.key_path) == tuple(path.format(pki=pki) for path in found)
    assert ("signing-ca" in authorities) is (cluster.path != "/csr/ca.crt")


@pytest.mark.parametrize(
    ("server", "own"),
    [
        ("https://api.example:8443", True),
        ("https://192.0.2.1:6443", True),
        ("https://api.example:9443", False),
        ("https://api.other:6443", False),
        ("https://127.0.0.1:6443", False),
        ("https://api.example:port", False),
        ("", False),
    ],
    ids=["the endpoint", "this node", "another port", "another cluster", "a tunnel", "no port", "none"],
)
def test_which_api_is_this_clusters(tmp_path: Path, server: str, own: bool) -> None:
    top = control_plane(tmp_path)
    (tmp_path / "admin.conf").write_text(
        "clusters:\n- name: a\n  cluster:\n    server: https://api.example:8443\nusers: []\n"
    )
    layout = observe.layout(top)
    assert estate.is_own_api(layout, server) is own
    pod = StaticPod(arguments={"tls-sni-cert-key": ["/a.crt,/a.key"], "advertise-address": ["192.0.2.1"]})
    assert not estate.is_own_api(replace(layout, api_server=pod), server)


def test_a_worker_has_no_control_plane(tmp_path: Path) -> None:
    (tmp_path / "admin.conf").touch()
    layout = observe.layout(str(tmp_path))
    assert (layout.missing, layout.api_server, paths(layout)) == ((), None, set())
