# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifest, selection and plan of a bundle."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._bundle import index
from ansible_collections.kubeops.cluster.plugins.module_utils._bundle.manifest import BundleFile, dump, parse
from ansible_collections.kubeops.cluster.plugins.module_utils._bundle.plan import (
    Layout,
    Observed,
    needed_paths,
    parse_images,
    parse_kubernetes_version,
    plan_install,
)
from ansible_collections.kubeops.cluster.plugins.module_utils._bundle.select import Need, for_arch, select

V = "v1.36.3"


def binary(name, version=V, arch="amd64"):
    return BundleFile(f"kubernetes/{version}/{arch}/{name}", "binary", name, version, arch, (version,), 3, "a" * 64)


def image(name, role="node", kubernetes=(V,)):
    path = f"images/amd64/{name}.tar"
    return BundleFile(path, "image", f"r/{name}:1", "1", "amd64", kubernetes, 3, "b" * 64, role, f"sha256:{name}")


BINARIES = (binary("kubeadm"), binary("kubelet"), binary("kubectl"))
CRICTL = BundleFile("tools/crictl", "tool", "crictl", "v1.36.0", "amd64", (), 3, "c" * 64)
CNI = BundleFile("cni/p.tgz", "cni_plugins", "cni-plugins", "v1.9.0", "amd64", (), 3, "d" * 64)
IMAGES = (
    image("pause"),
    image("etcd", "control_plane"),
    image("agnhost", "test", ()),
    image("old", "node", ("v1.35.6",)),
)
FILES = (*BINARIES, CRICTL, CNI, *IMAGES, binary("kubeadm", "v1.35.6"), binary("kubelet", arch="arm64"))
KINDS = ("binary", "tool", "cni_plugins", "image")
NEED = Need(V, KINDS)


def names(files):
    return sorted(file.name for file in files)


def test_a_manifest_reads_back():
    assert set(parse(dump(FILES, datetime(2026, 8, 1, tzinfo=timezone.utc)))) == set(FILES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "rpm"}, "unknown kind 'rpm'"),
        ({"path": "../etc/passwd"}, "leads out of the bundle"),
        ({"path": "/etc/passwd"}, "leads out of the bundle"),
        ({"sha256": "abc"}, "no plausible sha256"),
        ({"colour": "red"}, "unknown one"),
        ({"kind": "image"}, "needs a role"),
    ],
)
def test_a_wrong_entry_is_named(change, message):
    document = {"format": 1, "files": [{**CRICTL.as_dict(), **change}]}
    with pytest.raises(ValueError, match=message):
        parse(json.dumps(document))


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ('{"format": 2}', "format is not 1")])
def test_not_a_manifest(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("need", "wanted"),
    [
        (NEED, ["cni-plugins", "crictl", "kubeadm", "kubectl", "kubelet", "r/pause:1"]),
        (Need(V, ("image",), image_roles=("node", "control_plane")), ["r/etcd:1", "r/pause:1"]),
        (Need(V, ("image",), image_roles=("node", "test")), ["r/agnhost:1", "r/pause:1"]),
        (Need(V, ("tool",), tools=()), []),
    ],
)
def test_selection(need, wanted):
    assert names(for_arch(select(FILES, need), "amd64")) == wanted


def test_of_alternatives_the_newest_is_taken():
    older, newer = replace(CRICTL, version="v1.9.0"), replace(CRICTL, version="v1.36.0")
    assert select((newer, older), Need(V, ("tool",))) == (newer,)
    assert select((older, newer), Need(V, ("tool",))) == (newer,)


def test_a_version_that_the_bundle_lacks_is_refused_with_those_it_has():
    with pytest.raises(ValueError, match=r"no complete v1\.37\.0, but v1\.35\.6, v1\.36\.3"):
        select(FILES, Need("v1.37.0", KINDS))


@pytest.mark.parametrize(
    ("tools", "message"),
    [(("crictl", "etcdutl"), f"no etcdutl for Kubernetes {V}"), (("etcd", "etcdctl"), "no etcd and no etcdctl for")],
)
def test_a_tool_that_is_not_there(tools, message):
    with pytest.raises(ValueError, match=message):
        select(FILES, Need(V, ("tool",), tools=tools))


