# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubeadm would write on this node now: the one truth that live files are compared with."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._core import files
from .._core.errors import KubeopsError
from .._core.runner import Runner
from . import command, config, credentials, output, paths, static_pod
from .api import admin
from .probe import own_node_name

# All phases but those that write what a running control plane reads. An addon is skipped only
# where it is not wanted: kubeadm notes a skipped addon as disabled in its ClusterConfiguration.
SKIPPED = (
    "preflight",
    "certs",
    "kubeconfig",
    "wait-control-plane",
    "upload-certs",
    "mark-control-plane",
    "bootstrap-token",
    "kubelet-finalize",
    "show-join-command",
)
# These ask the API.
UPLOADS = ("upload-config", "addon")
STATIC_PODS = ("etcd", "control-plane")
MANIFESTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
FLAGS_FILE = "kubeadm-flags.env"
KUBELET_FILES = ("config.yaml", FLAGS_FILE)
INSTANCE_FILES = ("instance-config.yaml", FLAGS_FILE)
TIMEOUT_SECONDS = 60.0

_VERSION = re.compile(r"^(kubernetesVersion:\s*)\S+", re.MULTILINE)


@dataclass(frozen=True)
class Generated:
    """Files and ConfigMaps as kubeadm would make them.

    Attributes:
        manifests: text by component.
        kubelet: text by file name below /var/lib/kubelet.
        config_maps: data by name of the ConfigMap in kube-system, for the keys kubeadm owns.
    """

    manifests: Mapping[str, str] = field(default_factory=dict)
    kubelet: Mapping[str, str] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def control_plane(runner: Runner, documents: Sequence[config.Document], addons: Sequence[str]) -> Generated:
    """Let kubeadm generate a control plane's files in a scratch directory on tmpfs."""
    return _init(runner, documents, [*SKIPPED, *config.unwanted_addons(addons)])


def without_api(runner: Runner, documents: Sequence[config.Document]) -> Generated:
    """The same without the ConfigMaps, for which no API server has to answer."""
    return _init(runner, documents, [*SKIPPED, *UPLOADS])


def from_cluster(
    runner: Runner, kubeadm: str, version: str, apiserver: static_pod.StaticPod, patches: str
) -> dict[str, str]:
    """Let a kubeadm, of this version, generate the static pods from the cluster's own configuration, by component."""
    with admin() as api:
        # In the middle of an upgrade the cluster's version is not this node's.
        cluster = _VERSION.sub(rf"\g<1>{version}", credentials.cluster_configuration(api))
    port = int(apiserver.argument("secure-port", "6443"))
    document = dict(config.upload_certs_document("", apiserver.argument("advertise-address"), port))
    del document["certificateKey"]
    if patches:  # kubeadm takes no --patches beside --config
        document["patches"] = {"directory": patches}
    text = config.dump([{**document, "nodeRegistration": {"name": own_node_name()}}]) + "---\n" + cluster
    with tempfile.TemporaryDirectory(dir=paths.RUN) as scratch, command.config_file(text) as path:
        for phase in (["control-plane", "all"], ["etcd", "local"]):
            argv = [kubeadm, "init", "phase", *phase, "--dry-run", "--config", path]
            runner.run(argv, env={"KUBEADM_INIT_DRYRUN_DIR": scratch}, timeout=TIMEOUT_SECONDS)
        return _texts(scratch, {name: f"{name}.yaml" for name in MANIFESTS})


def worker_flags(runner: Runner, node: config.Node, extra: Mapping[str, Mapping[str, Any]]) -> str:
    """Let kubeadm generate the flags of a worker's kubelet; a join has no dry run without a token."""
    version = runner.run(["kubeadm", "version", "--output", "short"], timeout=TIMEOUT_SECONDS).stdout.strip()
    with tempfile.TemporaryDirectory(dir=paths.RUN) as scratch:
        documents = config.kubelet_documents(version, node, extra, scratch)
        with command.config_file(config.dump(documents)) as path:
            skipped = ",".join((*SKIPPED, *UPLOADS, *STATIC_PODS))
            argv = ["init", "--dry-run", "--config", path, "--skip-phases", skipped]
            _dry_run(runner, argv, {"KUBEADM_INIT_DRYRUN_DIR": scratch})
        return files.read_text(f"{scratch}/{FLAGS_FILE}") or ""


def _init(runner: Runner, documents: Sequence[config.Document], skipped: Sequence[str]) -> Generated:
    with tempfile.TemporaryDirectory(dir=paths.RUN) as scratch, command.config_file(config.dump(documents)) as path:
        # The phases that upload look for it here, to read from the live API; a dry run writes nothing.
        shutil.copy2(paths.ADMIN_CONF, scratch)
        argv = ["init", "--dry-run", "--config", path, "--skip-phases", ",".join(skipped)]
        text = _dry_run(runner, argv, {"KUBEADM_INIT_DRYRUN_DIR": scratch})
        return Generated(
            manifests=_texts(scratch, {name: f"{name}.yaml" for name in MANIFESTS}),
            kubelet=_texts(scratch, {name: name for name in KUBELET_FILES}),
            config_maps=output.dry_run_config_maps(text),
        )


def worker(runner: Runner, patches: str) -> Generated:
    """Let kubeadm generate the kubelet's configuration of a worker from the cluster's."""
    with tempfile.TemporaryDirectory(dir=paths.RUN) as scratch:
        # Without the node's own file a dry run assumes the default container runtime socket.
        for own in filter(Path.exists, (Path(paths.KUBELET, name) for name in INSTANCE_FILES)):
            shutil.copy2(own, scratch)
        argv = ["upgrade", "node", "phase", "kubelet-config", "--dry-run", *(["--patches", patches] if patches else [])]
        text = _dry_run(runner, argv, {"KUBEADM_UPGRADE_DRYRUN_DIR": scratch})
    return Generated(kubelet={"config.yaml": output.dry_run_file(text, paths.KUBELET_CONFIG)})


def _dry_run(runner: Runner, argv: Sequence[str], environment: Mapping[str, str]) -> str:
    result = runner.run(["kubeadm", *argv], env=environment, timeout=TIMEOUT_SECONDS, check=False)
    if result.rc != 0:
        raise KubeopsError(
            "kubeadm cannot generate this node's configuration",
            seen=output.error(result.stderr),
            fix="correct the variable behind what kubeadm names",
            details={"failed_phase": output.failed_phase(result.stderr)},
        )
    return result.stdout


def _texts(directory: str, names: Mapping[str, str]) -> dict[str, str]:
    texts = {key: files.read_text(str(Path(directory, name))) for key, name in names.items()}
    return {key: text for key, text in texts.items() if text is not None}
