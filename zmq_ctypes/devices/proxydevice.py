"""Devices with a third socket, which gets a copy of each message.

in <--> out
     |
    mon
"""

from __future__ import annotations

from ..constants import PUB
from ..proxying import proxy
from .basedevice import Device, ProcessDevice, ThreadDevice, socket_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Proxy", "ThreadProxy", "ProcessProxy"]


class ProxyBase(Device):
    """What the proxies have beyond `Device`: a monitor.

    Parameters
    ----------
    in_type, out_type : int
        The types of the sockets, as for `Device`.
    mon_type : int, optional
        The type of the monitor: PUB by default, which never makes the others wait.
    """

    mon_type: int
    _names: tuple[str, ...] = ("in", "out", "mon")

    def __init__(self, in_type: int, out_type: int, mon_type: int = PUB) -> None:
        super().__init__(in_type=in_type, out_type=out_type)
        self.mon_type = socket_type(mon_type, "mon_type")

    def bind_mon(self, addr: str) -> None:
        """Bind the monitor to an endpoint when it is made."""
        self._plans["mon"].binds.append(addr)

    def bind_mon_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the monitor to a port that is free now; see `Device.bind_in_to_random_port`."""
        return self._bind_to_random_port("mon", addr, *args, **kwargs)

    def connect_mon(self, addr: str) -> None:
        """Connect the monitor to an endpoint when it is made."""
        self._plans["mon"].connects.append(addr)

    def setsockopt_mon(self, opt: int, value: Any) -> None:
        """Set an option of the monitor before it binds and connects."""
        self._plans["mon"].options.append((opt, value))

    def run_device(self) -> None:
        """Make the sockets and pass on messages; ``start`` calls it in the right place."""
        proxy(*self._ready())


class Proxy(ProxyBase, Device):
    """A proxy in the thread that starts it: a `Device` whose monitor gets a copy of each message."""


class ThreadProxy(ProxyBase, ThreadDevice):
    """A `Proxy` that runs in a thread."""


class ProcessProxy(ProxyBase, ProcessDevice):
    """A `Proxy` that runs in a process."""
