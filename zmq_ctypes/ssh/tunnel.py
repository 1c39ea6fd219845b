"""Connecting sockets through ssh: a port of this machine that leads to one that only an ssh server can reach.

Two programs can do it: OpenSSH's ``ssh``, driven by pexpect, with everything that it is configured for, and paramiko, which is
ssh in Python.  Neither is needed to import this module.
"""

from __future__ import annotations

import socket as sockets
import sys
from contextlib import ExitStack
from operator import index
from typing import TYPE_CHECKING

from .errors import AuthenticationException, MaxRetryExceeded, SSHException
from .places import host_name, key_path, parse_endpoint, parse_server, port_number, seconds

if TYPE_CHECKING:
    from typing import Any, Literal, overload

    from .by_paramiko import ParamikoTunnel
    from .openssh import OpenSSHTunnel
    from .standing import Tunnel

__all__ = [
    "AuthenticationException",
    "MaxRetryExceeded",
    "SSHException",
    "open_tunnel",
    "openssh_tunnel",
    "paramiko_tunnel",
    "select_random_ports",
    "ssh_tunnel",
    "try_passwordless_ssh",
    "tunnel_connection",
]

_WINDOWS = sys.platform == "win32"
#: Seconds that a login may take where there is no time-out to be given.
_PATIENCE = 60.0
# Between the choice of a port and its use, another program may take it.
_TRIES = 10


def __getattr__(name: str) -> Any:
    # pyzmq has imported them, or has None.
    if name in ("paramiko", "pexpect"):
        from importlib import import_module

        try:
            return import_module(name)
        except ImportError:
            return None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def select_random_ports(n: int) -> list[int]:
    """Choose ports of this machine that nothing listens on.

    Another program may take one before it is used.

    Parameters
    ----------
    n : int
        How many.

    Returns
    -------
    list of int
        The ports, all different.
    """
    with ExitStack() as stack:
        # All at once, or the system might choose one twice.
        chosen = [stack.enter_context(sockets.socket()) for _ in range(index(n))]
        for one in chosen:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in chosen]


def _password(password: object) -> str | None:
    if password is None or isinstance(password, str):
        return password
    raise TypeError(f"password: expected str, got: {type(password).__name__}")


def try_passwordless_ssh(server: str, keyfile: str | None = None, paramiko: bool | None = None) -> bool:
    """Whether one can log in without a password: with a key, an agent, or whatever else is configured.

    Parameters
    ----------
    server : str
        The ssh server, ``user@server:port``.
    keyfile : str, optional
        A private key to use as well as those that are configured.
    paramiko : bool, optional
        Whether paramiko is to do it instead of OpenSSH; by default on Windows only.

    Raises
    ------
    SSHException
        If the server cannot be reached, or its host key is not known.
    ImportError
        If pexpect, or paramiko, is missing.
    """
    where, key = parse_server(server), key_path(keyfile)
    try:
        if _WINDOWS if paramiko is None else paramiko:
            from .by_paramiko import connect

            connect(where, key, None, _PATIENCE).close()
        else:
            from .openssh import OpenSSHTunnel, command

            words = command(where, key, _PATIENCE, ["-o", "BatchMode=yes"])
            with OpenSSHTunnel(words, f"to {where}", 0) as login:
                login.log_in(where, None, _PATIENCE)
    except AuthenticationException:
        return False
    return True


if TYPE_CHECKING:

    @overload
    def tunnel_connection(
        socket: Any,
        addr: str,
        server: str,
        keyfile: str | None = ...,
        password: str | None = ...,
        *,
        paramiko: Literal[True],
        timeout: float = ...,
    ) -> ParamikoTunnel: ...
    @overload
    def tunnel_connection(
        socket: Any,
        addr: str,
        server: str,
        keyfile: str | None = ...,
        password: str | None = ...,
        *,
        paramiko: Literal[False],
        timeout: float = ...,
    ) -> OpenSSHTunnel: ...
    @overload
    def tunnel_connection(
        socket: Any,
        addr: str,
        server: str,
        keyfile: str | None = ...,
        password: str | None = ...,
        paramiko: bool | None = ...,
        timeout: float = ...,
    ) -> Tunnel: ...


