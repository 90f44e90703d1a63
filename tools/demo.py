# SPDX-License-Identifier: GPL-3.0-or-later
"""A minute with etcd's backups (``make demo``): no root, no Kubernetes, nothing left behind.

Three etcd members with TLS run as plain processes on loopback. The collection's own modules take a snapshot of them
and prove it, notice one flipped byte, and bring the cluster back after two of three members lost their disks.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import ansible_module
from tests.embedded_etcd import EtcdCluster, binaries
from tools import paths

KEYS = 300
LAST = b"/demo/last-acknowledged-write"


class WrongError(Exception):
    """Something is not as the tour promises."""


@dataclass
class Tour:
    """The cluster, what was taken from it, and the report as it grows."""

    cluster: EtcdCluster
    folder: Path
    programs: Path
    snapshot: str = ""
    report: list[tuple[str, float, str]] = field(default_factory=list)

    def stop(self, title: str, step: Callable[[], str]) -> None:
        """Do one step of the tour, and say what came of it."""
        print(f"\n--- {title}", flush=True)
        started = time.monotonic()
        outcome = step()
        self.report.append((title, time.monotonic() - started, outcome))
        print(f"    {outcome}", flush=True)

    def module(self, module_name: str, /, **options: Any) -> dict[str, Any]:
        """Run a module of the collection as a node would."""
        print(f"    kubeops.cluster.{module_name}: {options['name']} from {Path(options['snapshot']).name}")
        return ansible_module.run(module_name, {"bin_dir": str(self.programs), **options})

    def snapshots(self, number: int = 0, **options: Any) -> dict[str, Any]:
        """Run etcd_snapshot against one member."""
        member = self.cluster.members[number].url
        where = {"endpoints": [member], "directory": str(self.folder / "snapshots"), **self.cluster.authority.options()}
        shown = ", ".join(f"{key}={value}" for key, value in options.items())
        print(f"    kubeops.cluster.etcd_snapshot: {shown}")
        return ansible_module.run("etcd_snapshot", {"bin_dir": str(self.programs), **where, **options})

    def write(self) -> str:
        """Keys of an imaginary cluster."""
        self.cluster.write({b"/demo/objects/%d" % number: os.urandom(2000) for number in range(KEYS)})
        return f"{KEYS} keys written to three members"

    def take(self) -> str:
        """A snapshot that was proven before it got its name."""
        taken = expect(self.snapshots(state="taken", prove=True), "snapshot", failed=False)
        self.snapshot, proof = taken["snapshot"], taken["proof"]
        return (
            f"from {taken['member']['name']} ({taken['member']['reason']}), proven: {', '.join(proof['compared'])} "
            f"as at the source, {proof['keys']} keys, restores in {proof['restore_seconds']} s"
        )

    def flip(self) -> str:
        """One byte of a copy, anywhere."""
        copy = self.folder / "flipped.db"
        shutil.copy(self.snapshot, copy)
        position = random.randrange(copy.stat().st_size)
        with copy.open("r+b") as file:
            file.seek(position)
            byte = file.read(1)[0]
            file.seek(position)
            file.write(bytes([byte ^ 1]))
        refused = expect(self.snapshots(state="verified", path=str(copy)), "seen", failed=True)
        return f"byte {position} flipped, refused: {refused['seen']}"

    def lose(self) -> str:
        """One more write, then two members and their disks are gone."""
        self.cluster.put(LAST, b"do not lose me")
        for member in self.cluster.members[1:]:
            member.kill()
            shutil.rmtree(self.folder / member.name)
        refused = expect(self.members(state="absent", name="m2"), "msg", failed=True)
        return f"quorum lost; a change of members is refused: {refused.get('seen') or refused['msg']}"

    def members(self, **options: Any) -> dict[str, Any]:
        """Run etcd_member against the first member."""
        return ansible_module.run(
            "etcd_member", {"endpoints": [self.cluster.members[0].url], **self.cluster.authority.options(), **options}
        )

    def rescue(self) -> str:
        """The survivor's data, on all three."""
        taken = expect(self.snapshots(state="taken"), "snapshot", failed=False)
        self.cluster.stop()
        for member in self.cluster.members:
            restored = self.module(
                "etcd_restore", snapshot=taken["snapshot"], name=member.name, data_dir=str(self.folder / member.name),
                initial_cluster=self.cluster.peers(),
                bump_revision=0,  # nobody watches here, and an etcd 3.5 could not raise it
            )  # fmt: skip
            expect(restored, "kept", failed=False)
        self.cluster.start()
        return f"all three restored from {taken['member']['name']}: {taken['member']['reason']}"

    def verify(self) -> str:
        """One cluster, one content, nothing lost."""
        numbers = expect(self.members(), "quorum", failed=False)["quorum"]
        hashes = {self.cluster.hash_of(number) for number in range(3)}
        last = self.cluster.get(LAST)
        if numbers["healthy"] != 3 or len(hashes) != 1 or last != b"do not lose me":
            raise WrongError(f"after the rescue: {numbers}, hashes {hashes}, last write {last!r}")
        return f"3 of 3 members healthy, one hash on all of them ({hashes.pop()}), the last write is there"


def expect(result: dict[str, Any], key: str, *, failed: bool) -> dict[str, Any]:
    """The result, if it is what the tour promises."""
    if result["failed"] != failed or key not in result:
        raise WrongError(str(result.get("msg", result)))
    return result


@contextmanager
def three_members(folder: Path) -> Iterator[EtcdCluster]:
    """A cluster of the newest etcd at hand."""
    cluster = EtcdCluster.make(folder, [binaries()[-1]] * 3)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def tour(folder: Path) -> list[tuple[str, float, str]]:
    """Every stop, in order; returns title, seconds and outcome of each."""
    with three_members(folder) as cluster:
        guide = Tour(cluster, folder, binaries()[-1].parent)
        guide.stop("write", guide.write)
        guide.stop("take and prove", guide.take)
        guide.stop("flip a byte", guide.flip)
        guide.stop("lose quorum", guide.lose)
        guide.stop("rescue", guide.rescue)
        guide.stop("verify", guide.verify)
        return guide.report


def main() -> int:
    paths.link_collection()
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(paths.COLLECTIONS)
    if not binaries():
        print("There is no etcd at hand. Fix: put etcd and etcdutl on PATH (https://github.com/etcd-io/etcd/releases).")
        return 2
    started = time.monotonic()
    print(f"Three etcd members with TLS on loopback, from {binaries()[-1]}")
    with tempfile.TemporaryDirectory(prefix="kubeops-demo-") as folder:
        try:
            report = tour(Path(folder))
        except WrongError as error:
            print(f"\nThe tour ended early: {error}")
            return 1
    print(f"\nReport, {time.monotonic() - started:.0f} s in all")
    for title, seconds, outcome in report:
        print(f"  {title:15} {seconds:5.1f} s  {outcome}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
