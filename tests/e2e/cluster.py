# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster under test: lab nodes, the playbook run against them, and what a client sees."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.paths import Paths

from .background import in_background

REPO = Path(__file__).resolve().parents[2]
BUNDLE = Path(os.environ.get("KUBEOPS_BUNDLE") or "/var/lib/kubeops/bundle")
FIVE_NODES = "cp1:control_plane,cp2:control_plane,cp3:control_plane,w1:workers,w2:workers"

# More of the same kind, too long for every run of continuous integration.
FULL_ONLY = pytest.mark.skipif(
    not os.environ.get("KUBEOPS_E2E_FULL"), reason="takes too long for every run; KUBEOPS_E2E_FULL=1 runs it"
)

# Answered by every API server that serves, without credentials. /readyz is no measure of what clients
# see: a server that is told to stop says 500 there at once, so that balancers leave, and still serves.
PROBE_PATH = "/version"
# Without a resourceVersion it comes out of etcd, by its quorum.
QUORUM_PATH = "/api/v1/namespaces/default"
PATCH_HEADERS = {"Content-Type": "application/merge-patch+json"}
POLL_SECONDS = 0.2

_RECAP = re.compile(
    r"^(?P<host>\S+)\s+: ok=(?P<ok>\d+)\s+changed=(?P<changed>\d+)\s+unreachable=(?P<unreachable>\d+)"
    r"\s+failed=(?P<failed>\d+)\s+skipped=(?P<skipped>\d+)",
    re.MULTILINE,
)
_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?P<name>.*)\] \*+")
_FATAL = re.compile(r"^fatal: \[.*?(?=^[A-Z]|\Z)", re.MULTILINE | re.DOTALL)
_CHANGED = re.compile(r"^changed: \[(?P<host>[^\] ]+)")


@dataclass(frozen=True)
class PlaybookRun:
    """What one ansible-playbook process did."""

    rc: int
    output: str
    seconds: float

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """Host -> counters of PLAY RECAP; empty where the run was killed."""
        return {
            m["host"]: {k: int(v) for k, v in m.groupdict().items() if k != "host"}
            for m in _RECAP.finditer(self.output)
        }

    @property
    def changed_hosts(self) -> dict[str, int]:
        return {host: row["changed"] for host, row in self.recap.items() if row["changed"]}

    @property
    def changed_tasks(self) -> set[tuple[str, str]]:
        """(task, host) of every result printed as changed."""
        found: set[tuple[str, str]] = set()
        task = ""
        for line in self.output.splitlines():
            if match := _TASK.match(line):
                task = match["name"]
            elif match := _CHANGED.match(line):
                found.add((task, match["host"]))
        return found

    @property
    def refusals(self) -> str:
        """What the hosts that failed were told, in one line: Ansible breaks lines where it likes."""
        return " ".join(" ".join(_FATAL.findall(self.output)).split())

    def tail(self, lines: int = 60) -> str:
        return "\n".join(self.output.splitlines()[-lines:])


