"""Sockets through ssh: tunnels of OpenSSH or paramiko that end with the program."""

from __future__ import annotations

from .forward import ForwardServer, forward_tunnel
from .tunnel import (
    AuthenticationException,
    MaxRetryExceeded,
    SSHException,
    open_tunnel,
    openssh_tunnel,
    paramiko_tunnel,
    select_random_ports,
    ssh_tunnel,
    try_passwordless_ssh,
    tunnel_connection,
)

__all__ = [
    "AuthenticationException",
    "ForwardServer",
    "MaxRetryExceeded",
    "SSHException",
    "forward_tunnel",
    "open_tunnel",
    "openssh_tunnel",
    "paramiko_tunnel",
    "select_random_ports",
    "ssh_tunnel",
    "try_passwordless_ssh",
    "tunnel_connection",
]
