# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the files of a bundle come from."""

from __future__ import annotations

from ansible_collections.kubeops.cluster.plugins.module_utils._bundle.upstream import Releases, Upstreams, downloads

UPSTREAMS = Upstreams(*(f"https://{name}" for name in ("kubernetes", "crictl", "cni", "containerd", "runc", "etcd")))
RELEASES = Releases(("v1.36.3",), "v1.36.0", "v1.9.0")


def test_etcd_s_programs_are_of_one_archive_whose_digest_is_published() -> None:
    wanted = downloads(UPSTREAMS, Releases(*vars(RELEASES).values()), ("amd64",))
    assert [each for each in wanted if "etcd" in each.path] == []
    releases = Releases(RELEASES.kubernetes, RELEASES.crictl, RELEASES.cni_plugins, etcd="v3.6.8")
    found = [each for each in downloads(UPSTREAMS, releases, ("amd64", "arm64")) if each.path.startswith("tools/etcd/")]
    assert [each.path for each in found if each.arch == "arm64"] == [
        f"tools/etcd/v3.6.8/arm64/{name}" for name in ("etcd", "etcdctl", "etcdutl")
    ]
    assert all(
        (each.kind, each.member, each.name) == ("tool", each.name, each.path.rpartition("/")[2]) for each in found
    )
    assert {each.url for each in found} == {
        f"https://etcd/v3.6.8/etcd-v3.6.8-linux-{arch}.tar.gz" for arch in ("amd64", "arm64")
    }
    assert {each.digests for each in found} == {"https://etcd/v3.6.8/SHA256SUMS"}
