"""Proxies with a fourth socket, which receives commands.

in <--> out
  |   |
mon   ctrl      PAUSE, RESUME, TERMINATE, STATISTICS
"""

from __future__ import annotations

from ..constants import PUB
from ..proxying import proxy_steerable
from .basedevice import socket_type
from .proxydevice import ProcessProxy, Proxy, ProxyBase, ThreadProxy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ProxySteerable", "ThreadProxySteerable", "ProcessProxySteerable"]


class ProxySteerableBase(ProxyBase):
    """What the steerable proxies have beyond `ProxyBase`: a control socket.

    Parameters
    ----------
    in_type, out_type, mon_type : int
        As for `ProxyBase`.
    ctrl_type : int, optional
        The type of the control socket: PAIR, PULL, SUB or REP; None is a proxy that cannot be steered.
    """

    ctrl_type: int | None
    _names = ("in", "out", "mon", "ctrl")

    def __init__(self, in_type: int, out_type: int, mon_type: int = PUB, ctrl_type: int | None = None) -> None:
        super().__init__(in_type=in_type, out_type=out_type, mon_type=mon_type)
        self.ctrl_type = None if ctrl_type is None else socket_type(ctrl_type, "ctrl_type")

    def bind_ctrl(self, addr: str) -> None:
        """Bind the control socket to an endpoint when it is made."""
        self._plans["ctrl"].binds.append(addr)

    def bind_ctrl_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the control socket to a port that is free now; see `Device.bind_in_to_random_port`."""
        return self._bind_to_random_port("ctrl", addr, *args, **kwargs)

    def connect_ctrl(self, addr: str) -> None:
        """Connect the control socket to an endpoint when it is made."""
        self._plans["ctrl"].connects.append(addr)

    def setsockopt_ctrl(self, opt: int, value: Any) -> None:
        """Set an option of the control socket before it binds and connects."""
        self._plans["ctrl"].options.append((opt, value))

    def run_device(self) -> None:
        """Make the sockets and pass on messages; ``start`` calls it in the right place."""
        proxy_steerable(*self._ready())


class ProxySteerable(ProxySteerableBase, Proxy):
    """A steerable proxy in the thread that starts it: a `Proxy` that obeys commands, and ends after TERMINATE."""


class ThreadProxySteerable(ProxySteerableBase, ThreadProxy):
    """A `ProxySteerable` that runs in a thread."""


class ProcessProxySteerable(ProxySteerableBase, ProcessProxy):
    """A `ProxySteerable` that runs in a process."""
