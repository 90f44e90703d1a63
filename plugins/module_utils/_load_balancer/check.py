# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script by which keepalived learns whether this node may hold the virtual address. Pure.

bash, since it runs all the time on nodes that may be busy: an interpreter with a TLS
library would cost them twenty times as much.
"""

from __future__ import annotations

SCRIPT = r"""#!/bin/bash
# Managed by kubeops.cluster, role load_balancer: edits are replaced on its next run.
# Usage: check-kube-apiserver PORT [PEER...]   PORT is haproxy's monitor on every load balancer.
#
# Exit code 1 (give the virtual address up) where haproxy does not answer, or where it
# reaches no API server while that of a peer does. With no API server anywhere, as before
# kubeadm init, the address has to be somewhere, and here is as good as elsewhere.

port=$1
shift

ask() {
    status=
    {
        { printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3 && read -r -t 2 _ status _ <&3; } 3<>"/dev/tcp/$1/$port"
    } 2>/dev/null
}

if [ "$1" = --peer ]; then
    ask "$2" && [ "$status" = 200 ]
    exit
fi

ask 127.0.0.1 || exit 1
[ "$status" = 200 ] && exit 0
for peer in "$@"; do
    timeout 1 "$0" "$port" --peer "$peer" && exit 1
done
exit 0
"""
