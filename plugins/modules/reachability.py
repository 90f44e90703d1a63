#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reachability
short_description: Try peers, names and package sources from a node
version_added: 1.0.0
description:
  - Connects to every port of every peer at once, resolves names and connects to the hosts that packages and images
    come from.
  - Reports what came of it and decides nothing. A refused connection means that the host is reachable and nothing
    listens yet, which is what a bare node looks like.
author:
  - kubeops.cluster contributors (@kubeops)
options:
  peers:
    description: Hosts to connect to.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: Name that stands for the peer in the result.
        type: str
        required: true
      address:
        description: Address or name to connect to.
        type: str
        required: true
      ports:
        description: Ports to try.
        type: list
        elements: dict
        required: true
        suboptions:
          port:
            description: Port number.
            type: int
            required: true
          protocol:
            description: Protocol of the port.
            type: str
            choices: [tcp, udp]
            default: tcp
  names:
    description: Names to resolve.
    type: list
    elements: str
    default: []
  sources:
    description: URLs, or hosts with or without a port, to connect to; only the connection is tried.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds that one attempt may take.
    type: float
    default: 3.0
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
"""

EXAMPLES = r"""
- name: Try the API server of another node
  kubeops.cluster.reachability:
    peers:
      - host: cp1
        address: 192.0.2.11
        ports:
          - port: 6443
    names: [api.example.com]
    sources: ["https://pkgs.k8s.io"]
"""

RETURN = r"""
peers:
  description: One entry for each port of each peer.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: The peer.
      type: str
      returned: always
    address:
      description: The address tried.
      type: str
      returned: always
    port:
      description: The port tried.
      type: int
      returned: always
    protocol:
      description: The protocol.
      type: str
      returned: always
    result:
      description:
        - V(open), V(refused) (reachable, nothing listens), V(filtered) (no answer), V(unreachable) (no route or no such
          name) or V(unknown) (UDP without an answer).
      type: str
      returned: always
    detail:
      description: The system's own words.
      type: str
      returned: always
names:
  description: One entry for each name, with the addresses found; none where it does not resolve.
  returned: success
  type: list
  elements: dict
  sample: [{name: api.example.com, addresses: [192.0.2.100], detail: ""}]
sources:
  description: One entry for each source, with a result as for peers.
  returned: success
  type: list
  elements: dict
  sample: [{source: "https://pkgs.k8s.io", port: 443, result: open, detail: ""}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._reachability.probe import probe_reachability

PORT_SPEC = {
    "port": {"type": "int", "required": True},
    "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
}
PEER_SPEC = {
    "host": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "ports": {"type": "list", "elements": "dict", "required": True, "options": PORT_SPEC},
}
SPEC = {
    "peers": {"type": "list", "elements": "dict", "default": [], "options": PEER_SPEC},
    "names": {"type": "list", "elements": "str", "default": []},
    "sources": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "float", "default": 3.0},
}


def observe(module: AnsibleModule) -> dict[str, Any]:
    """What came of every attempt."""
    return {"changed": False, **probe_reachability(**module.params)}


def main() -> None:
    run_module(AnsibleModule(argument_spec=SPEC, supports_check_mode=True), observe)


if __name__ == "__main__":
    main()
