# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""haproxy.cfg for the API servers. Pure.

Keywords: https://docs.haproxy.org/2.6/configuration.html
"""

from __future__ import annotations

import hashlib

from .model import ADMIN_SOCKET, BACKEND, MANAGED, Haproxy

_FINGERPRINT = "@fingerprint@"

# verify none concerns the health check alone. Clients verify the API server end to end
# through the TCP tunnel, and the cluster's CA does not exist before kubeadm init.
_TEMPLATE = """{managed}
global
    description {fingerprint}
    log stdout format short daemon notice
    chroot /var/lib/haproxy
    user haproxy
    group haproxy
    maxconn {maxconn}
    # Connections that outlive a reload stay with the old process for this long.
    hard-stop-after {hard_stop_after}
    stats socket {socket} mode 600 level admin expose-fd listeners

defaults
    mode tcp
    log global
    option dontlognull
    option dontlog-normal
    option log-health-checks
    option clitcpka
    option srvtcpka
    option redispatch 1
    retries 3
    timeout connect 2s
    # /readyz asks etcd, and gives that two seconds; a verdict that is late is still one.
    timeout check 3s
    # Watches and kubectl exec may be silent for long; dead peers are found by TCP keepalive.
    timeout client 4h
    timeout server 4h

frontend {backend}
    bind {bind}
    default_backend {backend}

# Tells keepalived here and on the other load balancers whether an API server can be reached.
frontend monitor
    mode http
    bind {monitor}
    timeout client 5s
    tcp-request connection reject unless {{ src {askers} }}
    monitor-uri /healthz
    monitor fail if {{ nbsrv({backend}) lt 1 }}

backend {backend}
    balance leastconn
    option httpchk GET /readyz
    http-check expect status 200
    # A check may connect (TLS included) for as long as `inter`: a short one takes busy servers for dead ones and ends
    # their sessions. New connections wait for no check: they are sent on where a server does not let them in.
    default-server check check-ssl verify none on-marked-down shutdown-sessions
    default-server inter {interval}ms fastinter {again}ms downinter {again}ms fall 3 rise 2
{servers}
"""


def render(settings: Haproxy) -> str:
    """The whole file; its `description` is the fingerprint that a running haproxy reports back."""
    text = _TEMPLATE.format(
        managed=MANAGED,
        fingerprint=_FINGERPRINT,
        maxconn=settings.max_connections,
        hard_stop_after=settings.hard_stop_after,
        socket=ADMIN_SOCKET,
        backend=BACKEND,
        bind=_bind(settings),
        monitor=_everywhere(settings, settings.monitor_port),
        askers=" ".join(["127.0.0.1", *settings.peers]),
        interval=settings.check_interval,
        again=max(1, settings.check_interval // 4),
        servers="\n".join(
            f"    server {server.name} {bracket(server.address)}:{server.port}" for server in settings.backends
        ),
    )
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return text.replace(_FINGERPRINT, f"kubeops-{digest}")


def fingerprint(config: str) -> str:
    """The description in a rendered file, or in the answer to `show info`."""
    for line in config.splitlines():
        words = line.replace(":", " ").split()
        if len(words) == 2 and words[0].lower() == "description":
            return words[1]
    return ""


def bracket(address: str) -> str:
    """IPv6 addresses stand in brackets where a port follows."""
    return f"[{address}]" if ":" in address else address


def _bind(settings: Haproxy) -> str:
    if settings.bind_address:
        return f"{bracket(settings.bind_address)}:{settings.port}"
    return _everywhere(settings, settings.port)


def _everywhere(settings: Haproxy, port: int) -> str:
    if any(":" in server.address for server in settings.backends):
        return f"[::]:{port} v4v6"
    return f"*:{port}"
