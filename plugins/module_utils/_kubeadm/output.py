# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what kubeadm prints and stores (pure): phases and their durations, errors, likely causes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_PHASE = re.compile(r"^\[(?P<name>[a-z][a-z0-9/-]*)\]")
_ERROR = re.compile(r"^(?:error:? )?(?:error execution phase|error[: ]|\[preflight\] Some fatal|\s*\[ERROR )")
_TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
_CERTIFICATE_KEY = re.compile(r"\b[a-f0-9]{64}\b")
_HASH = re.compile(r"sha256:[a-f0-9]{64}\b")
_IMAGE_TAG = r"^{part}:\n(?:[ ]+.*\n)*?[ ]+imageTag:"
_TRACE = re.compile(r"^(To see the stack trace|\[preflight\] If you know what you are doing)")


@dataclass(frozen=True)
class Phase:
    """One phase of kubeadm and the seconds it took."""

    name: str
    seconds: float


# Substring of kubeadm's error, the likely cause, what to do about it. The first match counts.
CAUSES: tuple[tuple[str, str, str], ...] = (
    ("ERROR Port-", "a process that is not this cluster's listens on a port Kubernetes needs", "stop that process"),
    (
        "ERROR ImagePull",
        "an image is neither on the node nor can it be pulled",
        "check kubeops_image_repository, kubeops_registry_mirrors and the bundle",
    ),
    ("ERROR Swap", "swap is on", "set kubeops_swap, or run the node_prep role"),
    (
        "ERROR CRI",
        "the container runtime does not answer on its socket",
        "run the container_runtime role and look at its service's log",
    ),
    (
        "ERROR SystemVerification",
        "kernel or cgroup do not meet the kubelet's needs",
        "see the message; kubeops_ignore_preflight: [SystemVerification] if you know it works",
    ),
    (
        "ERROR ",
        "the node does not meet kubeadm's preflight checks",
        "see the messages; kubeops_ignore_preflight takes the names in brackets",
    ),
    (
        "kubelet is not healthy",
        "the kubelet does not start",
        "see the kubelet's last log lines; often the cgroup driver or a configuration field",
    ),
    (
        "kubelet to start",
        "the kubelet does not start",
        "see the kubelet's last log lines; often the cgroup driver or a configuration field",
    ),
    (
        "TLS bootstrap",
        "the kubelet got no client certificate",
        "check that the endpoint is reachable from the node and kube-controller-manager is healthy",
    ),
    (
        "the control plane components are not healthy",
        "a control plane container does not become healthy",
        "see the last log of the container that died",
    ),
    (
        "could not initialize a Kubernetes cluster",
        "the control plane did not come up",
        "see the last log of the container that died",
    ),
    (
        "couldn't validate the identity of the API Server",
        "the endpoint does not answer, or with another cluster's certificate",
        "check kubeops_endpoint and the load balancer",
    ),
    (
        "etcd cluster is not healthy",
        "an etcd member is down or a stale one is listed",
        "restore or remove that member first",
    ),
    (
        "already exists in the cluster",
        "another machine of this name is in the cluster",
        "change kubeops_node_name, or remove the old node",
    ),
    (
        "can only promote a learner",
        "the new etcd member could not catch up in time",
        "run again with kubeops_on_partial=resume",
    ),
    ("Unauthorized", "the API refused the credentials", "check the clocks of the nodes and run again"),
    ("certificate has expired", "a certificate has expired, or a clock is wrong", "check time on the nodes"),
    (
        "context deadline exceeded",
        "something did not answer in time",
        "see the evidence; slow disks are the usual reason for etcd",
    ),
)


def phases(lines: Iterable[tuple[float, str]], end: float) -> list[Phase]:
    """Return phases in order of appearance with their durations.

    lines are (seconds since start, text); end is when kubeadm exited. A phase that
    speaks again later (kubelet-start does) counts all its stretches.
    """
    marks = [(at, match["name"]) for at, match in ((at, _PHASE.match(text)) for at, text in lines) if match]
    totals: dict[str, float] = {}
    for (start, name), (stop, _next) in zip(marks, [*marks[1:], (end, "")]):
        totals[name] = totals.get(name, 0.0) + stop - start
    return [Phase(name, round(seconds, 2)) for name, seconds in totals.items()]


