# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of upgrade_cluster_facts: runs it on whichever control plane answers."""

from __future__ import annotations

from ..plugin_utils.control_plane import OnAnyControlPlane


class ActionModule(OnAnyControlPlane):
    """One look at the cluster before an upgrade, from one control plane."""

    MODULE = "kubeops.cluster.upgrade_cluster_facts"
