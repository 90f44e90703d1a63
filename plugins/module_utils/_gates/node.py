# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade has to know of one node. Reads only."""

from __future__ import annotations

import contextlib
import difflib
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.runner import Runner
from .._kubeadm import drift, generate, kubeconfig, paths, state, static_pod
from .._node.probe import disk_space, probe_node
from .._x509 import check, load
from .settings import (
    environment_files,
    feature_gates,
    flag_names,
    flag_value,
    kubelet_gates,
    kubelet_options,
    yaml_scalar,
)

SECTIONS = ("binaries", "runtime", "cgroup", "disk", "services", "kubernetes")
CLIENT_CONFIGS = {
    "kube-controller-manager": f"{paths.KUBERNETES}/controller-manager.conf",
    "kube-scheduler": f"{paths.KUBERNETES}/scheduler.conf",
    "kubelet": paths.KUBELET_CONF,
}
CERTIFICATES = {
    "warning": "30d,10%",
    "critical": "7d,3%",
    "ca_warning": "365d,10%",
    "paths": [],
    "endpoints": [],
    "groups": [],
    "api_server_names": [],
    "node_addresses": [],
    "served": False,
    "timeout": 3.0,
    "reference_time": 0.0,
    "max_clock_offset": 60.0,
}
TIMEOUT_SECONDS = 60.0
KUBEADM = "kubeadm"
# Where upgrade_cluster keeps programs by version.
RELEASES = "/var/lib/kubeops/releases"
ETCD = "etcd"
KUBERNETES_PODS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


def probe(runner: Runner, patches: str, disk_paths: Sequence[str] = ()) -> dict[str, Any]:
    """Return the fact kubeops_upgrade; see the module's RETURN.

    patches: directory of kubeadm's patches, or empty. disk_paths: to be measured besides the usual ones.
    """
    seen = probe_node(runner, SECTIONS)
    kubernetes = seen.get("kubernetes") or {}
    pods = _static_pods()
    kubelet = files.read_text(paths.KUBELET_CONFIG) or ""
    options = _kubelet_options(runner)
    wanted, kubelet_note = _kubelet_config(runner, patches, kubelet if kubernetes.get("kubelet_healthy") else "")
    return {
        "name": kubernetes.get("node_name", ""),
        "state": kubernetes.get("state", state.ABSENT),
        "kubelet_healthy": kubernetes.get("kubelet_healthy"),
        "api_ready": kubernetes.get("api_ready"),
        "binaries": {name: found["version"] for name, found in (seen.get("binaries") or {}).items()},
        "runtime": seen.get("runtime") or {},
        "cgroup": (seen.get("cgroup") or {}).get("version", 0),
        "cgroup_v1_accepted": yaml_scalar(wanted or kubelet, "failCgroupV1") == "false",
        "flags": {**{name: sorted(pod.arguments) for name, pod in pods.items()}, "kubelet": flag_names(options)},
        "gates": {
            **{name: feature_gates(pod.argument("feature-gates")) for name, pod in pods.items()},
            # The upgrade writes its configuration anew, so what counts is what kubeadm would write.
            "kubelet": kubelet_gates([wanted or kubelet, *_drop_ins(options)], options),
        },
        "local": _local(pods.get("kube-apiserver")),
        "disk": {**(seen.get("disk") or {}), **{path: disk_space(path) for path in disk_paths}},
        "etcd_data_mib": _size_mib(pods["etcd"].argument("data-dir", paths.ETCD_DATA)) if "etcd" in pods else 0,
        **_certificates(),
        **_drift(runner, pods, patches),
        "kubelet_drift": kubelet_diff(kubelet, wanted),
        "kubelet_drift_note": kubelet_note,
    }


def _static_pods() -> dict[str, static_pod.StaticPod]:
    texts = {name: files.read_text(f"{paths.MANIFESTS}/{name}.yaml") for name in generate.MANIFESTS}
    return {name: static_pod.parse(text) for name, text in texts.items() if text is not None}


def _kubelet_options(runner: Runner) -> str:
    """What its next start would have: the command line of the one that runs may be older than the files."""
    properties = "--property=ExecStart,Environment,EnvironmentFiles"
    unit = runner.run(["systemctl", "show", "kubelet", properties], timeout=TIMEOUT_SECONDS).stdout
    others = [files.read_text(path) or "" for path in environment_files(unit) if path != paths.KUBELET_FLAGS]
    return kubelet_options(files.read_text(paths.KUBELET_FLAGS) or "", [unit, *others])


def _drop_ins(options: str) -> list[str]:
    """Configurations beside the kubelet's own, in the order in which it reads them."""
    directory = flag_value(options, "config-dir").rpartition(",")[2]
    return [files.read_text(str(path)) or "" for path in sorted(Path(directory).rglob("*.conf"))] if directory else []


def _local(apiserver: static_pod.StaticPod | None) -> list[str]:
    """Components whose kubeconfig names this node's own API server."""
    if apiserver is None:
        return []
    own = urlsplit(static_pod.local_url(apiserver)).netloc
    servers = {name: kubeconfig.server(files.read_text(path) or "") for name, path in CLIENT_CONFIGS.items()}
    return [name for name, server in servers.items() if own and urlsplit(server).netloc == own]


def _size_mib(directory: str) -> int:
    total = sum(entry.stat().st_size for entry in Path(directory).rglob("*") if entry.is_file())
    return total // 1024 // 1024


