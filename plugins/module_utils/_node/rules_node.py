# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about each node for itself (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_interface

from .._inventory.finding import ERROR, WARNING, Finding, shown
from .._inventory.model import Inventory, as_address, as_int, networks_or_none, overlap, parse_endpoint
from .._inventory.rules_version import bundle_architectures, line, wanted
from .._kubeadm import made_with
from .._kubeadm.state import ABSENT, COMPLETE, PARTIAL, WAY_OUT, goes_on
from .._version.releases import (
    CGROUP_V1_REFUSED_SINCE,
    CONTAINERD_2_REQUIRED_SINCE,
    CONTAINERD_2_WANTED_SINCE,
    floors,
)
from .._version.version import KubeVersion, numbers
from .model import Facts, Observed, Thresholds, section

# The kubelet's defaults: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
EVICTION_PERCENT = {"/var/lib/kubelet": 10, "/var/lib/containerd": 15}
# Process names as the kernel has them, cut to 15 characters.
KUBERNETES_PROCESSES = (
    "kube-apiserver",
    "kube-controller",
    "kube-scheduler",
    "kubelet",
    "etcd",
    "haproxy",
    "kube-proxy",
)
# https://kubernetes.io/docs/reference/networking/ports-and-protocols/
CONTROL_PLANE_PORTS = (10257, 10259)
KUBELET_PORT = 10250
ETCD_PORTS = (2379, 2380)
TRUE = ("true", "yes", "on", "1")


def cpus_and_memory(observed: Observed, limits: Thresholds) -> Iterator[Finding]:
    """kubeadm's own floor for control planes; a smaller one for workers."""
    for host, facts in observed.nodes():
        role = "control plane" if observed.is_control_plane(host) else "worker"
        prefix = role.replace(" ", "_")
        for fact, rule, unit in (("cpu_count", "cpus", "CPUs"), ("memory_mib", "memory", "MiB of memory")):
            has, variable = facts.get(fact), f"{prefix}_{fact if fact == 'memory_mib' else 'cpus'}"
            least = getattr(limits, variable)
            if has is not None and has < least:
                yield Finding(
                    f"node.{rule}",
                    ERROR,
                    f"a {role} needs {least} {unit}, and the node has {has}",
                    f"give the node more, or lower preflight_{variable}",
                    hosts=(host,),
                    variable=f"preflight_{variable}",
                    value=str(least),
                )


