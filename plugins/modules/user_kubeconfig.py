#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of user_kubeconfig: the half that speaks to the cluster, on a control plane."""

from __future__ import annotations

DOCUMENTATION = r"""
module: user_kubeconfig
short_description: Issue a kubeconfig to a person, and bind the person to roles
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - An action. The key is made on the controller and never leaves it; the certificate is requested through the API, with
    the signer C(kubernetes.io/kube-apiserver-client), by the first healthy host of the group C(control_plane).
  - With O(oidc), the kubeconfig holds no credentials; C(kubectl) fetches a token from the identity provider.
  - The kubeconfig is written on the controller with mode 0600. Neither key nor certificate appears in a log or
    a result.
  - One that serves is left alone. It is made anew when a third of its life is left, when groups, server, CA, context or
    namespace changed, when it lasts longer than O(lifetime), and when others than its owner can read it.
  - A file that holds anything but this user's one kubeconfig is neither replaced nor removed.
  - A client certificate cannot be revoked, since Kubernetes reads no revocation list. Give a short O(lifetime).
    V(absent) removes the bindings made here and the file; what other bindings give to the user or the groups remains
    until the certificate ends.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options:
  user:
    description: Name of the user, which is the common name of the certificate, or the name in the provider's token.
    type: str
    required: true
  groups:
    description: Groups of the user, which are the organizations of the certificate.
    type: list
    elements: str
    default: []
  dest:
    description: Path on the controller. Its directory is made when it is missing.
    type: path
    required: true
  state:
    description: V(absent) takes the bindings away and removes the file.
    type: str
    choices: [present, absent]
    default: present
  lifetime:
    description:
      - How long the certificate is valid, as C(8h) or C(7d), 10 minutes or more. The cluster may sign for less
        (C(--cluster-signing-duration)).
    type: str
    default: 8h
  bindings:
    description:
      - The rights of the user, as far as they are given here. A role that does not exist is refused.
      - What was bound here for this user earlier and is not in the list is taken away.
    type: list
    elements: dict
    default: []
    suboptions:
      cluster_role:
        description: A ClusterRole, for instance V(view). With O(bindings[].namespace) it counts there alone.
        type: str
      role:
        description: A Role of O(bindings[].namespace).
        type: str
      namespace:
        description: Namespace of the binding. Empty means the whole cluster.
        type: str
      group:
        description: Bind this group instead of the user.
        type: str
  oidc:
    description: Credentials come from an identity provider, which the API servers have to be configured for.
    type: dict
    suboptions:
      issuer_url:
        description: URL of the provider, as the API servers know it.
        type: str
        required: true
      client_id:
        description: Client of the provider, a public one with PKCE.
        type: str
        required: true
      extra_scopes:
        description: Scopes besides C(openid), for instance V(groups).
        type: list
        elements: str
        default: []
      command:
        description: Program that runs C(oidc-login get-token).
        type: str
        default: kubectl
  cluster_name:
    description: Name of the cluster in the kubeconfig.
    type: str
    default: kubernetes
  server:
    description: URL of the API in the kubeconfig. Empty means the cluster's endpoint.
    type: str
    default: ''
  namespace:
    description: Namespace of the context.
    type: str
    default: ''
  allow_system:
    description:
      - Whether names that begin with C(system:) are allowed. The API signs no certificate for C(system:masters), so
        that one is signed with the CA's key on the control plane.
    type: bool
    default: false
  csr:
    description: Used between the two halves of this action.
    type: str
    default: ''
"""

EXAMPLES = r"""
- name: A developer, for a working day
  kubeops.cluster.user_kubeconfig:
    user: jane
    groups: [developers]
    lifetime: 8h
    dest: ~/kubeconfigs/jane.conf
    bindings:
      - cluster_role: edit
        namespace: shop
  run_once: true

- name: By the identity provider, which can revoke
  kubeops.cluster.user_kubeconfig:
    user: jane@example.com
    dest: ~/kubeconfigs/jane.conf
    oidc:
      issuer_url: https://login.example.com
      client_id: kubernetes
      extra_scopes: [groups]
  run_once: true
"""

RETURN = r"""
dest:
  description: Path on the controller.
  returned: success
  type: str
plan:
  description: The steps, each with its reason. Empty where nothing has to be done.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "issue", "target": "/home/ops/kubeconfigs/jane.conf", "reason": "there is none"}]
not_after:
  description: When the certificate ends, ISO 8601; empty without one.
  returned: success
  type: str
  sample: "2026-11-21T23:11:41+00:00"
control_plane:
  description: The control plane that answered.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._access import argspec, cluster, model
from ..module_utils._core import clock, files
from ..module_utils._core.edge import run_module
from ..module_utils._core.plan import Plan
from ..module_utils._kubeadm import api, credentials, paths
from ..module_utils._x509 import issue, keep


def main() -> None:
    """Parse options and run."""
    run_module(AnsibleModule(argument_spec=argspec.OPTIONS, supports_check_mode=True), ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Sign where a request came, and see to the bindings; the action does the rest."""
    params = module.params
    person = model.Person(params["user"], tuple(params["groups"]))
    model.require_ordinary(person, params["allow_system"])
    span = model.lifetime(params["lifetime"])
    wanted = [] if params["state"] == "absent" else model.bindings(person, params["bindings"])
    with api.admin() as client:
        credentials.require_healthy(client)
        steps = cluster.missing(client, wanted) + cluster.unwanted(client, person, wanted)
        if not module.check_mode:
            cluster.bind(client, steps)
        certificate = _sign(client, params["csr"], person, span) if params["csr"] and not module.check_mode else ""
        endpoint = credentials.endpoint(client)
    return {
        **Plan(tuple(steps)).as_result(),
        "certificate": certificate,
        "ca": files.read_text(paths.CA_CERT) or "",
        "server": params["server"] or f"https://{endpoint}",
    }


def _sign(client: api.ApiClient, csr: str, person: model.Person, span: Any) -> str:
    """The API refuses system:masters whoever asks, so that the CA's own key has to sign it."""
    if not person.masters:
        return cluster.sign(client, csr, span)
    authority = keep.read_authority(paths.CA_CERT, f"{paths.PKI}/ca.key")
    leaf = issue.Leaf(person.user, person.groups)
    return issue.sign(csr.encode(), leaf, authority.cert, authority.key, clock.now(), span).decode("ascii")


if __name__ == "__main__":
    main()
