# SPDX-License-Identifier: GPL-3.0-or-later
"""Contexts for TLS."""

from __future__ import annotations

import ssl

from ansible_collections.kubeops.cluster.plugins.module_utils._core import http


def test_a_context_that_verifies_nothing_reads_no_authorities_of_the_system() -> None:
    context = http.tls_context(None, None, None, insecure=True)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    assert context.get_ca_certs() == []


def test_any_other_context_verifies() -> None:
    context = http.tls_context(None, None, None, insecure=False)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
