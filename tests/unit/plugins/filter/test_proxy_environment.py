# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.filter.proxy_environment import proxy_environment


@pytest.mark.parametrize(
    ("given", "environment"),
    [
        (("", "", ""), {}),
        (("http://p:3128", "", ".example.com"), {"http_proxy": "http://p:3128", "no_proxy": ".example.com"}),
        (("http://user:word@p:3128", "http://p:3128", ""), {"https_proxy": "http://p:3128"}),
    ],
)
def test_neither_empty_nor_with_credentials(given: tuple[str, str, str], environment: dict[str, str]) -> None:
    assert proxy_environment(*given) == environment
