# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket of S3-compatible storage as a place for snapshots, spoken to by the node itself."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from .._core import clock, files, http
from .._core.errors import KubeopsError, Refusal
from .sigv4 import Credentials, query_string, signed_headers

NOTHING_SHA256 = hashlib.sha256(b"").hexdigest()
# Silence for longer than this ends an upload.
TIMEOUT_SECONDS = 120.0
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
LARGEST_OBJECT = 5 * 1024**3
_KEY = re.compile(r"<Key>([^<]*)</Key>")
_NEXT = re.compile(r"<NextContinuationToken>([^<]*)</NextContinuationToken>")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Bucket:
    """Objects below a prefix of one bucket, addressed by path, which every implementation knows.

    endpoint: URL without the bucket. ca_file: CA of the endpoint, the system's where empty.
    """

    endpoint: str
    bucket: str
    prefix: str
    credentials: Credentials
    ca_file: str = ""

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def check(self) -> None:
        """Refuse to send every Secret of a cluster in plain text."""
        parts = urlsplit(self.endpoint)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise Refusal(
                "a snapshot holds every Secret of the cluster and travels over TLS only",
                seen=f"endpoint {self.endpoint}",
                fix="name an https:// endpoint, with ca_file where its CA is your own",
                rule="plain_s3",
            )

    def put(self, path: str, name: str) -> None:
        """Upload a file; the storage compares it with the hash that was signed, and shows it only whole."""
        size = Path(path).stat().st_size
        if size > LARGEST_OBJECT:
            raise Refusal(
                f"{path} is too large for one upload to S3",
                seen=f"{size} bytes, {LARGEST_OBJECT} are the limit",
                fix="compress snapshots, defragment etcd, or ship over ssh",
                rule="s3_object_size",
            )
        with Path(path).open("rb") as file:
            self._send("PUT", self._key(name), {}, files.sha256(path) or "", http.Upload(file, size))
        stored = self._send("HEAD", self._key(name)).headers.get("content-length", "")
        if stored != str(size):
            raise KubeopsError(f"{self.label} holds {name} with {stored} bytes", seen=f"{size} were sent")

    def names(self) -> list[str]:
        """Return the names directly below the prefix; what has a further slash is another host's or cluster's."""
        start = len(self._key(""))
        names = [key[start:] for page in self._pages() for key in map(html.unescape, _KEY.findall(page))]
        return [name for name in names if "/" not in name]

    def read(self, name: str) -> bytes:
        """Return what a small object holds."""
        return self._send("GET", self._key(name)).body

    def remove(self, name: str) -> None:
        """Delete an object; gone already is fine."""
        self._send("DELETE", self._key(name))

    def _pages(self) -> Iterator[str]:
        query = {"delimiter": "/", "list-type": "2", "prefix": self._key("")}
        while True:
            page = self._send("GET", "", query).text
            yield page
            following = _NEXT.search(page)
            if not following:
                return
            query = {**query, "continuation-token": html.unescape(following[1])}

    def _key(self, name: str) -> str:
        return f"{self.prefix.strip('/')}/{name}" if self.prefix.strip("/") else name

    def _send(
        self,
        method: str,
        key: str,
        query: Mapping[str, str] | None = None,
        payload_sha256: str = NOTHING_SHA256,
        body: http.Upload | None = None,
    ) -> http.Response:
        parts = urlsplit(self.endpoint)
        path = parts.path.rstrip("/") + "/" + quote(f"{self.bucket}/{key}" if key else self.bucket, safe="/-_.~")
        headers = signed_headers(
            method, path, query or {}, {"host": parts.netloc}, payload_sha256, self.credentials, clock.now()
        )
        answer = http.request(
            f"{parts.scheme}://{parts.netloc}{path}" + (f"?{query_string(query)}" if query else ""),
            method=method,
            body=body,
            headers=headers,
            ca_file=self.ca_file or None,
            timeout=TIMEOUT_SECONDS,
        )
        if not 200 <= answer.status < 300:
            raise KubeopsError(
                f"{self.label} refused {method} {key or 'the list'}",
                seen=f"HTTP {answer.status}: {answer.text[:300]}",
                fix="check endpoint, region, bucket, access_key, secret_key and what its policy allows",
            )
        return answer
