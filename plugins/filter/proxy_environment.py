# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxies as the environment of a task."""

from __future__ import annotations

DOCUMENTATION = r"""
name: proxy_environment
short_description: Proxies as the environment of a task
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Ansible puts the environment of a task on a command line of the node, where every user can read it. A value with
    credentials (it has an C(@)) is therefore left out, as is one that is empty.
positional: https_proxy, no_proxy
options:
  _input:
    description: URL of the proxy for HTTP.
    type: str
    required: true
  https_proxy:
    description: URL of the proxy for HTTPS.
    type: str
    required: true
  no_proxy:
    description: What is reached without a proxy, separated by commas.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Packages
  ansible.builtin.package:
    name: haproxy
  environment: >-
    {{ kubeops_http_proxy | kubeops.cluster.proxy_environment(kubeops_https_proxy, kubeops_no_proxy) }}
"""

RETURN = r"""
_value:
  description: The variables by name.
  type: dict
  sample: {http_proxy: "http://proxy.example.com:3128", no_proxy: ".example.com"}
"""

from typing import Any, Callable


def proxy_environment(http_proxy: str, https_proxy: str, no_proxy: str) -> dict[str, str]:
    """Apply the rule; see RETURN."""
    given = {"http_proxy": http_proxy, "https_proxy": https_proxy, "no_proxy": no_proxy}
    return {name: value for name, value in given.items() if value and "@" not in value}


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"proxy_environment": proxy_environment}
