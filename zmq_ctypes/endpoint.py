"""Endpoints: addresses checked before C sees them, errors that name them, and what ``with sock.bind(...)`` undoes."""

from __future__ import annotations

import sys
from errno import EACCES, EINTR, ENAMETOOLONG, ENOENT

from . import _numbers
from .error import ZMQBindError, ZMQError, ZMQVersionError, from_errno
from .options import integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, TypeVar

    from .loader import Library
    from .loader.direct import DirectCalls

    Self = TypeVar("Self", bound="Any")
    _SocketType = TypeVar("_SocketType", bound="Any")
else:
    from ._generic import Generic

    _SocketType = None

__all__ = ["BoundEndpoint", "Endpoints", "IPC_PATH_MAX_LEN"]

_WITHOUT_HANDSHAKE = ("inproc", "udp")
_DRAFT_TYPES_FROM = "4.2.0"

# sizeof(sockaddr_un.sun_path) less its NUL; 0 where the system has no such sockets.
_SUN_PATH = {"linux": 107, "android": 107, "cygwin": 107, "win32": 107, "darwin": 103, "ios": 103}


def _ipc_path_max_len() -> int:
    if sys.platform.startswith(("freebsd", "openbsd", "netbsd", "dragonfly")):
        return 103
    return _SUN_PATH.get(sys.platform, 107)


#: Bytes that the path of an ``ipc://`` endpoint may have; 0 where the platform has none.
IPC_PATH_MAX_LEN = _ipc_path_max_len()


def address(addr: str | bytes) -> bytes:
    """An endpoint as C wants it.

    Raises
    ------
    TypeError
        If it is neither str nor bytes.
    ValueError
        If it has a NUL inside, where C would stop reading.
    """
    if isinstance(addr, str):
        encoded = str.encode(addr)
    elif isinstance(addr, bytes):
        encoded = bytes(addr)
    else:
        raise TypeError(f"addr: expected str, got: {addr!r}")
    if b"\0" in encoded:
        raise ValueError(f"addr: embedded null byte in {addr!r}")
    return encoded


def endpoint_error(errno: int, action: str, encoded: bytes) -> ZMQError:
    """The exception for an endpoint that libzmq refused, with the endpoint in its text."""
    text = encoded.decode("utf-8", "replace")
    error = from_errno(errno, f"addr={text!r}")
    protocol, _, path = text.partition("://")
    if action == "bind" and protocol == "ipc":
        # A leading @ stands for the NUL of Linux' abstract names, which are not files.
        if errno == ENAMETOOLONG or len(encoded) - len(b"ipc://") > IPC_PATH_MAX_LEN:
            error.strerror = f"ipc path {path!r} is longer than the {IPC_PATH_MAX_LEN} bytes that this system allows"
        elif errno == ENOENT:
            error.strerror = f"{error.strerror}: the folder of the ipc path {path!r} does not exist"
    return error


class BoundEndpoint(Generic[_SocketType]):
    """What ``bind`` and ``connect`` return: in a ``with`` statement, its end undoes them.

    Attributes
    ----------
    socket : Socket
        The socket; what ``with ... as`` gives.
    kind : str
        ``"bind"`` or ``"connect"``.
    addr : str
        The endpoint as libzmq resolved it.
    """

    __slots__ = ("_addr", "kind", "socket")

    def __init__(self, socket: _SocketType, kind: str, addr: str) -> None:
        self.socket = socket
        self.kind = kind
        self._addr = addr

    @property
    def addr(self) -> str:
        return self._addr

    def __repr__(self) -> str:
        return f"<SocketContext({self.kind}={self._addr!r})>"

    def __enter__(self) -> _SocketType:
        return self.socket

    def __exit__(self, *args: Any) -> None:
        if self.socket.closed:
            return
        undo = self.socket.unbind if self.kind == "bind" else self.socket.disconnect
        undo(self._addr)