def kernel(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """kubeadm's SystemVerification refuses older kernels."""
    least = floors(line(observed.inventory)).kernel
    for host, facts in observed.nodes():
        has = numbers(str(facts.get("kernel") or ""))
        if has and has[:2] < least:
            yield Finding(
                "node.kernel",
                ERROR,
                f"the kernel is {facts['kernel']}; {line(observed.inventory)} needs {least[0]}.{least[1]} or newer",
                "install a newer kernel and reboot",
                hosts=(host,),
            )


def cgroup(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """KEP-5573: from 1.35 the kubelet does not start on cgroup v1 unless failCgroupV1 is false."""
    minor = line(observed.inventory)
    for host, facts in observed.nodes():
        if section(facts, "cgroup").get("version") != 1:
            continue
        overlay = observed.inventory.value("kubeops_kubelet_config", host)
        allowed = isinstance(overlay, Mapping) and overlay.get("failCgroupV1") is False
        refused = minor >= CGROUP_V1_REFUSED_SINCE and not allowed
        yield Finding(
            "node.cgroup",
            ERROR if refused else WARNING,
            f"the node uses cgroup v1, which the kubelet {'refuses' if refused else 'will refuse one day'} ({minor})",
            "boot with systemd.unified_cgroup_hierarchy=1"
            + (", or set failCgroupV1: false in kubeops_kubelet_config" if refused else ""),
            hosts=(host,),
            variable="kubeops_kubelet_config" if refused else "",
            value="failCgroupV1: true (the default)" if refused else "",
        )


def swap(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """node_prep switches it off; nobody shall be surprised."""
    if observed.inventory.value("kubeops_swap") == "tolerate":
        return
    for host, facts in observed.nodes():
        found = section(facts, "swap")
        listed = sorted({*found.get("active", ()), *found.get("fstab", ())})
        if listed:
            yield Finding(
                "node.swap",
                WARNING,
                f"swap on {', '.join(listed)} will be switched off, now and at boot",
                "set kubeops_swap to tolerate to keep it",
                hosts=(host,),
                variable="kubeops_swap",
                value="off",
            )


def own_address(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """The node's address is one it has. A load balancer needs one for keepalived alone."""
    for host, facts in observed.machines():
        if observed.only_balances(host) and not observed.inventory.value("kubeops_vip"):
            continue
        present = [entry["address"] for entry in facts.get("addresses") or ()]
        for text in observed.inventory.node_ips(host):
            if present and as_address(text) not in [as_address(address) for address in present]:
                yield Finding(
                    "node.address",
                    ERROR,
                    f"the node has no such address; it has {', '.join(present)}",
                    "set kubeops_node_ip of the host to one of them",
                    hosts=(host,),
                    variable="kubeops_node_ip",
                    value=text,
                )


def node_networks(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """Pods and services must not shadow a network that nodes are in."""
    for host, facts in observed.nodes():
        own = set(observed.inventory.node_ips(host))
        for entry in facts.get("addresses") or ():
            network = ip_interface(f"{entry['address']}/{entry['prefix']}").network
            for variable in ("kubeops_pod_subnet", "kubeops_service_subnet"):
                for subnet in networks_or_none(observed.inventory.value(variable)):
                    if entry["address"] in own and overlap(subnet, network):
                        yield Finding(
                            "node.network_overlap",
                            ERROR,
                            f"overlaps with the nodes' own network {network}",
                            f"choose another network for {variable}",
                            hosts=(host,),
                            variable=variable,
                            value=str(subnet),
                        )


def vip_network(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """keepalived's address has to be in a network of the machines that carry it."""
    vip = as_address(str(observed.inventory.value("kubeops_vip") or ""))
    if vip is None or observed.inventory.value("kubeops_load_balancer") != "haproxy":
        return
    for host in observed.inventory.load_balancers:
        entries = section(observed.facts, host).get("addresses") or ()
        networks = [ip_interface(f"{entry['address']}/{entry['prefix']}").network for entry in entries]
        if networks and not any(vip in network for network in networks):
            yield Finding(
                "node.vip_network",
                ERROR,
                f"lies in no network of the host ({', '.join(str(network) for network in networks)})",
                "choose a free address in the nodes' network",
                hosts=(host,),
                variable="kubeops_vip",
                value=str(vip),
            )


def ports(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """Ports are free, or held by what belongs there."""
    for host, facts in observed.machines():
        wanted_ports = needed_ports(observed, host)
        expected = KUBERNETES_PROCESSES if observed.state(host) != ABSENT else ()
        own = ("haproxy", "etcd") if host in observed.inventory.group("etcd") else ("haproxy",)
        seen = {}
        for entry in facts.get("listening") or ():
            user = wanted_ports.get(entry["port"])
            if entry["protocol"] == "tcp" and user and not _expected(entry, user, own, expected):
                seen[entry["port"]] = entry["process"] or "a process that is not visible"
        for port, process in seen.items():
            yield Finding(
                "node.port_taken",
                ERROR,
                f"port {port}, for {wanted_ports[port]}, is held by {process}",
                "stop that process, or move it to another port",
                hosts=(host,),
            )


def _expected(entry: Facts, user: str, own: tuple[str, ...], processes: tuple[str, ...]) -> bool:
    """haproxy and an external etcd stand before Kubernetes comes, so an earlier run may have left them."""
    if user in own and entry["process"] == user:
        return True
    return bool(processes) and entry["process"] in (None, *processes)


def needed_ports(observed: Observed, host: str) -> dict[int, str]:
    """TCP ports by number, with who will listen there."""
    inventory = observed.inventory
    needed = dict.fromkeys(ETCD_PORTS, "etcd") if host in inventory.group("etcd") else {}
    if host in inventory.nodes:
        needed[KUBELET_PORT] = "kubelet"
    if observed.is_control_plane(host):
        needed[as_int(inventory.value("kubeops_api_port"), 6443)] = "kube-apiserver"
        needed.update(zip(CONTROL_PLANE_PORTS, ("kube-controller-manager", "kube-scheduler")))
        if not inventory.external_etcd:
            needed.update(dict.fromkeys(ETCD_PORTS, "etcd"))
    endpoint = parse_endpoint(str(inventory.value("kubeops_endpoint") or ""))
    if endpoint and inventory.balances(host):
        needed.setdefault(endpoint[1], "haproxy")
        needed.setdefault(inventory.monitor_port, "haproxy")
    return needed


def disk(observed: Observed, limits: Thresholds) -> Iterator[Finding]:
    """Enough to begin with; on a node that works already it is a warning."""
    nodes = observed.inventory.nodes
    for host, facts in observed.machines():
        for path, least in limits.disk_free_mib.items():
            free = section(section(facts, "disk"), path).get("free_mib")
            needed = observed.keeps_etcd(host) if path == "/var/lib/etcd" else host in nodes
            if free is not None and free < least and needed:
                yield Finding(
                    "node.disk",
                    WARNING if observed.works(host) else ERROR,
                    f"{path} has {free} MiB left of the {least} MiB asked for",
                    "make room, or lower it in preflight_disk_free_mib",
                    hosts=(host,),
                    variable="preflight_disk_free_mib",
                    value=f"{path}: {least}",
                )


def disk_pressure(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """A kubelet below its eviction threshold lets no pod in, and its node still calls itself Ready."""
    if "evictionHard" in (observed.inventory.value("kubeops_kubelet_config") or {}):
        return
    for host, facts in observed.nodes():
        for path, percent in EVICTION_PERCENT.items():
            space = section(section(facts, "disk"), path)
            if space.get("total_mib") and space["free_mib"] * 100 < space["total_mib"] * percent:
                yield Finding(
                    "node.disk_pressure",
                    WARNING if observed.state(host) == COMPLETE else ERROR,
                    f"{path} has {space['free_mib'] * 100 // space['total_mib']} % left: "
                    f"below {percent} % the kubelet takes no pods",
                    "make room, or set evictionHard in kubeops_kubelet_config",
                    hosts=(host,),
                    variable="kubeops_kubelet_config",
                    value="no evictionHard",
                )


def clock(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """A time service can be running and not have reached its servers."""
    for host, facts in observed.machines():
        time = section(facts, "time")
        # A system container has its machine's clock.
        if time.get("synchronized") is False and facts.get("container") is None:
            keeper = time.get("service")
            yield Finding(
                "node.clock",
                WARNING,
                f"the kernel calls the clock not synchronised ({keeper or 'no time service'} runs)",
                "look at the time service" if keeper else "set node_prep_time_sync: install, or bring your own",
                hosts=(host,),
            )


def architecture(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """The bundle has binaries for the node."""
    version, manifest = wanted(observed.inventory), observed.around.bundle
    if version is None or not isinstance(manifest, Mapping):
        return
    has = bundle_architectures(manifest, version)
    for host, facts in observed.machines():
        if observed.only_balances(host):
            continue
        if has and facts.get("arch") and facts["arch"] not in has:
            yield Finding(
                "node.architecture",
                ERROR,
                f"the bundle has {version} for {', '.join(has)}, and the node is {facts['arch']}",
                "add the architecture with build_bundle.yml",
                hosts=(host,),
                variable="kubeops_bundle",
                value=str(observed.inventory.value("kubeops_bundle")),
            )


def operating_system(observed: Observed, limits: Thresholds) -> Iterator[Finding]:
    """Says so where nobody has tried."""
    for host, facts in observed.nodes():
        system = section(facts, "os")
        names = {str(system.get("id")), f"{system.get('id')} {str(system.get('version_id')).split('.', 1)[0]}"}
        names.add(f"{system.get('id')} {system.get('version_id')}")
        if system and limits.tested_os and not names & set(limits.tested_os):
            yield Finding(
                "node.os",
                WARNING,
                f"{system.get('pretty_name') or system.get('id')} is not among the systems the collection is tested on",
                "try it on a node you can lose, then add it to preflight_tested_os",
                hosts=(host,),
            )


def runtime(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """KEP-4033: from 1.38 the kubelet asks the runtime for its cgroup driver, which containerd 1.x cannot tell."""
    minor = line(observed.inventory)
    for host, facts in observed.nodes():
        found = section(facts, "runtime")
        version = numbers(str(found.get("version") or ""))
        if found.get("name") != "containerd" or not version or version[0] >= 2 or minor < CONTAINERD_2_WANTED_SINCE:
            continue
        yield Finding(
            "node.containerd",
            ERROR if minor >= CONTAINERD_2_REQUIRED_SINCE else WARNING,
            f"containerd {found['version']}: Kubernetes {CONTAINERD_2_REQUIRED_SINCE} and later need containerd 2.0",
            "upgrade containerd to 2.x",
            hosts=(host,),
        )


def unfinished(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """Never reset in silence, and never beside a kubeadm that still works there."""
    policy = str(observed.inventory.value("kubeops_on_partial"))
    for host, _facts in observed.nodes():
        if observed.state(host) != PARTIAL:
            continue
        kubernetes = observed.kubernetes(host)
        evidence = "; ".join(map(str, kubernetes.get("evidence", ()))) or "no evidence given"
        if kubernetes.get("markers", {}).get("running"):
            yield Finding("node.busy", ERROR, evidence, "wait until it has ended, then run again", hosts=(host,))
            continue
        safe = policy == "fail" and goes_on(kubernetes.get("markers", {}))
        follows = "; nothing can be lost, so this run goes on from there" if safe else f"; will {policy}"
        yield Finding(
            "node.partial",
            ERROR if policy == "fail" and not safe else WARNING,
            f"Kubernetes was left half installed: {evidence}" + (follows if safe or policy != "fail" else ""),
            WAY_OUT,
            hosts=(host,),
            variable="kubeops_on_partial",
            value=policy,
        )


def other_role(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """A node does not change its role by moving between groups."""
    for host, _facts in observed.nodes():
        has = observed.kubernetes(host).get("role")
        wants = "control_plane" if observed.is_control_plane(host) else "worker"
        if observed.state(host) == COMPLETE and has in ("control_plane", "worker") and has != wants:
            yield Finding(
                "node.role",
                ERROR,
                f"the node is a {has} of its cluster, and a {wants} in the inventory".replace("_", " "),
                "put the host into the other group, or remove the node from the cluster first",
                hosts=(host,),
                variable="group",
                value="control_plane" if wants == "control_plane" else "workers",
            )


def other_cluster(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """The kubelet's own kubeconfig says whose node it is.

    On control planes kubeadm points it to the API server next to it.
    """
    endpoint = observed.inventory.endpoint()
    if endpoint is None:
        return
    for host, _facts in observed.nodes():
        server = str(observed.kubernetes(host).get("server") or "")
        own = (*observed.inventory.node_ips(host), "127.0.0.1", "localhost", "::1")
        allowed = {endpoint[0], *(own if observed.is_control_plane(host) else ())}
        if observed.state(host) == COMPLETE and server and _host(server) not in allowed:
            yield Finding(
                "node.other_cluster",
                ERROR,
                f"the node belongs to the cluster at {server}",
                "correct kubeops_endpoint, or remove the node from that cluster first",
                hosts=(host,),
                variable="kubeops_endpoint",
                value=f"{endpoint[0]}:{endpoint[1]}",
            )


def _host(server: str) -> str:
    found = parse_endpoint(server.split("://", 1)[-1].rstrip("/"))
    return found[0] if found else server


def running_version(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """A live node changes its version in an upgrade, never on the side. Of a worker there is the kubelet to see."""
    version = wanted(observed.inventory)
    for host, facts in observed.nodes():
        what, seen = "control plane", section(section(observed.kubernetes(host), "components"), "kube-apiserver")
        if not observed.is_control_plane(host):
            what, seen = "worker", section(section(facts, "binaries"), "kubelet")
        text = seen.get("version")
        if version is None or observed.state(host) != COMPLETE or not text:
            continue
        try:
            runs = KubeVersion.parse(text)
        except ValueError:
            continue  # an image tag of one's own says nothing
        if runs != version:
            yield Finding(
                "node.version",
                ERROR,
                f"the {what} runs {runs}, and this is no upgrade",
                f"set kubeops_version to {runs}, or upgrade the cluster first",
                hosts=(host,),
                variable="kubeops_version",
                value=shown(observed.inventory.value("kubeops_version")),
            )


def remaking(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """What a cluster was made with is no setting; kubeadm_reconfigure compares again, with patches and overlays."""
    for host, _facts in observed.nodes():
        live = section(observed.kubernetes(host), "made_with")
        if observed.state(host) != COMPLETE or not live:
            continue
        for refused in made_with.refusals(_wanted(observed.inventory), made_with.MadeWith(**live)):
            yield Finding(
                "node.made_with",
                ERROR,
                refused.evidence,
                refused.fix,
                hosts=(host,),
                variable=refused.variable,
                value=shown(observed.inventory.value(refused.variable) or ""),
            )


def _wanted(inventory: Inventory) -> made_with.MadeWith:
    """By the variables, and the overlays that go before them."""
    cluster = section(inventory.value("kubeops_kubeadm_extra"), "ClusterConfiguration")
    networking, flags = section(cluster, "networking"), inventory.value("kubeops_controller_manager_extra_args")
    own_encryption = (
        "encryption-provider-config" in inventory.value("kubeops_api_server_extra_args")
        or "apiServer" in cluster
        or inventory.value("kubeops_patches")
    )
    encrypted = str(inventory.value(made_with.ENCRYPTION)).lower() in TRUE
    return made_with.MadeWith(
        etcd="" if "etcd" in cluster else made_with.EXTERNAL if inventory.external_etcd else made_with.STACKED,
        service_subnet=str(networking.get("serviceSubnet", inventory.value("kubeops_service_subnet"))),
        pod_subnet=str(flags.get("cluster-cidr", networking.get("podSubnet", inventory.value("kubeops_pod_subnet")))),
        dns_domain=str(networking.get("dnsDomain", inventory.value("kubeops_dns_domain"))),
        encryption="wanted" if encrypted or own_encryption else "",
    )


RULES = (
    cpus_and_memory,
    kernel,
    cgroup,
    swap,
    own_address,
    node_networks,
    vip_network,
    ports,
    disk,
    disk_pressure,
    clock,
    architecture,
    operating_system,
    runtime,
    unfinished,
    other_role,
    other_cluster,
    running_version,
    remaking,
)