def runtime(name, version):
    return BundleFile(f"runtime/{name}/{version}/{name}", "runtime", name, version, "amd64", (), 3, "e" * 64)


RUNTIMES = (runtime("containerd", "v1.7.29"), runtime("containerd", "v2.2.5"), runtime("runc", "v1.3.0"))


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [({"containerd": "", "runc": ""}, ["v1.3.0", "v2.2.5"]), ({"containerd": "1.7.29"}, ["v1.7.29"]), ({}, [])],
)
def test_runtimes_by_version(wanted, chosen):
    assert sorted(file.version for file in select(RUNTIMES, Need(V, ("runtime",), runtimes=wanted))) == chosen


@pytest.mark.parametrize(
    ("wanted", "message"),
    [({"containerd": "2.1.4"}, "no containerd 2.1.4, but v1.7.29, v2.2.5"), ({"crun": ""}, "no crun, but none")],
)
def test_a_runtime_that_is_not_there(wanted, message):
    with pytest.raises(ValueError, match=message):
        select(RUNTIMES, Need(V, ("runtime",), runtimes=wanted))


SELECTED = (*BINARIES, CRICTL, CNI, IMAGES[0])
CONVERGED = Observed(
    hashes={f"/usr/bin/{file.name}": file.sha256 for file in (*BINARIES, CRICTL)},
    archives={"cni-plugins": CNI.sha256},
    images={"r/pause:1": "sha256:pause"},
    in_cluster=True,
)


@pytest.mark.parametrize(
    ("seen", "steps"),
    [
        (CONVERGED, []),
        (replace(CONVERGED, images=None), [("import", "r/pause:1")]),
        (replace(CONVERGED, images={"r/pause:1": "sha256:x"}), [("import", "r/pause:1")]),
        (replace(CONVERGED, archives={}), [("extract", "/opt/cni/bin")]),
        (replace(CONVERGED, hashes={**CONVERGED.hashes, "/usr/bin/crictl": "0"}), [("install", "/usr/bin/crictl")]),
    ],
)
def test_only_what_is_missing_is_planned(seen, steps):
    plan = plan_install(SELECTED, seen, Layout(), False)
    assert [(step.action, step.target) for step in plan.steps] == steps
    assert len(needed_paths(plan)) == len(steps) and not plan.refusals


@pytest.mark.parametrize(
    ("in_cluster", "allowed", "refused"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_members_version_is_not_changed(in_cluster, allowed, refused):
    other = {"/usr/bin/kubelet": "0"}
    seen = replace(
        CONVERGED, hashes={**CONVERGED.hashes, **other}, versions={"kubelet": "v1.35.6"}, in_cluster=in_cluster
    )
    plan = plan_install(SELECTED, seen, Layout(), allowed)
    assert bool(plan.refusals) == refused
    if refused:
        assert "kubelet is v1.35.6, wanted v1.36.3" in plan.refusals[0].evidence


def test_a_damaged_binary_of_the_right_version_is_replaced():
    seen = replace(CONVERGED, hashes={**CONVERGED.hashes, "/usr/bin/kubelet": "0"}, versions={"kubelet": V})
    plan = plan_install(SELECTED, seen, Layout(), False)
    assert not plan.refusals and [step.target for step in plan.steps] == ["/usr/bin/kubelet"]


def test_images_by_reference():
    listed = [{"id": "sha256:1", "repoTags": ["a:1", "b:1"]}, {"id": "sha256:2", "repoTags": None}]
    assert parse_images(listed) == {"a:1": "sha256:1", "b:1": "sha256:1"}


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("v1.36.3\n", V),
        ("Kubernetes v1.36.3\n", V),
        ("Client Version: v1.36.3\nKustomize Version: v5.7.1", V),
        ("", ""),
    ],
)
def test_versions_of_binaries(output, version):
    assert parse_kubernetes_version(output) == version


def test_the_index_forgets_a_file_that_was_touched():
    seen = index.Fingerprint(1, 2, 3, 4)
    kept = index.loads(index.Index({"/a": index.Known(seen, "x")}).dumps())
    assert kept.known_hash("/a", seen) == "x"
    assert kept.known_hash("/a", replace(seen, ctime_ns=5)) is None


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"files": {"/a": {}}}'])
def test_an_unreadable_index_counts_as_empty(text):
    assert index.loads(text) == index.Index()