class Endpoints:
    """The part of a socket that binds and connects."""

    __slots__ = ()

    if TYPE_CHECKING:
        _draft_only: bool
        _library: Library
        _type_name: str

        @property
        def underlying(self) -> int: ...

        get: Any
        _check_open: Any
        _h: Any
        _waiting: DirectCalls

    def bind(self: Self, addr: str) -> BoundEndpoint[Self]:
        """Accept connections on an endpoint.

        Parameters
        ----------
        addr : str
            ``"tcp://interface:port"`` (``*`` for any), ``"ipc://path"``, ``"inproc://name"``, ...

        Returns
        -------
        context manager
            Its end unbinds; ``with sock.bind(addr): ...``

        Raises
        ------
        ZMQError
            ``EADDRINUSE``, ``EINVAL``, ``ENODEV``, ... with the endpoint in its text.
        ZMQVersionError
            If the type of the socket is a draft and the loaded libzmq no draft build: then only ``inproc`` and ``udp``
            work, and everything else would end the process.
        """
        self._endpoint("bind", addr)
        endpoint = self.get(_numbers.LAST_ENDPOINT).decode("utf-8", "surrogateescape")
        # What libzmq says of udp endpoints lacks the protocol.
        return BoundEndpoint(self, "bind", endpoint if "://" in endpoint else addr)

    def connect(self: Self, addr: str) -> BoundEndpoint[Self]:
        """Connect to an endpoint, which need not be there yet; libzmq goes on trying.

        Parameters
        ----------
        addr : str
            As for `bind`, with a host and a port.

        Returns
        -------
        context manager
            Its end disconnects.
        """
        self._endpoint("connect", addr)
        return BoundEndpoint(self, "connect", addr if isinstance(addr, str) else addr.decode("utf-8"))

    def unbind(self, addr: str | bytes) -> None:
        """Stop accepting connections on an endpoint.

        Parameters
        ----------
        addr : str
            As libzmq resolved it: ``LAST_ENDPOINT`` after `bind`.

        Raises
        ------
        ZMQError
            ``ENOENT`` if the socket was not bound to it.
        """
        self._endpoint("unbind", addr)

    def disconnect(self, addr: str | bytes) -> None:
        """Disconnect from an endpoint that the socket was connected to; messages that wait for it are dropped.

        Raises
        ------
        ZMQError
            ``ENOENT`` if the socket was not connected to it.
        """
        self._endpoint("disconnect", addr)

    def _endpoint(self, action: str, addr: str | bytes) -> None:
        encoded = addr.encode() if type(addr) is str and "\0" not in addr else address(addr)
        if self._draft_only and action in ("bind", "connect"):
            self._check_open()
            self._check_transport(encoded)
        call = getattr(self._waiting, action)
        # After the socket was closed, by a signal handler perhaps, its handle is NULL.
        while call(self._h, encoded) < 0:
            errno = self._library.functions.zmq_errno()
            if errno != EINTR:
                self._check_open()
                raise endpoint_error(errno, action, encoded)

    def _check_transport(self, encoded: bytes) -> None:
        """Refuse to let a socket of a draft type shake hands where libzmq does not know what to call it.

        It would end the process: a stock build makes such sockets, and finds out only then, by an assertion.
        """
        protocol = encoded.partition(b"://")[0].decode("utf-8", "replace")
        if protocol not in _WITHOUT_HANDSHAKE:
            error = ZMQVersionError(_DRAFT_TYPES_FROM, f"{self._type_name} over {protocol}")
            error.hint = "a draft build"
            raise error

    def bind_to_random_port(self, addr: str, min_port: int = 49152, max_port: int = 65536, max_tries: int = 100) -> int:
        """Bind to a free port.

        Parameters
        ----------
        addr : str
            The endpoint without its port, ``"tcp://127.0.0.1"``.
        min_port, max_port : int, optional
            The port is from ``min_port`` to ``max_port - 1``.  Without them the system chooses.
        max_tries : int, optional
            How many ports of that range to try.

        Returns
        -------
        int
            The port.

        Raises
        ------
        ZMQBindError
            If none of the tries found a free one.
        """
        low, high, tries = integer(min_port, "min_port"), integer(max_port, "max_port"), integer(max_tries, "max_tries")
        prefix = address(addr).decode("utf-8")
        if (low, high) == (49152, 65536):
            # The system knows which ports are free; no need to guess.
            self.bind(f"{prefix}:*")
            return int(self.get(_numbers.LAST_ENDPOINT).rpartition(b":")[2])
        from random import randrange

        taken = (_numbers.EADDRINUSE, EACCES) if sys.platform == "win32" else (_numbers.EADDRINUSE,)
        for _ in range(tries):
            port = randrange(low, high)
            try:
                self.bind(f"{prefix}:{port}")
            except ZMQError as error:
                if error.errno not in taken:
                    raise
            else:
                return port
        raise ZMQBindError(f"Could not bind socket to a random port of {prefix} in {tries} tries")
