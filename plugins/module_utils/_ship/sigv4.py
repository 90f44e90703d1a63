# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS Signature Version 4 of a request (pure).

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Credentials:
    """Whose request it is, and for which region."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    service: str = "s3"


def query_string(query: Mapping[str, str]) -> str:
    """Return the query as it is both sent and signed: sorted, with nothing but unreserved characters plain."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))


def signed_headers(
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    payload_sha256: str,
    credentials: Credentials,
    now: datetime,
) -> dict[str, str]:
    """Return the headers with time, hash of the payload and the signature over all of them.

    path is the one that is sent, already quoted. headers must name the host. The receiver
    compares the payload with its hash, so that a signed upload is a verified one.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    complete = {**headers, "x-amz-content-sha256": payload_sha256, "x-amz-date": stamp}
    canonical = {name.lower(): value.strip() for name, value in complete.items()}
    names = ";".join(sorted(canonical))
    lines = "".join(f"{name}:{canonical[name]}\n" for name in sorted(canonical))
    request = "\n".join((method, path, query_string(query), lines, names, payload_sha256))
    scope = f"{stamp[:8]}/{credentials.region}/{credentials.service}/aws4_request"
    to_sign = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = _hmac(_key(credentials, stamp[:8]), to_sign).hex()
    value = f"{ALGORITHM} Credential={credentials.access_key}/{scope},SignedHeaders={names},Signature={signature}"
    return {**complete, "Authorization": value}


def _key(credentials: Credentials, day: str) -> bytes:
    key = ("AWS4" + credentials.secret_key).encode()
    for part in (day, credentials.region, credentials.service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
