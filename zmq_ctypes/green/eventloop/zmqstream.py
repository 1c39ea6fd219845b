"""ZMQStream for green sockets, in tornado's loop."""

from __future__ import annotations

from ...eventloop import zmqstream
from . import IOLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...socket import Socket

__all__ = ["ZMQStream"]


class ZMQStream(zmqstream.ZMQStream):
    """A `ZMQStream` whose loop is by default that of ``IOLoop.instance()``.

    With monkey-patching that loop waits as gevent does, and other greenlets run meanwhile.
    """

    def __init__(self, socket: Socket[Any], io_loop: IOLoop | None = None) -> None:
        super().__init__(socket, io_loop=io_loop or IOLoop.instance())
