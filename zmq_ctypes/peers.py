"""Peers and groups: what the draft socket types add to a socket.

Each method is there whatever libzmq is loaded, and says what it would need where that is lacking.
"""

from __future__ import annotations

from errno import EINTR

from .endpoint import address, endpoint_error
from .error import from_errno
from .frame import group_name
from .options import integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .loader import Library

__all__ = ["Peers"]


class Peers:
    """The part of a socket that deals with single peers, and with groups of them."""

    __slots__ = ()

    if TYPE_CHECKING:
        _calls: Any
        _check_open: Any
        _library: Library

        @property
        def underlying(self) -> int: ...

    # -- groups -------------------------------------------------------------------------------------------------------

    def join(self, group: str | bytes) -> None:
        """Receive the messages of a group, on DISH sockets (draft builds of libzmq 4.2 and later).

        Parameters
        ----------
        group : str or bytes
            Its name: at most 15 bytes before libzmq 4.3.3, and 255 since.

        Raises
        ------
        ZMQError
            ``EINVAL`` if it was joined already or is too long, ``ENOTSUP`` on sockets of other types.
        ZMQVersionError
            If the loaded libzmq is no draft build.
        """
        self._group("zmq_join", group)

    def leave(self, group: str | bytes) -> None:
        """Receive the messages of a group no longer, on DISH sockets (draft builds of libzmq 4.2 and later).

        Raises
        ------
        ZMQError
            ``EINVAL`` if it was not joined, ``ENOTSUP`` on sockets of other types.
        ZMQVersionError
            If the loaded libzmq is no draft build.
        """
        self._group("zmq_leave", group)

    def _group(self, name: str, group: str | bytes) -> None:
        encoded = group_name(group)
        self._check_open()
        functions = self._library.functions
        if getattr(functions, name)(self.underlying, encoded) < 0:
            raise from_errno(functions.zmq_errno(), f"group={group!r}")

    # -- peers --------------------------------------------------------------------------------------------------------

    def connect_peer(self, addr: str) -> int:
        """Connect to an endpoint and learn the routing id of the peer there, on PEER sockets.

        Needs a draft build of libzmq 4.3.3 or later.

        Parameters
        ----------
        addr : str
            As for `connect`.

        Returns
        -------
        int
            What ``send(..., routing_id=)`` takes to send to that peer.

        Raises
        ------
        ZMQError
            ``ENOTSUP`` on sockets of other types; ``EINVAL`` and others for the endpoint, which the text names.
        ZMQVersionError
            If the loaded libzmq does not have it.
        """
        encoded = address(addr)
        self._check_open()
        functions = self._library.functions
        while True:
            routing_id = functions.zmq_connect_peer(self.underlying, encoded)
            if routing_id:
                return routing_id
            errno = functions.zmq_errno()
            if errno != EINTR:
                raise endpoint_error(errno, "connect", encoded)

    def disconnect_peer(self, routing_id: int) -> None:
        """Disconnect from one peer, on PEER and SERVER sockets.

        Needs a draft build of libzmq 4.3.6 or later.

        Parameters
        ----------
        routing_id : int
            What `connect_peer` returned, or a received frame has as its ``routing_id``.

        Raises
        ------
        ZMQError
            ``EHOSTUNREACH`` if there is no such peer, ``ENOTSUP`` on sockets of other types.
        ZMQVersionError
            If the loaded libzmq does not have it.
        """
        number = integer(routing_id, "routing_id", 0, 2**32 - 1)
        self._check_open()
        functions = self._library.functions
        if functions.zmq_disconnect_peer(self.underlying, number) < 0:
            raise from_errno(functions.zmq_errno(), f"routing_id={number}")

    def get_peer_state(self, routing_id: bytes) -> int:
        """What can be done with one peer without waiting, on ROUTER sockets.

        Needs a draft build of libzmq 4.2.3 or later.

        Parameters
        ----------
        routing_id : bytes
            The first frame of the peer's messages.

        Returns
        -------
        int
            ``zmq.POLLOUT`` if a message can be sent to it; 0 if its high-water mark is reached.

        Raises
        ------
        ZMQError
            ``EHOSTUNREACH`` if there is no such peer, ``ENOTSUP`` on sockets of other types.
        ZMQVersionError
            If the loaded libzmq does not have it.
        """
        if not isinstance(routing_id, bytes):
            raise TypeError(f"routing_id: expected bytes, got: {routing_id!r}")
        self._check_open()
        functions = self._library.functions
        state = functions.zmq_socket_get_peer_state(self.underlying, routing_id, len(routing_id))
        if state < 0:
            raise from_errno(functions.zmq_errno(), f"routing_id={routing_id!r}")
        return state

    # -- polling ------------------------------------------------------------------------------------------------------

    def _lent_descriptor(self) -> int:
        """The file descriptor of a thread-safe socket, lent by a ``zmq_poller``."""
        from .thread_safe import LentDescriptor, warn_about_descriptor

        self._check_open()
        calls = self._calls
        if not isinstance(calls, LentDescriptor):
            calls = LentDescriptor(self)
            object.__setattr__(self, "_calls", calls)
            warn_about_descriptor()
        return calls.fd
