# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches a pod network's manifest on the controller, checks it, fits it to the cluster and applies it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible.module_utils.urls import open_url
from ansible.plugins.action import ActionBase

from ..module_utils._apply.objects import as_list, flatten
from ..module_utils._cni.manifest import adapt
from ..module_utils._core.errors import KubeopsError

CACHE = Path("~/.cache/kubeops/manifests")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # a base known when it runs
    """Kubernetes has no dates: what looks like one is text."""


_Loader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
    for first, entries in _Loader.yaml_implicit_resolvers.items()
}


def load(source: str, checksum: str, bundle: Path | None) -> bytes:
    """The manifest's bytes; KubeopsError where it can't be had or is another than was pinned."""
    if source.startswith("bundle:"):
        return _from_bundle(source.partition(":")[2], bundle)
    remote = source.startswith(("https://", "http://"))
    if remote and not checksum:
        raise KubeopsError(
            f"the manifest {source} is not pinned",
            seen="cni_manifest_sha256 is empty",
            fix="set cni_manifest_sha256 to its SHA-256, so that you run what you have read",
        )
    return _verified(_fetch(source, checksum) if remote else _read(source), checksum, source)


def parse(content: bytes, source: str) -> list[dict[str, Any]]:
    """The objects in a YAML file."""
    try:
        return [dict(item) for item in flatten(yaml.load_all(content, Loader=_Loader))]
    except (yaml.YAMLError, AttributeError) as error:
        raise KubeopsError(f"{source} is no Kubernetes manifest", seen=str(error)) from error


def _read(source: str) -> bytes:
    try:
        return Path(source).expanduser().read_bytes()
    except OSError as error:
        raise KubeopsError(
            f"the manifest {source} cannot be read on the controller", str(error), "correct cni_manifest"
        ) from error


def _fetch(url: str, checksum: str) -> bytes:
    """Pinned content never changes, so one download serves every later run."""
    kept = CACHE.expanduser() / checksum
    if kept.is_file() and _digest(kept.read_bytes()) == checksum:
        return kept.read_bytes()
    try:
        content: bytes = open_url(url, timeout=30).read()
    except Exception as error:  # urllib, ssl and http.client raise unrelated classes
        raise KubeopsError(
            f"the manifest {url} cannot be fetched by the controller",
            seen=f"{type(error).__name__}: {error}",
            fix="set cni_manifest to your mirror, to a file, or to bundle:NAME",
        ) from error
    if _digest(content) == checksum:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.write_bytes(content)
    return content


def _from_bundle(wanted: str, bundle: Path | None) -> bytes:
    """wanted is NAME or NAME@VERSION of an entry of kind `manifest`."""
    index = (bundle or Path()) / "manifest.json"
    name, __, version = wanted.partition("@")
    entries = json.loads(_read(str(index)))["files"]
    found = [e for e in entries if e["kind"] == "manifest" and e["name"] == name and version in ("", e["version"])]
    if len(found) != 1:
        there = ", ".join(f"{e['name']}@{e['version']}" for e in entries if e["kind"] == "manifest")
        raise KubeopsError(
            f"the bundle {bundle} has {len(found)} manifests for {wanted}",
            seen=f"manifests there: {there or 'none'}",
            fix="correct cni_manifest (bundle:NAME@VERSION), or add the manifest to the bundle",
        )
    path = str((bundle or Path()) / found[0]["path"])
    return _verified(_read(path), found[0]["sha256"], path)


def _verified(content: bytes, checksum: str, source: str) -> bytes:
    if checksum and _digest(content) != checksum.lower():
        raise KubeopsError(
            f"{source} is not the manifest that was pinned",
            seen=f"SHA-256 {_digest(content)}, wanted {checksum}",
            fix="find out what changed; correct cni_manifest_sha256 only after reading it",
        )
    return content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Prepare on the controller, then let kube_apply observe, plan and act on the control plane."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, options = self.validate_argument_spec(
            {
                "plugin": {"type": "str", "required": True},
                "source": {"type": "str", "required": True},
                "sha256": {"type": "str", "default": ""},
                "bundle": {"type": "path"},
                "pod_subnet": {"type": "str", "required": True},
                "force_conflicts": {"type": "bool", "default": False},
            }
        )
        try:
            manifest = self._manifest(options)
        except KubeopsError as error:
            raise AnsibleActionFail(str(error)) from error
        result.update(self._apply(manifest, options["force_conflicts"], task_vars or {}))
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _manifest(self, options: dict[str, Any]) -> str:
        bundle = Path(options["bundle"]).expanduser() if options["bundle"] else None
        content = load(options["source"], options["sha256"], bundle)
        return as_list(adapt(parse(content, options["source"]), options["plugin"], options["pod_subnet"]))

    def _apply(self, manifest: str, force: bool, task_vars: dict[str, Any]) -> dict[str, Any]:
        if not self._connection._shell.tmpdir:
            self._make_tmp_path()
        target = self._connection._shell.join_path(self._connection._shell.tmpdir, "manifest.json")
        self._transfer_data(target, manifest)
        self._fixup_perms2((self._connection._shell.tmpdir, target))
        arguments = {"src": target, "force_conflicts": force}
        applied: dict[str, Any] = self._execute_module("kubeops.cluster.kube_apply", arguments, task_vars=task_vars)
        return applied