def redact(text: str) -> str:
    """Remove what looks like a bootstrap token or a certificate key."""
    hashes = _HASH.sub(lambda match: match[0].upper(), text)
    return _CERTIFICATE_KEY.sub("<certificate key>", _TOKEN.sub("<token>", hashes))


def error(stderr: str) -> str:
    """Return kubeadm's own error: from the first line that is one, without stack traces."""
    lines = [line.rstrip() for line in stderr.strip().splitlines() if not _TRACE.match(line)]
    start = next((number for number, line in enumerate(lines) if _ERROR.match(line)), max(0, len(lines) - 10))
    return redact("\n".join(lines[start : start + 20]))


def likely_cause(message: str) -> tuple[str, str]:
    """Return cause and way out for kubeadm's error; empty when it is none we know."""
    return next(((cause, fix) for sign, cause, fix in CAUSES if sign in message), ("", ""))


def failed_phase(message: str) -> str:
    """Return the phase kubeadm blames, empty when it names none."""
    match = re.search(r"error execution phase ([a-z0-9/-]+)", message)
    return match[1] if match else ""


def error_lines(log: str, limit: int = 10) -> list[str]:
    """Return the last lines of a klog or journal text that speak of errors, else its last lines."""
    lines: Sequence[str] = [line for line in log.splitlines() if line.strip()]
    bad = [
        line for line in lines if re.search(r"(^|\s)[EF]\d{4} |\berr(or)?[=: ]|fatal|panic|failed", line, re.IGNORECASE)
    ]
    return [redact(line) for line in (bad or lines)[-limit:]]


_ACTION = re.compile(r"^\[dryrun\] Would perform action (CREATE|UPDATE|PATCH) on resource \"configmaps\"", re.MULTILINE)
_RESOURCE_NAME = re.compile(r"^\[dryrun\] Resource name \"(?P<name>[^\"]*)\"", re.MULTILINE)
_OBJECT_NAME = re.compile(r"^metadata:\n(?:  .*\n)*?  name: (?P<name>\S+)", re.MULTILINE)
_DATA = re.compile(r"^data:\n(?P<body>(?:(?: .*)?\n)+)", re.MULTILINE)
_BLOCK = re.compile(r"^  (?P<key>[\w.-]+): \|[-+]?\n(?P<text>(?:(?:    .*)?\n)+)", re.MULTILINE)
_FILE = '[dryrun] Would write file "{path}" with content:\n'


def dry_run_config_maps(text: str) -> dict[str, dict[str, str]]:
    """Return name and data of the ConfigMaps a dry run would write."""
    found = {}
    for part in _split(text):
        data = _DATA.search(part)
        name = _OBJECT_NAME.search(part) or _RESOURCE_NAME.search(part)
        if data and name:
            blocks = _BLOCK.finditer(data["body"])
            found[name["name"]] = {match["key"]: textwrap.dedent(match["text"]) for match in blocks}
    return found


def dry_run_file(text: str, path: str) -> str:
    """Return the content of a file that a dry run would write; empty when it would write none."""
    _before, header, rest = text.partition(_FILE.format(path=path))
    return re.split(r"^\[", rest, maxsplit=1, flags=re.MULTILINE)[0] if header else ""


def _split(text: str) -> list[str]:
    """Cut out what belongs to each write of a ConfigMap: up to the next line of kubeadm's own."""
    parts = []
    for match in _ACTION.finditer(text):
        rest = text[match.start() :]
        end = re.search(r"^\[(?!dryrun\] (?:Resource name|Attached))", rest[1:], re.MULTILINE)
        parts.append(rest[: end.start() + 1] if end else rest)
    return parts


def pinned(configuration: str, part: str) -> bool:
    """Whether kubeadm's ClusterConfiguration names an image tag for etcd or dns."""
    return re.search(_IMAGE_TAG.format(part=part), configuration, re.MULTILINE) is not None


def image_tag(listed: str, name: str) -> str:
    """The tag of an image that kubeadm config images list names; empty where it does not."""
    match = re.search(rf"/{name}:(\S+)$", listed, re.MULTILINE)
    return match[1] if match else ""
