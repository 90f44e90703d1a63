# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that runs commands on a node."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from .clock import monotonic
from .errors import KubeopsError

# Non-login shells on several distributions leave these out of PATH.
EXTRA_PATHS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/sbin", "/opt/bin")
SHOWN_LINES = 20


@dataclass(frozen=True)
class Result:
    """What a command did. `seconds` is wall time."""

    rc: int
    stdout: str
    stderr: str
    seconds: float
    argv: tuple[str, ...]


class Finder(Protocol):
    """What an AnsibleModule gives, and a program without Ansible can give too."""

    def get_bin_path(self, arg: str, required: bool = False, opt_dirs: list[str] | None = None) -> str | None:
        """Absolute path of an executable, or None."""


class Programs:
    """A Finder for programs that run on a node without Ansible."""

    def get_bin_path(self, arg: str, required: bool = False, opt_dirs: list[str] | None = None) -> str | None:
        """Absolute path of an executable, or None."""
        return shutil.which(arg, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *(opt_dirs or [])]))


@dataclass(frozen=True)
class Serving:
    """A program in the background. `code` is None while it lives."""

    pid: int
    code: Callable[[], int | None]

    def alive(self) -> bool:
        """Whether it runs."""
        return self.code() is None


class Runner:
    """Runs commands without a shell, in the C locale, safely from several threads.

    Secrets go through `stdin` or files: argv is visible to every user of the node.
    """

    def __init__(self, module: Finder) -> None:
        self._module = module

    def which(self, name: str) -> str | None:
        """Absolute path of an executable, or None."""
        return self._module.get_bin_path(name, opt_dirs=list(EXTRA_PATHS))

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Result:
        """Run argv to its end.

        on_line is called with every line of stdout as it comes, from another thread.
        pass_fds are descriptors that stay open in the command, and in what it starts.
        env is added to the environment of the module; timeout is in seconds, and the
        whole process group is killed when it passes. Raises KubeopsError when the
        command is not there or times out, and, with check, when it exits non-zero.
        """
        command = tuple(str(word) for word in argv)
        started = monotonic()
        process = self._start(command, stdin is not None, env, pass_fds)
        try:
            stdout, stderr = _communicate(process, stdin, timeout, on_line)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            __, stderr = process.communicate()
            raise KubeopsError(
                f"{_label(command)} did not end within {timeout:g} s",
                seen=_tail(stderr),
                details={"argv": list(command)},
            ) from error
        result = Result(process.returncode, stdout, stderr, monotonic() - started, command)
        if check and result.rc != 0:
            raise _failure(result)
        return result

    @contextmanager
    def serving(self, argv: Sequence[str], log: str, directory: str, env: Mapping[str, str]) -> Iterator[Serving]:
        """Run argv in directory in the background, with its output in the file log; killed at the end."""
        program = self._program(argv[0])
        with Path(log).open("ab") as output:
            process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                (program, *argv[1:]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                env=_environment(env),
                start_new_session=True,
            )
        try:
            yield Serving(process.pid, process.poll)
        finally:
            process.kill()
            process.wait()

    def _program(self, name: str) -> str:
        program = name if os.sep in name else self.which(name)
        if program is None:
            raise KubeopsError(
                f"{name} is not installed on this node",
                seen=f"not found in PATH nor in {', '.join(EXTRA_PATHS)}",
            )
        return program

    def _start(
        self, command: tuple[str, ...], with_stdin: bool, env: Mapping[str, str] | None, pass_fds: Sequence[int]
    ) -> subprocess.Popen[str]:
        program = self._program(command[0])
        try:
            # A session of its own, so that a timeout reaches the children too.
            # run_command has no timeout and hands nothing on while the command runs.
            return subprocess.Popen(  # pylint: disable=ansible-bad-function
                (program, *command[1:]),
                stdin=subprocess.PIPE if with_stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(env),
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
                pass_fds=pass_fds,
            )
        except OSError as error:
            raise KubeopsError(f"{program} cannot be run", seen=str(error)) from error


def _communicate(
    process: subprocess.Popen[str],
    stdin: str | None,
    timeout: float | None,
    on_line: Callable[[str], None] | None,
) -> tuple[str, str]:
    if on_line is None or process.stdout is None:
        return process.communicate(stdin, timeout)
    lines: list[str] = []
    reader = threading.Thread(target=_read_lines, args=(process.stdout, lines, on_line), daemon=True)
    reader.start()
    process.stdout = None  # communicate() then reads stderr alone
    __, stderr = process.communicate(stdin, timeout)
    reader.join()
    return "".join(lines), stderr


def _read_lines(stream: IO[str], lines: list[str], on_line: Callable[[str], None]) -> None:
    with stream:
        for line in stream:
            lines.append(line)
            on_line(line.rstrip("\n"))


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    environment = dict(os.environ, LC_ALL="C", LANGUAGE="C")
    paths = environment.get("PATH", os.defpath).split(os.pathsep)
    environment["PATH"] = os.pathsep.join(paths + [p for p in EXTRA_PATHS if p not in paths])
    environment.update(extra or {})
    return environment


def _failure(result: Result) -> KubeopsError:
    return KubeopsError(
        f"{_label(result.argv)} failed",
        seen=f"exit code {result.rc}: {_tail(result.stderr or result.stdout)}",
        details={"argv": list(result.argv), "rc": result.rc},
    )


def _label(argv: tuple[str, ...]) -> str:
    """The program and its sub-commands, without options: "kubeadm init"."""
    words = [Path(argv[0]).name]
    for word in argv[1:3]:
        if word.startswith("-") or os.sep in word:
            break
        words.append(word)
    return " ".join(words)


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-SHOWN_LINES:])
