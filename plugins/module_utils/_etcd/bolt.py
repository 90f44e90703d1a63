# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and checks the pages of a bbolt database, which is what an etcd snapshot is (over a mapped file).

Layout of the pages: https://github.com/etcd-io/bbolt/blob/main/internal/common/page.go and meta.go beside it.
"""

from __future__ import annotations

import json
import mmap
import struct
from array import array
from dataclasses import dataclass
from itertools import accumulate
from operator import add

from .._core.errors import KubeopsError

# Pages after which those read so far are given back, so that a large file stays out of the process's memory.
_RELEASE = 256
MAGIC = 0xED0CDAED
FORMAT = 2
BRANCH, LEAF, META = 1, 2, 4
BUCKET = 1  # flag of a leaf element whose value is a bucket
_PAGE = struct.Struct("<QHHI")  # id, flags, count, overflow
_META = struct.Struct("<IIIIQQQQQ")  # magic, version, page size, flags, root, sequence, freelist, pages, transaction
_CHECKSUM = struct.Struct("<Q")
_BRANCH_ELEMENT = struct.Struct("<IIQ")  # offset of the key, its size, page
_LEAF_ELEMENT = struct.Struct("<IIII")  # flags, offset of the key, sizes of key and value
_BUCKET = struct.Struct("<QQ")  # root page (0: the bucket's page follows at once), sequence
_REVISION = struct.Struct(">Q")
_REVISION_SIZES = (17, 18)  # main, "_", sub; a deleted key has "t" behind it


@dataclass(frozen=True)
class Meta:
    """The meta page that counts: sizes in bytes, pages as numbers."""

    page_size: int
    root: int
    pages: int
    transaction: int


@dataclass(frozen=True)
class Contents:
    """What the pages say of the database.

    Attributes:
        pages: pages in use by the tree.
        revision: newest revision of any key, 0 in an empty store.
        raft_index: consistent index, the last raft entry that the database holds.
        members: names of the cluster's members by id (hexadecimal). voters: how many of them have a vote.
    """

    page_size: int
    pages: int
    revision: int
    raft_index: int
    members: dict[str, str]
    voters: int


class _DamageError(Exception):
    """A page is not what it has to be."""


def read(data: mmap.mmap, size: int, *, deep: bool = True) -> Contents:
    """Walk every page of the tree in the first size bytes; raises KubeopsError naming the first damage.

    Without deep, of the pages that hold the values of keys only the heads are read: enough where a hash has just
    told that every byte is as etcd sent it.
    """
    try:
        meta = _meta(data, size)
        walk = _Walk(data, meta, deep)
        walk.tree(meta.root, ())
    except (_DamageError, struct.error, ValueError) as error:
        raise KubeopsError(
            "the snapshot's pages are damaged", seen=str(error), fix="use another snapshot", details={"check": "pages"}
        ) from error
    if "key" not in walk.buckets:
        raise KubeopsError(
            "the file is a bbolt database, but none of etcd", seen=f"its buckets are {sorted(walk.buckets)}",
            details={"check": "pages"},
        )  # fmt: skip
    return Contents(meta.page_size, walk.used, walk.revision, walk.raft_index, walk.members, walk.voters)


def _meta(data: mmap.mmap, size: int) -> Meta:
    """The valid meta page of the highest transaction; etcd writes both of a snapshot, so both have to be valid."""
    first = _one_meta(data, 0, size)
    second = _one_meta(data, first.page_size, size)
    newest = max(first, second, key=lambda meta: meta.transaction)
    if newest.pages * newest.page_size > size:
        raise _DamageError(f"{newest.pages} pages of {newest.page_size} bytes do not fit into {size} bytes: truncated")
    return newest


def _one_meta(data: mmap.mmap, offset: int, size: int) -> Meta:
    if size < offset + _PAGE.size + _META.size + _CHECKSUM.size:
        raise _DamageError(f"{size} bytes are too short for a database")
    start = offset + _PAGE.size
    end = start + _META.size
    magic, version, page_size, __, root, __, __, pages, transaction = _META.unpack(data[start:end])
    if magic != MAGIC:
        raise _DamageError(f"no bbolt database: magic number {magic:#x} at byte {start}, expected {MAGIC:#x}")
    if version != FORMAT or page_size < 1024 or page_size & (page_size - 1):
        raise _DamageError(f"format {version} with pages of {page_size} bytes is not known")
    (checksum,) = _CHECKSUM.unpack(data[end : end + _CHECKSUM.size])
    if checksum != _fnv64a(data[start:end]):
        raise _DamageError(f"the checksum of the meta page at byte {offset} is wrong")
    if _PAGE.unpack_from(data, offset)[1] != META:
        raise _DamageError(f"the page at byte {offset} is not marked as a meta page")
    return Meta(page_size, root, pages, transaction)


def _fnv64a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


class _Walk:
    """One walk over the tree of buckets; collects what Contents wants."""

    def __init__(self, data: mmap.mmap, meta: Meta, deep: bool) -> None:
        self.data = data
        self.deep = deep
        self.meta = meta
        self.seen = bytearray(meta.pages)
        self.used = 0
        self.visited = 0
        self.buckets: set[str] = set()
        self.revision = 0
        self.raft_index = 0
        self.members: dict[str, str] = {}
        self.voters = 0

    def tree(self, root: int, path: tuple[str, ...]) -> None:
        """Check a bucket's pages from its root; path is the bucket's name."""
        pending = [root]
        last = True  # the last page comes off the stack first, and has the newest revision
        while pending:
            page = pending.pop()
            self.visited += 1
            if not self.visited % _RELEASE:
                self.data.madvise(mmap.MADV_DONTNEED)
            flags, offset, count, limit = self._page(page)
            if flags == BRANCH:
                pending += self._children(page, offset, count, limit)
            elif flags == LEAF:
                if self.deep or last or path != ("key",):
                    self._leaf(f"page {page}", offset, count, limit, path)
                last = False
            else:
                raise _DamageError(f"page {page} is in the tree, but has flags {flags:#x}")

    def _page(self, page: int) -> tuple[int, int, int, int]:
        if not 2 <= page < self.meta.pages:
            raise _DamageError(f"a reference to page {page} of {self.meta.pages}")
        offset = page * self.meta.page_size
        number, flags, count, overflow = _PAGE.unpack_from(self.data, offset)
        if number != page:
            raise _DamageError(f"page {page} says that it is page {number}")
        if page + overflow >= self.meta.pages:
            raise _DamageError(f"page {page} goes on for {overflow} pages, past the end")
        taken = slice(page, page + overflow + 1)
        if any(self.seen[taken]):
            raise _DamageError(f"page {page} is used twice")
        self.seen[taken] = b"\1" * (overflow + 1)
        self.used += overflow + 1
        return flags, offset, count, offset + (overflow + 1) * self.meta.page_size

    def _children(self, page: int, offset: int, count: int, limit: int) -> list[int]:
        if not count:
            raise _DamageError(f"branch page {page} is empty")
        children, previous = [], b""
        for index in range(count):
            start = offset + _PAGE.size + index * _BRANCH_ELEMENT.size
            position, size, child = _BRANCH_ELEMENT.unpack_from(self.data, start)
            key = self._bytes(f"page {page}", start + position, size, limit)
            if index and key <= previous:
                raise _DamageError(f"the keys of page {page} are out of order")
            children.append(child)
            previous = key
        return children

    def _leaf(self, where: str, offset: int, count: int, limit: int, path: tuple[str, ...]) -> None:
        """Check the elements of a leaf; by whole columns, because a large database has millions."""
        first = offset + _PAGE.size
        if first + count * _LEAF_ELEMENT.size > limit:
            raise _DamageError(f"{where} counts {count} elements, more than fit")
        numbers = array("I", self.data[first : first + count * _LEAF_ELEMENT.size])
        flags, key_sizes, value_sizes = numbers[0::4], numbers[2::4], numbers[3::4]
        starts = self._starts(where, first, numbers[1::4], key_sizes, value_sizes, limit)
        keys = [self.data[start : start + size] for start, size in zip(starts, key_sizes)]
        if keys != sorted(set(keys)):
            raise _DamageError(f"the keys of {where} are out of order")
        if path == ("key",):
            self._revisions(where, keys, flags)
            return
        for key, flag, start, key_size, value_size in zip(keys, flags, starts, key_sizes, value_sizes):
            if flag == BUCKET:
                self._bucket(key, start + key_size, value_size, path)
            elif flag:
                raise _DamageError(f"{where} has an element with flags {flag:#x}")
            else:
                self._value(path, key, start + key_size, value_size)

    def _starts(
        self, where: str, first: int, positions: array[int], keys: array[int], values: array[int], limit: int
    ) -> list[int]:
        """Where the keys begin. bbolt writes keys and values one after the other, so that no position is free."""
        sizes = list(map(add, keys, values))
        begin = first + len(sizes) * _LEAF_ELEMENT.size
        starts = list(accumulate(sizes, initial=begin))
        end = starts.pop()
        told = list(map(add, positions, range(first, begin, _LEAF_ELEMENT.size)))
        if end > limit or not all(keys) or told != starts:
            raise _DamageError(f"{where} has elements that do not stand where they should")
        return starts

    def _revisions(self, where: str, keys: list[bytes], flags: array[int]) -> None:
        if any(flags):
            raise _DamageError(f"{where} has elements that are no values")
        if any(len(key) not in _REVISION_SIZES or key[8:9] != b"_" for key in keys):
            raise _DamageError(f"{where} has a key that is no revision")
        if keys:
            self.revision = max(self.revision, _REVISION.unpack_from(keys[-1])[0])

    def _bucket(self, key: bytes, start: int, size: int, path: tuple[str, ...]) -> None:
        name = key.decode("utf-8", "replace")
        if size < _BUCKET.size:
            raise _DamageError(f"bucket {name} is cut short")
        if not path:
            self.buckets.add(name)
        (root, __) = _BUCKET.unpack_from(self.data, start)
        if root:
            self.tree(root, (*path, name))
            return
        inline = start + _BUCKET.size
        __, flags, count, __ = _PAGE.unpack_from(self.data, inline)
        if flags != LEAF:
            raise _DamageError(f"bucket {name} has flags {flags:#x}")
        self._leaf(f"bucket {name}", inline, count, start + size, (*path, name))

    def _value(self, path: tuple[str, ...], key: bytes, start: int, size: int) -> None:
        value = self.data[start : start + size]
        if path == ("meta",) and key == b"consistent_index":
            self.raft_index = int.from_bytes(value, "big")
        elif path == ("members",):
            member = json.loads(value)
            self.members[key.decode("ascii")] = str(member.get("name", ""))
            self.voters += not member.get("isLearner", False)

    def _bytes(self, where: str, start: int, size: int, limit: int) -> bytes:
        if start + size > limit:
            raise _DamageError(f"{where} has a key of {size} bytes past its end")
        return self.data[start : start + size]
