# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of nodes_ready: runs it on whichever control plane answers."""

from __future__ import annotations

from ..plugin_utils.control_plane import OnAnyControlPlane


class ActionModule(OnAnyControlPlane):
    """Looks at nodes from one control plane."""

    MODULE = "kubeops.cluster.nodes_ready"