def _certificates() -> dict[str, Any]:
    """Seconds that each certificate is still valid for; certificates_note where they could not be read."""
    if not load.HAS_CRYPTOGRAPHY:
        return {"certificates": [], "certificates_note": "the Python library cryptography is missing on the node"}
    result = check.check(CERTIFICATES, clock.now())
    rows = [
        {"name": row["name"], "path": row["path"], "verdict": row["verdict"], "seconds_left": row["seconds_left"]}
        for row in result["certificates"]
        if row["seconds_left"] is not None
    ]
    return {"certificates": rows, "certificates_note": ""}


def _drift(runner: Runner, pods: Mapping[str, static_pod.StaticPod], patches: str) -> dict[str, Any]:
    """Diffs by component between its manifest and what kubeadm would write.

    drift_note says why nothing was compared, drift_passes that another look may do better.
    """
    note, passes, diffs = "", False, {}
    if "kube-apiserver" in pods:
        try:
            writers = kubeadms(_versions(pods), _version_of(runner, KUBEADM), functools.partial(_kept, runner))
            generate_by = functools.partial(_generated, runner, pods["kube-apiserver"], patches)
            diffs = _manifest_diffs([generate_by(*writer) for writer in writers])
            if ETCD in diffs and etcd_left_behind(runner, {version for __, version in writers}, generate_by):
                del diffs[ETCD]
        except NotComparableError as error:
            note = str(error)
        except KubeopsError as error:
            note, passes = str(error), True
    return {"drift": diffs, "drift_note": note, "drift_passes": passes}


def _generated(
    runner: Runner, apiserver: static_pod.StaticPod, patches: str, program: str, version: str
) -> dict[str, str]:
    return generate.from_cluster(runner, program, version, apiserver, patches)


def etcd_left_behind(
    runner: Runner, known: Collection[str], generate_by: Callable[[str, str], Mapping[str, str]]
) -> bool:
    """Whether its manifest is as a kubeadm wrote it that an earlier upgrade, which left etcd out, has kept."""
    live = {ETCD: files.read_text(f"{paths.MANIFESTS}/{ETCD}.yaml") or ""}
    for version in sorted(path.name for path in Path(RELEASES).glob("v*") if path.name not in known):
        program = _kept(runner, version)
        with contextlib.suppress(KubeopsError):  # one too old for the cluster's configuration wrote nothing
            wanted = generate_by(program, version) if program else {}
            if ETCD in wanted and not manifest_diffs(live, [wanted]):
                return True
    return False


def _kubelet_config(runner: Runner, patches: str, live: str) -> tuple[str, str]:
    """The kubelet's configuration as kubeadm would write it from the cluster's, and why it is not known.

    live is empty where there is nothing to compare.
    """
    if not live:
        return "", ""
    Path(paths.RUN).mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return generate.worker(runner, patches).kubelet["config.yaml"], ""
    except KubeopsError as error:
        return "", str(error)


def kubelet_diff(live: str, wanted: str) -> str:
    """Empty where they are the same, or kubeadm would write none (pure)."""
    return _diff("config.yaml of the kubelet", live, wanted) if wanted and live.strip() != wanted.strip() else ""


class NotComparableError(KubeopsError):
    """The kubeadm that wrote the manifests is not there."""


def _versions(pods: Mapping[str, static_pod.StaticPod]) -> list[str]:
    """Versions of Kubernetes in the manifests, the API server's first; more than one in the middle of an upgrade."""
    return list(dict.fromkeys(pods[name].version for name in KUBERNETES_PODS if name in pods))


def kubeadms(versions: Sequence[str], installed: str, kept: Callable[[str], str]) -> list[tuple[str, str]]:
    """Programs and their versions that together can have written manifests of these versions.

    kept returns the program of a version that an upgrade kept, empty where there is none. In the middle of an upgrade
    the installed one counts too, since etcd goes before everything else. Raises NotComparableError where one is
    missing.
    """
    programs = {version: KUBEADM if version == installed else kept(version) for version in versions}
    missing = [version for version, program in programs.items() if not program]
    if missing:
        raise NotComparableError(
            f"kubeadm is {installed}, and no kubeadm {missing[0]}, which wrote them, is on the node"
        )
    return [(program, version) for version, program in {**programs, installed: KUBEADM}.items()]


def _kept(runner: Runner, version: str) -> str:
    program = f"{RELEASES}/{version}/kubeadm"
    return program if Path(program).exists() and _version_of(runner, program) == version else ""


def _version_of(runner: Runner, kubeadm: str) -> str:
    return runner.run([kubeadm, "version", "--output", "short"], timeout=TIMEOUT_SECONDS).stdout.strip()


def _manifest_diffs(generated: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Of manifests that none of the kubeadms would have written, against the first of them."""
    live = {name: files.read_text(f"{paths.MANIFESTS}/{name}.yaml") or "" for name in generated[0]}
    return manifest_diffs(live, generated)


def manifest_diffs(live: Mapping[str, str], generated: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The same (pure): diffs by component."""
    found = {}
    for name, text in live.items():
        wanted = [drift.with_birth(one[name], text) if name == ETCD else one[name] for one in generated if name in one]
        if text and text not in wanted:
            found[name] = _diff(name, text, wanted[0])
    return found


def _diff(name: str, live: str, wanted: str) -> str:
    names = f"{name} as it is", f"{name} as kubeadm writes it"
    return "\n".join(difflib.unified_diff(live.splitlines(), wanted.splitlines(), *names, lineterm="", n=1))
