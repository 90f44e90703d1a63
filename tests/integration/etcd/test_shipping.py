# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots shipped over a real sshd, and to a storage that checks what it is sent."""

from __future__ import annotations

import getpass
import hashlib
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError, Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._ship import argspec, ship
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
ACCESS_KEY, SECRET_KEY, REGION = "AKIAIOSFODNN7EXAMPLE", "secret", "eu-central-1"
RETENTION = {"daily": {"count": 2}}


def snapshots(directory: Path, count: int) -> list[Path]:
    """Files with the names of snapshots, one a day, each with a manifest."""
    directory.mkdir()
    made = []
    for day in range(count):
        path = directory / f"etcd-prod-202611{10 + day}T010000Z-daily.db"
        path.write_bytes(bytes([day]) * (200_000 + day))
        path.with_name(path.name + ".json").write_text("{}")
        made.append(path)
    return made


def send(paths: list[Path], target: dict[str, Any], host: str = "cp1") -> None:
    """Ship one after the other."""
    places = ship.places([argspec.with_defaults(target)], RETENTION, host, Runner(Programs()))
    for path in paths:
        ship.ship(str(path), places)


@dataclass
class Sshd:
    """A server for one user on the loopback address."""

    port: int
    key_file: Path
    host_key: str

    def target(self, directory: Path, **other: str) -> dict[str, Any]:
        return {
            "type": "ssh", "host": "127.0.0.1", "port": self.port, "user": getpass.getuser(),
            "directory": str(directory), "key_file": str(self.key_file), "host_key": self.host_key, **other,
        }  # fmt: skip


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if SSHD is None:
        pytest.skip("there is no sshd on this machine")
    home = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / name)]
        subprocess.run(command, check=True)
    shutil.copy(home / "user.pub", home / "authorized")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    (home / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {home}/host\nAuthorizedKeysFile {home}/authorized\n"
        "StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\n"
        "Subsystem sftp internal-sftp\nForceCommand internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(home / "config")], stderr=subprocess.DEVNULL)
    for __ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield Sshd(port, home / "user", (home / "host.pub").read_text())
    process.terminate()
    process.wait()


def test_over_ssh_whole_and_thinned_out(sshd: Sshd, tmp_path: Path) -> None:
    made = snapshots(tmp_path / "here", 4)
    send(made, sshd.target(tmp_path / "there" / "etcd"))
    arrived = sorted((tmp_path / "there" / "etcd" / "cp1").iterdir())
    kept = [path for snapshot in made[-2:] for path in (snapshot, snapshot.with_name(snapshot.name + ".json"))]
    assert [path.name for path in arrived] == [path.name for path in kept]
    assert [path.read_bytes() for path in arrived] == [path.read_bytes() for path in kept]
    assert {path.stat().st_mode & 0o777 for path in arrived} == {0o600}


def test_another_host_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    made = snapshots(tmp_path / "here", 1)
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    with pytest.raises(KubeopsError, match=r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed"):
        send(made, sshd.target(tmp_path / "there", host_key=other))
    assert not (tmp_path / "there").exists()


@dataclass
class Storage:
    """Objects by key, as an S3-compatible server keeps them; one page of a list has three keys.

    It answers only what is signed with its secret key, as Amazon's own library signs it.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    port: int = 0

    def target(self) -> dict[str, Any]:
        return {
            "type": "s3", "endpoint": f"http://127.0.0.1:{self.port}", "bucket": "bucket", "prefix": "a&b/prod",
            "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "region": REGION,
        }  # fmt: skip


def signature(method: str, url: str, headers: Mapping[str, str]) -> str:
    """What the Authorization header of a request has to say."""
    signed = re.search(r"SignedHeaders=([^,]*)", headers.get("Authorization", ""))
    names = signed[1].split(";") if signed else []
    request = AWSRequest(method, url, headers={name: headers[name] for name in names})
    request.context["timestamp"] = headers.get("X-Amz-Date", "")
    judge = S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION)
    return str(judge.signature(judge.string_to_sign(request, judge.canonical_request(request)), request))


class Handler(BaseHTTPRequestHandler):
    """The protocol, over what `store` keeps."""

    protocol_version = "HTTP/1.1"
    store: Storage

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        url = f"http://{self.headers['Host']}{self.path}"
        if self.headers["Authorization"].endswith(f"Signature={signature(self.command, url, self.headers)}"):
            return True
        self.close_connection = True
        self.answer(403, b"SignatureDoesNotMatch")
        return False

    def answer(self, status: int, body: bytes = b"", length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix("/bucket").removeprefix("/")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if hashlib.sha256(body).hexdigest() != self.headers["x-amz-content-sha256"]:
            self.answer(400, b"XAmzContentSHA256Mismatch")
            return
        self.store.objects[self.key()] = body
        self.answer(200)

    def do_HEAD(self) -> None:
        found = self.store.objects.get(self.key())
        self.answer(404 if found is None else 200, length=len(found or b""))

    def do_GET(self) -> None:
        if self.key():
            found = self.store.objects.get(self.key())
            self.answer(404 if found is None else 200, found or b"NoSuchKey")
            return
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        after = query.get("continuation-token", [""])[0]
        keys = sorted(key for key in self.store.objects if key.startswith(query["prefix"][0]) and key > after)
        page, more = keys[:3], keys[3:]
        text = "".join(f"<Key>{key.replace('&', '&amp;')}</Key>" for key in page)
        text += f"<NextContinuationToken>{page[-1].replace('&', '&amp;')}</NextContinuationToken>" if more else ""
        self.answer(200, f"<ListBucketResult>{text}</ListBucketResult>".encode())

    def do_DELETE(self) -> None:
        self.store.objects.pop(self.key(), None)
        self.answer(204)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def storage() -> Iterator[Storage]:
    store = Storage()
    handler = type("HandlerOfOneStore", (Handler,), {"store": store})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    store.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield store
    server.shutdown()
    server.server_close()


def test_to_a_bucket_whole_and_thinned_out(storage: Storage, tmp_path: Path) -> None:
    made = snapshots(tmp_path / "here", 4)
    send(made, storage.target())
    kept = [path for snapshot in made[-2:] for path in (snapshot, snapshot.with_name(snapshot.name + ".json"))]
    assert storage.objects == {f"a&b/prod/cp1/{path.name}": path.read_bytes() for path in kept}


def test_a_wrong_key_or_region_is_refused(storage: Storage, tmp_path: Path) -> None:
    made = snapshots(tmp_path / "here", 1)
    for wrong in ({"secret_key": "other"}, {"region": "us-east-1"}):
        with pytest.raises(KubeopsError) as refused:
            send(made, {**storage.target(), **wrong})
        assert "SignatureDoesNotMatch" in str(refused.value) and "secret_key" in str(refused.value)
    assert not storage.objects


def test_nothing_of_another_cluster_or_host_goes(storage: Storage, tmp_path: Path) -> None:
    made = snapshots(tmp_path / "here", 4)
    others = {
        f"{folder}etcd-{cluster}-202611{day}T010000Z-daily.db": b"theirs"
        for day in ("01", "02", "03")
        for folder, cluster in (("", "prod-eu"), ("cp1/", "prod"), ("b/", "b"))
    }
    storage.objects.update(others)
    send(made, {**storage.target(), "prefix": ""}, host="")
    kept = [path for snapshot in made[-2:] for path in (snapshot, snapshot.with_name(snapshot.name + ".json"))]
    assert storage.objects == {**others, **{path.name: path.read_bytes() for path in kept}}


def test_a_name_that_tells_nothing_makes_nothing_surplus(storage: Storage, tmp_path: Path) -> None:
    (made,) = snapshots(tmp_path / "here", 1)
    copy = made.with_name("copy.db")
    for end in ("", ".json"):
        made.with_name(made.name + end).rename(f"{copy}{end}")
    send([copy], storage.target())
    assert set(storage.objects) == {"a&b/prod/cp1/copy.db", "a&b/prod/cp1/copy.db.json"}


def test_secrets_travel_over_tls_only(tmp_path: Path) -> None:
    target = {**Storage().target(), "endpoint": "http://192.0.2.1:9000"}
    with pytest.raises(Refusal, match="TLS only"):
        send(snapshots(tmp_path / "here", 1), target)


def test_one_place_that_fails_keeps_no_other_from_its_copy(storage: Storage, tmp_path: Path) -> None:
    made = snapshots(tmp_path / "here", 1)
    dead = {**storage.target(), "endpoint": "http://127.0.0.1:1"}
    places = ship.places(
        [argspec.with_defaults(target) for target in (dead, storage.target())], {}, "", Runner(Programs())
    )
    with pytest.raises(KubeopsError, match="did not get to 1 of 2 places"):
        ship.ship(str(made[0]), places)
    assert f"a&b/prod/{made[0].name}" in storage.objects