@dataclass
class Cluster:
    """Lab nodes under one lab id and the playbooks run against them."""

    lab_id: str
    version: str
    extra_vars: dict[str, object] = field(default_factory=dict)
    extra_environment: dict[str, str] = field(default_factory=dict)

    def lab(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.lab", *argv]
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def up(self, nodes: str = FIVE_NODES) -> None:
        self.lab("up", "--id", self.lab_id, "--nodes", nodes)

    def remove(self) -> None:
        self.lab("down", "--id", self.lab_id)

    @property
    def inventory(self) -> Path:
        return Paths.from_environment().inventory(self.lab_id)

    def inventory_data(self) -> dict[str, Any]:
        data = yaml.safe_load(self.inventory.read_text())
        assert isinstance(data, dict)
        return data

    def inventory_vars(self) -> dict[str, Any]:
        variables = self.inventory_data()["all"]["vars"]
        assert isinstance(variables, dict)
        return variables

    def address(self, node: str) -> str:
        hosts = self.inventory_data()["all"]["hosts"]
        return str(hosts[node]["ansible_host"])

    def sh(self, node: str, command: str, check: bool = True) -> str:
        """Run a shell line on a node over the lab's own door (not ssh)."""
        done = self.lab("exec", "--id", self.lab_id, node, "--", "bash", "-c", command, check=check)
        return done.stdout

    def kubectl(self, node: str, arguments: str) -> str:
        return self.sh(node, f"kubectl --kubeconfig /etc/kubernetes/admin.conf {arguments}")

    def administrator(self) -> ssl.SSLContext:
        """TLS as an administrator has it: trusts this cluster's CA alone, and shows the certificate of admin.conf."""
        for node in self.inventory_data()["all"]["children"]["control_plane"]["hosts"]:
            text = self.sh(node, "cat /etc/kubernetes/admin.conf", check=False)
            if text.strip():
                return _administrator(yaml.safe_load(text))
        raise RuntimeError("no control plane that runs has an admin.conf")

    def nodes(self, via: str = "cp1") -> dict[str, dict[str, str]]:
        """Node name -> {ready, version}, asked of one control plane's own API server."""
        items = json.loads(self.kubectl(via, "get nodes -o json"))["items"]
        return {
            item["metadata"]["name"]: {
                "ready": next(c["status"] for c in item["status"]["conditions"] if c["type"] == "Ready"),
                "version": item["status"]["nodeInfo"]["kubeletVersion"],
            }
            for item in items
        }

    def runtimes(self) -> set[str]:
        """What the kubelets say of their container runtimes, as ``containerd://2.2.5``."""
        items = json.loads(self.kubectl("cp1", "get nodes -o json"))["items"]
        return {item["status"]["nodeInfo"]["containerRuntimeVersion"].replace("://v", "://") for item in items}

    def bundled_runtime(self) -> dict[str, Any]:
        """Variables that ask for the newest containerd of the bundle; empty where it has none."""
        files = json.loads((BUNDLE / "manifest.json").read_text())["files"]
        versions = [f["version"].lstrip("v") for f in files if (f["kind"], f["name"]) == ("runtime", "containerd")]
        if not versions:
            return {}
        # What the nodes of this host need has another place in the configuration of containerd 2.
        overrides = self.inventory_vars().get("container_runtime_config_overrides", {}).get("plugins", {})
        cri = overrides.get("io.containerd.grpc.v1.cri", {})
        return {
            "container_runtime_source": "bundle",
            "kubeops_container_runtime_version": max(versions, key=lambda v: [int(part) for part in v.split(".")]),
            "container_runtime_config_overrides": {"plugins": {"io.containerd.cri.v1.runtime": cri}},
        }

    def assert_healthy(self, names: Sequence[str], via: str = "cp1") -> None:
        wanted = {name: {"ready": "True", "version": f"v{self.version}"} for name in names}
        assert self.nodes(via) == wanted

    def command(
        self, *options: str, playbook: str = "create_cluster", extra: Mapping[str, object] | None = None
    ) -> list[str]:
        variables: dict[str, object] = {
            "kubeops_version": self.version,
            "kubeops_package_source": "bundle",
            "kubeops_bundle": str(BUNDLE),
            "kubeops_cni": "bridge",
            **self.extra_vars,
            **(extra or {}),
        }
        ansible = Path(sys.executable).with_name("ansible-playbook")
        return [
            str(ansible), "-i", str(self.inventory), f"playbooks/{playbook}.yml",
            "-e", json.dumps(variables), *options,
        ]  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(REPO / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(REPO / ".build" / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            **self.extra_environment,
        }

    def run(
        self,
        *options: str,
        playbook: str = "create_cluster",
        extra: Mapping[str, object] | None = None,
        log: Path | None = None,
    ) -> PlaybookRun:
        started = time.monotonic()
        done = subprocess.run(
            self.command(*options, playbook=playbook, extra=extra), cwd=REPO, env=self.environment,
            text=True, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if log:
            log.write_text(done.stdout)
        return PlaybookRun(done.returncode, done.stdout, time.monotonic() - started)

    def created(self, **variables: object) -> Cluster:
        """Itself, after a run of the main playbook with these variables, which stay."""
        self.extra_vars.update(variables)
        run = self.run()
        assert run.rc == 0, run.tail()
        return self

    def run_killed(self, after: float, playbook: str = "create_cluster") -> PlaybookRun | None:
        """Start the playbook and SIGKILL its whole process group after so many seconds.

        Returns None where the kill hit a run that was still going, else the run.
        """
        due = time.monotonic() + after
        return self.run_killed_when(lambda: time.monotonic() >= due, playbook)

    def run_killed_when(self, moment: Callable[[], bool], playbook: str = "create_cluster") -> PlaybookRun | None:
        """The same, as soon as moment() is true."""
        started = time.monotonic()
        process = self._started(playbook)
        while not moment():
            with contextlib.suppress(subprocess.TimeoutExpired):
                output = process.communicate(timeout=POLL_SECONDS)[0]
                return PlaybookRun(process.returncode, output, time.monotonic() - started)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None

    def _started(self, playbook: str, extra: Mapping[str, object] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(playbook=playbook, extra=extra), cwd=REPO, env=self.environment, start_new_session=True,
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run_killed_in(
        self, task: str, after: float, playbook: str, extra: Mapping[str, object] | None = None
    ) -> PlaybookRun | None:
        """The same, so many seconds after the first task whose name has these words began."""
        started, heading = time.monotonic(), re.compile(rf"^TASK \[.*{re.escape(task)}")
        process = self._started(playbook, extra)
        lines: list[str] = []
        assert process.stdout
        for line in process.stdout:
            lines.append(line)
            if heading.search(line):
                break
        with contextlib.suppress(subprocess.TimeoutExpired):
            output = process.communicate(timeout=after)[0]
            return PlaybookRun(process.returncode, "".join(lines) + output, time.monotonic() - started)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None


def _administrator(config: Mapping[str, Any]) -> ssl.SSLContext:
    user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
    context = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
    with tempfile.NamedTemporaryFile("w") as pair:
        pair.write(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return context


def _decoded(data: str) -> str:
    return base64.b64decode(data).decode("ascii")


@dataclass
class Probe:
    """A client that opens a new connection to the API at 10 Hz and counts what fails.

    A request counts as failed when it is refused, reset, answers anything but 200, or takes
    longer than the timeout. With the cluster it is of, the server has to have a certificate of
    that cluster's CA, and every second request is one that etcd has to answer; without, anybody
    who serves the API will do, as before there is a cluster. With writes, the others of a cluster
    are no reads but change an annotation of the namespace default.

    longest_outage: seconds between two answers, whether anything failed in between or one was slow.
    failed_in_a_row: where it stays below two, a client that tries again was served each time.
    """

    host: str
    port: int
    timeout: float = 5.0
    of: Cluster | None = field(default=None, repr=False)
    writes: bool = False
    requests: int = 0
    slowest: float = 0.0
    longest_outage: float = 0.0
    failed_in_a_row: int = 0
    failures: list[str] = field(default_factory=list)
    _asked: Iterator[tuple[str, str]] = field(init=False, repr=False)
    _context: ssl.SSLContext = field(init=False, repr=False)

    def __post_init__(self) -> None:
        other = ("PATCH", QUORUM_PATH) if self.writes else ("GET", PROBE_PATH)
        self._asked = itertools.cycle((("GET", QUORUM_PATH), other) if self.of else (other,))
        self._context = self.of.administrator() if self.of else ssl._create_unverified_context()

    def once(self) -> str | None:
        """Why a request failed; None where it was answered."""
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=self._context)
        try:
            method, path = next(self._asked)
            connection.request(method, path, **(self._change() if method == "PATCH" else {}))
            answer = connection.getresponse()
            return None if answer.status == 200 else f"HTTP {answer.status} {answer.read(300)!r}"
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()

    def follow(self) -> None:
        """Go on with the CAs and the certificate that admin.conf has by now, as somebody who was handed a new one."""
        if self.of:
            self._context = self.of.administrator()

    def _change(self) -> dict[str, Any]:
        """Another value each time: a patch that changes nothing is not written."""
        annotations = {"e2e/probe": str(self.requests)}
        return {"body": json.dumps({"metadata": {"annotations": annotations}}), "headers": PATCH_HEADERS}

    @contextlib.contextmanager
    def running(self) -> Iterator[Probe]:
        with in_background(self._loop):
            yield self

    def _loop(self, stop: threading.Event) -> None:
        answered = time.monotonic()
        in_a_row = 0
        while not stop.is_set():
            started = time.monotonic()
            failure = self.once()
            now = time.monotonic()
            took = now - started
            self.requests += 1
            self.slowest = max(self.slowest, took)
            self.longest_outage = max(self.longest_outage, now - answered)
            if failure:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {failure}")
                in_a_row += 1
                self.failed_in_a_row = max(self.failed_in_a_row, in_a_row)
            else:
                answered, in_a_row = now, 0
            stop.wait(max(0.0, 0.1 - took))


@dataclass
class KeptConnection:
    """A client that asks the API at 10 Hz over one connection for as long as it lasts."""

    host: str
    port: int
    requests: int = 0
    lost: str = ""

    @contextlib.contextmanager
    def running(self) -> Iterator[KeptConnection]:
        with in_background(self._loop):
            yield self

    def _loop(self, stop: threading.Event) -> None:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=Probe.timeout, context=context)
        connection.connect()
        connection.auto_open = 0
        try:
            while not stop.wait(0.1):
                connection.request("GET", PROBE_PATH)
                connection.getresponse().read()
                self.requests += 1
        except (OSError, http.client.HTTPException) as error:
            self.lost = f"after {self.requests} requests: {type(error).__name__}: {error}"
        finally:
            connection.close()
