# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the operator names besides the node's own. What a file is shows its content, whatever its name."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from .estate import CERTIFICATE, KEY, KUBECONFIG, Entry
from .read import read

CERTIFICATE_SUFFIXES = (".crt", ".cer", ".pem")
KUBECONFIG_SUFFIXES = (".kubeconfig", "/.kube/config")
# What a directory is searched for.
SUFFIXES = (*CERTIFICATE_SUFFIXES, *KUBECONFIG_SUFFIXES, ".key", ".conf")
MAX_FILES = 50_000
# A key is named after its certificate by a word, besides by the ending .key.
KEY_WORDS = (("fullchain", "privkey"), ("cert", "privkey"), ("cert", "key"), ("crt", "key"))
KEY_ENDINGS = (".key", "-key.pem", "_key.pem", ".key.pem")

_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_KIND = re.compile(rb"(?m)^[ {]*\"?kind\"?: *\"?Config\"?[ ,}\r]*$")
_LISTS = (re.compile(rb"(?m)^clusters:|\"clusters\" *:"), re.compile(rb"(?m)^users:|\"users\" *:"))


def entries(patterns: Sequence[str], known: Sequence[Entry]) -> tuple[list[Entry], int]:
    """Entries for files, globs and directories, and how many files were too many to look at.

    What the estate (known) has already is left out, and so is a key that its certificate names.
    """
    taken = {path for entry in known for path in (entry.path, entry.key_path)}
    expanded = {pattern: _expand(pattern) for pattern in patterns}
    met = [each for several in expanded.values() for each in several]
    paths = dict(sorted(met, key=lambda each: not each[1]))  # a name counts more than a search
    wanted = sorted(path for path in paths if path not in taken)
    found = [entry for path in wanted[:MAX_FILES] for entry in _entry(path, searched=paths[path])]
    keys, seen = {entry.key_path for entry in found}, {entry.path for entry in found}.union(taken, wanted[MAX_FILES:])
    found += [_named(path) for path in expanded if _is_barren(path, expanded[path], seen)]
    return [entry for entry in found if entry.path not in keys], max(0, len(wanted) - MAX_FILES)


def is_pattern(path: str) -> bool:
    """Tell whether a glob was meant, rather than a file whose name looks like one."""
    return glob.has_magic(path) and not os.path.lexists(path)


def _is_barren(path: str, met: Sequence[tuple[str, bool]], seen: Collection[str]) -> bool:
    """Whether a directory was named where nothing is: most likely another one was meant."""
    return is_directory(path) and not any(file in seen for file, __ in met)


def is_directory(path: str) -> bool:
    """As Path.is_dir, which raises where it may not look or the name is too long."""
    return os.path.isdir(path)  # noqa: PTH112


def form_of(path: str, data: bytes) -> str:
    """What a file is: a form of estate.Entry; empty where it is none of those."""
    labels = _LABEL.findall(data)
    if any(label.endswith(b"CERTIFICATE") for label in labels):
        return CERTIFICATE
    if any(label.endswith(b"PRIVATE KEY") for label in labels):
        return KEY
    if labels:
        return ""
    if _KIND.search(data) or all(each.search(data) for each in _LISTS) or path.endswith(KUBECONFIG_SUFFIXES):
        return KUBECONFIG
    if path.endswith(".key"):
        return KEY
    return CERTIFICATE if path.endswith(CERTIFICATE_SUFFIXES) else ""


def key_names(path: str) -> list[str]:
    """Where the key of a certificate lies by custom, likeliest first."""
    directory, name = os.path.split(path)
    stem = os.path.splitext(path)[0]  # noqa: PTH122 - with its directory
    beside = [f"{stem}{ending}" for ending in KEY_ENDINGS]
    by_word = [str(Path(directory, name.replace(word, key))) for word, key in KEY_WORDS if word in name]
    return [candidate for candidate in (*beside, *by_word) if candidate != path]


def _entry(path: str, *, searched: bool) -> Iterator[Entry]:
    """At most one: what a search meets and is no certificate, key or kubeconfig was not asked for."""
    file = read(path)
    form = form_of(path, file.data)
    if searched and (not form or file.problem == "not_a_file"):
        return
    key = _key_of(path) if form == CERTIFICATE and b"PRIVATE KEY-----" not in file.data else ""
    yield replace(_named(path), form=form or CERTIFICATE, key_path=key)


def _named(path: str) -> Entry:
    return Entry(path, path, owners=None, key_required=False)


def _key_of(path: str) -> str:
    """The file of the key; empty where there is none, or one with a passphrase, which nobody can compare."""
    for name in filter(os.path.exists, key_names(path)):
        data = read(name).data
        if form_of(name, data) == KEY and data and b"ENCRYPTED" not in data:
            return name
    return ""


def _expand(pattern: str) -> list[tuple[str, bool]]:
    """(path, whether a search met it). Directories are searched without following links: none leads in a circle.

    One that cannot be looked into stands for itself, as if it had been named.
    """
    if is_directory(pattern):
        closed: list[OSError] = []
        walk = os.walk(pattern, onerror=closed.append)
        found = [os.path.join(top, name) for top, __, names in walk for name in names]  # noqa: PTH118
        searched = [(path, True) for path in found if path.endswith(SUFFIXES)]
        return searched + [(str(error.filename), False) for error in closed]
    if is_pattern(pattern):
        found = glob.glob(pattern)  # noqa: PTH207 - the pattern may be absolute
        # One that matches nothing is missed as a path would be.
        return [(path, True) for path in found] or [(pattern, False)]
    return [(pattern, False)]
