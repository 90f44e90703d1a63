# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._ship.s3 import NOTHING_SHA256
from ansible_collections.kubeops.cluster.plugins.module_utils._ship.sigv4 import (
    Credentials,
    query_string,
    signed_headers,
)

HOST = "examplebucket.s3.amazonaws.com"
OWNER = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
NOW = datetime(2013, 5, 24, tzinfo=timezone.utc)

EXAMPLES = {
    "get object": (
        "GET", "/test.txt", {}, {"host": HOST, "range": "bytes=0-9"}, NOTHING_SHA256,
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    "put object": (
        "PUT", "/test%24file.text", {},
        {"host": HOST, "date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    "list objects": (
        "GET", "/", {"max-keys": "2", "prefix": "J"}, {"host": HOST}, NOTHING_SHA256,
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_signature(name: str) -> None:
    method, path, query, headers, payload, signature = EXAMPLES[name]
    signed = signed_headers(method, path, query, headers, payload, OWNER, NOW)
    assert signed["Authorization"].endswith(f"Signature={signature}")
    assert signed["x-amz-date"] == "20130524T000000Z"


def test_query_is_sorted_and_escaped() -> None:
    assert query_string({"prefix": "a b/c", "list-type": "2"}) == "list-type=2&prefix=a%20b%2Fc"


def test_the_secret_key_is_not_shown() -> None:
    assert OWNER.secret_key not in repr(OWNER)
