# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds an etcd that systemd runs, and its settings: flags, environment, or its configuration file.

A configuration file counts alone; else a flag goes before the environment.
https://etcd.io/docs/v3.6/op-guide/configuration/
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .._core import simple_yaml
from .estate import EtcdSettings
from .read import read

# In the order in which systemd prefers them.
DIRECTORIES = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
PREFIX = "ETCD_"
# Blocks of the configuration file, and what their keys are as flags.
SECTIONS = {"client-transport-security": "", "peer-transport-security": "peer-"}

# Two dollars leave the variable to a shell.
_VARIABLE = re.compile(r"\$?\$(?:\{(\w+)\}|(\w+)\b)")
_CONTINUED = re.compile(r"\\\n\s*")
_SHELLS = ("sh", "bash", "dash", "ash", "ksh", "zsh")
_SCRIPT = re.compile(r"-[a-z]*c")
_SUBSTITUTED = re.compile(r"\$?\$\([^()]*\)|`[^`]*`")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
# What may stand before a program, besides assignments.
_BEFORE = ("env", "exec")

Reader = Callable[[str], str]


def find(directories: Sequence[str] = DIRECTORIES) -> EtcdSettings | None:
    """Return the settings of the first unit named etcd... that runs etcd; None where there is none."""
    for directory in directories:
        for unit in sorted(Path(directory).glob("etcd*.service")):
            settings = parse(_with_drop_ins(unit.name, directories, str(unit)), _text)
            if settings is not None:
                return settings
    return None


def parse(unit: str, text_of: Reader) -> EtcdSettings | None:
    """Settings of a unit's text; text_of returns a file's content, empty where there is none."""
    lines = _assignments(unit)
    environment = _environment(lines, text_of)
    program = _program(_argv(lines, environment))
    if program is None:
        return None
    assigned, words = program
    flags = {**_from_environment({**environment, **assigned}), **_from_argv(words)}
    path = flags.get("config-file", "")
    read_flags = _from_file(text_of(path)) if path else flags
    owner = next((value for name, value in reversed(lines) if name == "User"), "")
    return EtcdSettings(read_flags or {}, owner, "" if read_flags else path)


def _with_drop_ins(name: str, directories: Sequence[str], path: str) -> str:
    drop_ins = [str(found) for top in directories for found in sorted(Path(top, f"{name}.d").glob("*.conf"))]
    return "\n".join(_text(each) for each in (path, *drop_ins))


def _assignments(unit: str) -> list[tuple[str, str]]:
    lines = [line.strip() for line in _CONTINUED.sub(" ", unit).splitlines()]
    pairs = [line.partition("=") for line in lines if line and line[0] not in "#;["]
    return [(name.strip(), value.strip()) for name, __, value in pairs]


def _environment(lines: Sequence[tuple[str, str]], text_of: Reader) -> dict[str, str]:
    """Files go over what stands in the unit."""
    words = [word for name, value in lines if name == "Environment" for word in _words(value)]
    for name, value in lines:
        if name == "EnvironmentFile":
            words += [word for line in text_of(value.lstrip("-")).splitlines() for word in _words(line)]
    return dict(word.split("=", 1) for word in words if "=" in word)


def _argv(lines: Sequence[tuple[str, str]], environment: Mapping[str, str]) -> list[str]:
    """The last ExecStart counts; an empty one in a drop-in takes the earlier away."""
    commands = [value for name, value in lines if name == "ExecStart" and value]
    command = commands[-1].lstrip("@-:+!") if commands else ""
    return _words(_VARIABLE.sub(lambda match: environment.get(match[1] or match[2], ""), command))


def _program(argv: Sequence[str]) -> tuple[dict[str, str], list[str]] | None:
    """What is assigned for etcd, and its arguments; packages start it as /bin/bash -c "GOMAXPROCS=$(nproc) etcd"."""
    for command in _commands(argv):
        words = list(itertools.dropwhile(lambda word: Path(word).name in _BEFORE or _ASSIGNMENT.match(word), command))
        if words and Path(words[0]).name == "etcd":
            before = command[: len(command) - len(words)]
            return dict(word.split("=", 1) for word in before if "=" in word), words[1:]
    return None


def _commands(argv: Sequence[str]) -> list[list[str]]:
    """Those that a shell is given, else the one itself."""
    options = [position for position, word in enumerate(argv) if _SCRIPT.fullmatch(word)]
    if not options or Path(argv[0]).name not in _SHELLS:
        return [list(argv)]
    # What a command prints nobody knows, and it may hold what parts words.
    script = _SUBSTITUTED.sub("unknown", "".join(argv[options[0] + 1 : options[0] + 2]))
    lexer = shlex.shlex(script, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # a quotation without an end
        return []
    parts = itertools.groupby(words, lambda word: not word.strip(";&|"))
    return [list(command) for between, command in parts if not between]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # a quotation without an end
        return []


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {_flag(name): value for name, value in environment.items() if name.startswith(PREFIX)}


def _flag(name: str) -> str:
    return name[len(PREFIX) :].lower().replace("_", "-")


def _from_argv(words: Sequence[str]) -> dict[str, str]:
    flags: dict[str, str] = {}
    for position, word in enumerate(words):
        name, separator, value = word.lstrip("-").partition("=")
        following = words[position + 1] if position + 1 < len(words) else ""
        if word.startswith("-"):
            flags[name] = value if separator or following.startswith("-") else following
    return flags


def _from_file(text: str) -> dict[str, str]:
    """Nothing where it cannot be read: an empty one, or one that is missing, runs no member."""
    try:
        document = simple_yaml.parse(text)
    except simple_yaml.NotRead:
        return {}
    values = document if isinstance(document, dict) else {}
    flags = {name: str(value) for name, value in values.items() if isinstance(value, (str, int))}
    for section, prefix in SECTIONS.items():
        block = values.get(section)
        if isinstance(block, dict):
            flags.update({f"{prefix}{name}": str(value) for name, value in block.items()})
    return flags


def _text(path: str) -> str:
    return read(path).data.decode("utf-8", "replace")
