"""A local port that leads through an ssh connection of paramiko: each connection to it becomes a channel.

Each direction of a connection has a thread that does nothing but copy.  One thread for both could wait to write into a
peer that itself waits to write, for ever.  When one side has said that it will send no more, the other side is told so
and the opposite direction goes on; when either fails, both are closed.
"""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Callable

__all__ = ["ForwardServer", "Handler", "forward_tunnel", "logger"]

logger = logging.getLogger("ssh")

#: Seconds between looks at whether the server still has something to serve.
MOMENT = 0.2
_CHUNK = 65536


class _Ended(Exception):
    """The reason is its text."""


class Handler(BaseRequestHandler):
    """Serves one connection; a subclass says where it leads.

    Attributes
    ----------
    chain_host : str
        The host to connect to, as the ssh server sees it.
    chain_port : int
        Its port.
    ssh_transport : paramiko.Transport
        The connection to the ssh server.
    """

    chain_host: str
    chain_port: int
    ssh_transport: Any

    def handle(self) -> None:
        """Copy in both directions until the end."""
        request: socket.socket = self.request
        try:
            request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            channel = self.ssh_transport.open_channel(
                "direct-tcpip", (self.chain_host, self.chain_port), request.getpeername()
            )
        except Exception as error:
            # libzmq tries again, many times a second: nothing that people should read each time.
            logger.debug("no way to %s port %s: %s", self.chain_host, self.chain_port, error)
            return
        back = Thread(
            target=_copy,
            args=(channel.recv, request.sendall, lambda: request.shutdown(socket.SHUT_WR), request, channel),
            name="ssh tunnel, inwards",
            daemon=True,
        )
        back.start()
        _copy(request.recv, channel.sendall, channel.shutdown_write, request, channel)
        back.join()
        channel.close()


def _copy(
    receive: Callable[[int], bytes],
    send: Callable[[bytes], Any],
    finish: Callable[[], Any],
    request: socket.socket,
    channel: Any,
) -> None:
    try:
        while True:
            data = receive(_CHUNK)
            if not data:
                break
            send(data)
        finish()
    except Exception as error:
        logger.debug("a connection through the tunnel has ended: %s", error)
        # The other direction waits in one of the two.
        with suppress(Exception):
            channel.close()
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)


class ForwardServer(ThreadingTCPServer):
    """Listens on a local port and has each connection served by a thread.

    Parameters
    ----------
    server_address : tuple of (str, int)
        Where to listen; port 0 lets the system choose one.
    RequestHandlerClass : type
        A subclass of `Handler` that says where connections lead.
    bind_and_activate : bool, optional
        Whether to listen at once.

    Attributes
    ----------
    connections : int
        How many connections there are.
    changed : float
        When there was one more or one less, as ``time.monotonic`` tells.
    """

    daemon_threads = True
    block_on_close = False
    # On Windows this would let two servers have one port.
    allow_reuse_address = sys.platform != "win32"
    request_queue_size = 128

    def __init__(
        self, server_address: tuple[str, int], RequestHandlerClass: type[Any] = Handler, bind_and_activate: bool = True
    ) -> None:
        if ":" in server_address[0]:
            self.address_family = socket.AF_INET6
        self.connections = 0
        self.changed = monotonic()
        self._requests: set[Any] = set()
        self._lock = Lock()
        self._idle: float | None = None
        self._reason = ""
        #: Asked now and then for the reason to end; empty while there is none.
        self.check: Callable[[], str] = str
        super().__init__(server_address, RequestHandlerClass, bind_and_activate)

    def serve(self, idle: float | None = None) -> str:
        """Serve until the ssh connection ends, `end` is called, or there was no connection for some time.

        Parameters
        ----------
        idle : float, optional
            How many seconds; by default as long as it takes.

        Returns
        -------
        str
            What the end was.
        """
        self._idle = idle
        self.changed = monotonic()
        try:
            self.serve_forever(MOMENT)
        except _Ended as ended:
            return str(ended)
        return "it was shut down"

    def end(self, reason: str) -> None:
        """Have `serve` return; does not wait for it, and may be called before it."""
        self._reason = self._reason or reason

    def service_actions(self) -> None:
        """Called by ``serve_forever`` now and then."""
        if self._reason:
            raise _Ended(self._reason)
        reason = self.check()
        if reason:
            raise _Ended(reason)
        transport = getattr(self.RequestHandlerClass, "ssh_transport", None)
        if transport is not None and not transport.is_active():
            raise _Ended("the connection to the ssh server has ended")
        with self._lock:
            quiet = 0.0 if self.connections else monotonic() - self.changed
        if self._idle is not None and quiet > self._idle:
            raise _Ended(f"there was no connection for {self._idle:g} s")

    def process_request(self, request: Any, client_address: Any) -> None:
        """Have a thread serve a new connection."""
        self._count(1, request)
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._count(-1, request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it, in that thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._count(-1, request)

    def _count(self, change: int, request: Any) -> None:
        with self._lock:
            self.connections += change
            self.changed = monotonic()
            (self._requests.add if change > 0 else self._requests.discard)(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Called when a handler has raised something."""
        logger.debug("a connection through the tunnel has failed", exc_info=True)

    def abandon(self) -> None:
        """In the child of a fork: close what it has of the parent's connections, which stay as they are."""
        for request in [self.socket, *self._requests]:
            request.close()


def handler_for(remote_host: str, remote_port: int, transport: Any) -> type[Handler]:
    """The handler whose connections lead to one place."""
    places = {"chain_host": remote_host, "chain_port": remote_port, "ssh_transport": transport}
    return type("PlaceHandler", (Handler,), places)


def forward_tunnel(local_port: int, remote_host: str, remote_port: int, transport: Any) -> None:
    """Forward a local port through an ssh connection, until that ends.

    Parameters
    ----------
    local_port : int
        The port to listen on, on 127.0.0.1.
    remote_host : str
        The host to connect to, as the ssh server sees it.
    remote_port : int
        Its port.
    transport : paramiko.Transport
        The ssh connection, logged in.

    Raises
    ------
    OSError
        If something else listens on that port.
    """
    with ForwardServer(("127.0.0.1", local_port), handler_for(remote_host, remote_port, transport)) as server:
        server.serve()
