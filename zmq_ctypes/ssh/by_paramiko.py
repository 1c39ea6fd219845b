"""Tunnels of paramiko: ssh in Python, where there is no ``ssh`` program, as on many a Windows.

1. *Threads, not a process.*  pyzmq forks, or on Windows and macOS imports the main program again, which has to be written
   for that.  Here the tunnel is served by threads of the program itself: it works from an embedded Python and from a
   prompt, what goes wrong with the login is raised where the tunnel is opened, and there is nothing that could be left
   behind.  The price: a program that computes in Python slows its tunnel down.
2. *A server that says nothing any more* is asked for a sign of life, as OpenSSH asks.  paramiko's own keepalive wants no answer.
3. *Host keys* are the subject of `known_hosts`.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

from .asking import ask
from .errors import AuthenticationException, SSHException
from .forward import ForwardServer, handler_for
from .known_hosts import KNOWN_HOSTS, POLICY, prepare
from .standing import Tunnel

if TYPE_CHECKING:
    from typing import Any, NoReturn

    from .places import Server

__all__ = ["ParamikoTunnel", "connect", "paramiko_module"]

#: Seconds between the questions whether the server is there, and for which it may owe the answer.
KEEPALIVE, SILENCE = 15.0, 45.0


def paramiko_module() -> Any:
    """The package paramiko.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Some of its versions use what some versions of cryptography deprecate.
            warnings.simplefilter("ignore")
            return import_module("paramiko")
    except ImportError as error:
        raise ImportError(
            f"tunnels of paramiko need it (pip install paramiko): {error}; with paramiko=False, OpenSSH makes them instead"
        ) from None


def connect(server: Server, keyfile: str | None, password: str | None, timeout: float) -> Any:
    """Log in.

    Returns
    -------
    paramiko.SSHClient

    Raises
    ------
    AuthenticationException
        If the server does not accept what it got.
    SSHException
        If the host is unknown, cannot be reached, or takes too long.
    ValueError
        If ``PYZMQ_PARAMIKO_HOST_KEY_POLICY`` names no policy.
    """
    paramiko = paramiko_module()
    client = paramiko.SSHClient()
    prepare(paramiko, client)
    try:
        client.connect(
            server.host,
            server.port or 22,
            username=server.user,
            password=password,
            key_filename=keyfile,
            timeout=timeout,
            banner_timeout=timeout,
            auth_timeout=timeout,
        )
    except BaseException as error:
        client.close()
        if isinstance(error, (paramiko.SSHException, OSError, EOFError)):
            _explain(paramiko, server, password, error)
        raise
    return client


def _explain(paramiko: Any, server: Server, password: str | None, error: Exception) -> NoReturn:
    """Raise what went wrong as our exception, which is paramiko's as well."""

    class Refused(AuthenticationException, paramiko.AuthenticationException):  # type: ignore[misc]
        pass

    class Failed(SSHException, paramiko.SSHException):  # type: ignore[misc]
        pass

    Refused.__name__ = Refused.__qualname__ = "AuthenticationException"
    Failed.__name__ = Failed.__qualname__ = "SSHException"
    # What paramiko says when it has nothing to show to the server is of no class of its own.
    nothing = "No authentication methods available" in str(error)
    if nothing or isinstance(error, paramiko.AuthenticationException):
        what = (
            "does not accept the password"
            if password is not None
            else "accepts no key of ours, and no password was given"
        )
        raise Refused(f"{server} {what}: {error}") from error
    reason = str(error) or type(error).__name__
    if "not found in known_hosts" in reason:
        reason += f" ({KNOWN_HOSTS}); log in with ssh once, to check and accept its key, or set {POLICY}"
    raise Failed(f"could not log in to {server}: {reason}") from error


def connect_asking(server: Server, keyfile: str | None, password: str | None, timeout: float) -> Any:
    """Log in, and ask for the password if one is needed, none was given, and somebody can be asked."""
    try:
        return connect(server, keyfile, password, timeout)
    except AuthenticationException as error:
        if password is not None:
            raise
        try:
            password = ask(f"{server}'s password: ", "")
        except AuthenticationException:
            raise error from None
    return connect(server, keyfile, password, timeout)


class ParamikoTunnel(Tunnel):
    """A tunnel that threads of this process serve; its `pid` is None."""

    def __init__(
        self, client: Any, name: str, local_port: int, remoteip: str, remote_port: int, timeout: float
    ) -> None:
        self._client = client
        transport = client.get_transport()
        self._server = ForwardServer(("127.0.0.1", local_port), handler_for(remoteip, remote_port, transport))
        self._begin(name, self._server.server_address[1])
        self._asked: float | None = None
        self._server.check = self._silence
        Thread(target=self._ask_for_life, args=(transport,), name="ssh tunnel, signs of life", daemon=True).start()
        self._follow(lambda: self._serve(timeout))

    def _serve(self, timeout: float) -> None:
        reason = "it has failed"
        try:
            reason = self._server.serve(timeout)
        finally:
            self._server.server_close()
            self._client.close()
            self._end(0, reason)

    def _ask_for_life(self, transport: Any) -> None:
        while not self._ended.wait(KEEPALIVE):
            self._asked = monotonic()
            try:
                transport.global_request("keepalive@openssh.com", wait=True)
            except Exception:
                return  # the connection has ended, which is noticed elsewhere
            self._asked = None

    def _silence(self) -> str:
        asked = self._asked
        silent = asked is not None and monotonic() - asked > SILENCE
        return f"the server has said nothing for {SILENCE:g} s" if silent else ""

    def terminate(self) -> None:
        """End the tunnel; does not wait for it.  Nothing happens if it has ended."""
        self._server.end("it was terminated")

    def _abandon(self) -> None:
        self._server.abandon()
        sock = self._client.get_transport().sock
        # A socket's own close: paramiko's would say goodbye to the server.
        sock.close()
