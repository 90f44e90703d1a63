# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what versions are judged."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of what judges versions and looks for a road."""

    DOCUMENTATION = r"""
options:
  release_data:
    description:
      - Newer release data, laid over what the collection knows. C(as_of) is a day, C(releases) has a minor's
        C(released), C(maintenance), C(end_of_life), C(latest), C(bundled_etcd), C(coredns), C(etcd), C(kernel).
      - C(removed) has what newer minors no longer accept, C(gates) and C(flags) of components (name to minor),
        C(locked_gates) (name to C(since) and C(value)), C(apis) (C(group_version), C(kind), C(since)), and
        C(known_up_to), the newest minor that all this covers.
    type: dict
    default: {}
  end_of_life:
    description: Level of a version that gets no more fixes.
    type: str
    choices: [warning, error]
    default: warning
"""
