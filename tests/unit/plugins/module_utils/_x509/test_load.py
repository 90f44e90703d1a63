# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys under cryptography 36 to 38, which RHEL 9 has: it takes no option to leave their primes alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue, load
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.model import Unreadable
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat

CURRENT = serialization.load_der_private_key
KEY = serialization.load_pem_private_key(issue.make_key("rsa-2048"), None)
PLAIN = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, serialization.NoEncryption())
ENCRYPTED = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"phrase"))


@pytest.fixture(params=["current", "before 39"])
def skipped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """How each call that got as far as the key found the primes left alone."""
    seen: list[bool] = []

    def before_39(data: bytes, password: None, backend: Any = None) -> Any:
        seen.append(default_backend()._rsa_skip_check_key)
        return CURRENT(data, password)

    def current(data: bytes, password: None, **options: bool) -> Any:
        seen.append(options.get("unsafe_skip_rsa_key_validation", False))
        return CURRENT(data, password, **options)

    old = request.param == "before 39"
    monkeypatch.setattr(default_backend(), "_rsa_skip_check_key", False, raising=False)
    monkeypatch.setattr(load.serialization, "load_der_private_key", before_39 if old else current)
    return seen


def test_the_primes_of_a_key_are_left_alone(skipped: list[bool]) -> None:
    key = load.private_key(PLAIN)
    assert (key.key_type, key.key_bits, key.private) == ("RSA", 2048, True)
    assert skipped == [True]
    assert default_backend()._rsa_skip_check_key is False


@pytest.mark.parametrize(("data", "problem"), [(ENCRYPTED, "encrypted"), (PLAIN[:-1], "malformed")])
def test_what_is_no_key_for_us_leaves_nothing_switched(skipped: list[bool], data: bytes, problem: str) -> None:
    with pytest.raises(Unreadable) as caught:
        load.private_key(data)
    assert caught.value.problem == problem
    assert skipped[:1] == [True]
    assert default_backend()._rsa_skip_check_key is False