def tunnel_connection(
    socket: Any,
    addr: str,
    server: str,
    keyfile: str | None = None,
    password: str | None = None,
    paramiko: bool | None = None,
    timeout: float = 60,
) -> Any:
    """Connect a socket to an endpoint through a tunnel.

    Parameters
    ----------
    socket : Socket
        The socket.
    addr : str
        The ``tcp://`` endpoint to connect to, as the ssh server sees it.
    server : str
        The ssh server, ``user@server:port``; for OpenSSH also an alias of its configuration.
    keyfile : str, optional
        A private key to use as well as those that are configured.
    password : str, optional
        The password, of the user or of the key.  Without one, it is asked for if it is needed and there is a terminal.
    paramiko : bool, optional
        Whether paramiko is to do it instead of OpenSSH; by default on Windows only.
    timeout : float, optional
        Seconds that the login may take, and after which a tunnel without a connection ends.  A socket that is
        connected to the tunnel keeps it standing, even while the other end is away: libzmq tries again all the time.

    Returns
    -------
    OpenSSHTunnel or ParamikoTunnel
        The tunnel.  It need not be kept: it stands until the program ends, or one of the above.

    Raises
    ------
    AuthenticationException
        If the server does not accept the password or the key.
    SSHException
        If the server cannot be reached, its host key is not known, or it takes too long.
    ImportError
        If pexpect, or paramiko, is missing.
    TypeError, ValueError
        If an argument is not what it should be.
    """
    if not callable(getattr(socket, "connect", None)):
        raise TypeError(f"socket: expected a Socket, got: {socket!r}")
    url, tunnel = open_tunnel(addr, server, keyfile, password, paramiko, timeout)
    try:
        socket.connect(url)
    except BaseException:
        tunnel.close()
        raise
    return tunnel


def open_tunnel(
    addr: str,
    server: str,
    keyfile: str | None = None,
    password: str | None = None,
    paramiko: bool | None = None,
    timeout: float = 60,
) -> tuple[str, Tunnel]:
    """Open a tunnel to an endpoint.

    Parameters
    ----------
    addr, server, keyfile, password, paramiko, timeout
        As for `tunnel_connection`, which says what is raised, too.

    Returns
    -------
    tuple of (str, Tunnel)
        The endpoint to connect to instead, and the tunnel.
    """
    host, port = parse_endpoint(addr)
    make = paramiko_tunnel if (_WINDOWS if paramiko is None else paramiko) else openssh_tunnel
    tunnel: Tunnel = make(0, port, server, host, keyfile, password, timeout)
    return f"tcp://127.0.0.1:{tunnel.local_port}", tunnel


def openssh_tunnel(
    lport: int,
    rport: int,
    server: str,
    remoteip: str = "127.0.0.1",
    keyfile: str | None = None,
    password: str | None = None,
    timeout: float = 60,
) -> OpenSSHTunnel:
    """Open a tunnel with the ``ssh`` program, as ``ssh -L 127.0.0.1:lport:remoteip:rport server`` does.

    Parameters
    ----------
    lport : int
        The port of this machine; 0 chooses one, which `Tunnel.local_port` is then.
    rport : int
        The port that the tunnel leads to.
    server : str
        As for `tunnel_connection`.
    remoteip : str, optional
        The host that the tunnel leads to, as the ssh server sees it; by default that server itself.
    keyfile, password, timeout
        As for `tunnel_connection`, which says what is raised, too.

    Returns
    -------
    OpenSSHTunnel
        The tunnel; as an integer, the id of the process.
    """
    local, remote = port_number(lport, "lport", 0), port_number(rport, "rport")
    where, host, key, limit = parse_server(server), host_name(remoteip, "remoteip"), key_path(keyfile), seconds(timeout)
    secret = _password(password)
    if secret is not None and not secret.isprintable():
        raise ValueError("password: it has characters that cannot be typed at a terminal; paramiko=True can send them")
    from .openssh import OpenSSHTunnel, PortTaken, command, forwarding

    tries = 1 if local else _TRIES
    while True:
        tries -= 1
        port = local or select_random_ports(1)[0]
        words = command(where, key, limit, forwarding(port, host, remote))
        tunnel = OpenSSHTunnel(words, f"127.0.0.1:{port} -> {host} port {remote} through {where}", port)
        try:
            tunnel.log_in(where, secret, limit)
        except BaseException as error:
            tunnel.close()
            if isinstance(error, PortTaken) and tries:
                continue
            raise
        tunnel.stand(limit)
        return tunnel


def paramiko_tunnel(
    lport: int,
    rport: int,
    server: str,
    remoteip: str = "127.0.0.1",
    keyfile: str | None = None,
    password: str | None = None,
    timeout: float = 60,
) -> ParamikoTunnel:
    """Open a tunnel with paramiko.

    Parameters
    ----------
    lport, rport, server, remoteip, keyfile, password, timeout
        As for `openssh_tunnel`; the configuration of OpenSSH has no say, but its known hosts have.

    Returns
    -------
    ParamikoTunnel
        The tunnel, served by threads of this process.

    Raises
    ------
    OSError
        If something else listens on `lport`.
    """
    local, remote = port_number(lport, "lport", 0), port_number(rport, "rport")
    where, host, key, limit = parse_server(server), host_name(remoteip, "remoteip"), key_path(keyfile), seconds(timeout)
    secret = _password(password)
    from .by_paramiko import ParamikoTunnel, connect_asking

    client = connect_asking(where, key, secret, limit)
    try:
        return ParamikoTunnel(client, f"to {host} port {remote} through {where}", local, host, remote, limit)
    except BaseException:
        client.close()
        raise


#: The one of the two that this platform is likely to have.
ssh_tunnel = paramiko_tunnel if _WINDOWS else openssh_tunnel
