"""Monitored queues as devices: proxies whose monitor also learns the direction of each message."""

from __future__ import annotations

from ..constants import PUB
from .monitoredqueue import check_prefix, monitored_queue
from .proxydevice import ProcessProxy, Proxy, ProxyBase, ThreadProxy

__all__ = ["MonitoredQueue", "ThreadMonitoredQueue", "ProcessMonitoredQueue"]


class MonitoredQueueBase(ProxyBase):
    """What the monitored queues have beyond `ProxyBase`: a prefix for each direction.

    Parameters
    ----------
    in_type, out_type, mon_type : int
        As for `ProxyBase`; both of the first two may be ROUTER.
    in_prefix, out_prefix : bytes, optional
        The frame that the monitor gets before what came in at the in socket, and at the out socket.
    """

    _in_prefix = b""
    _out_prefix = b""

    def __init__(
        self, in_type: int, out_type: int, mon_type: int = PUB, in_prefix: bytes = b"in", out_prefix: bytes = b"out"
    ) -> None:
        super().__init__(in_type=in_type, out_type=out_type, mon_type=mon_type)
        self._in_prefix = check_prefix(in_prefix, "in_prefix")
        self._out_prefix = check_prefix(out_prefix, "out_prefix")

    def run_device(self) -> None:
        """Make the sockets and pass on messages; ``start`` calls it in the right place."""
        ins, outs, mons = self._ready()
        monitored_queue(ins, outs, mons, self._in_prefix, self._out_prefix)


class MonitoredQueue(MonitoredQueueBase, Proxy):
    """A `monitored_queue` in the thread that starts it."""


class ThreadMonitoredQueue(MonitoredQueueBase, ThreadProxy):
    """A `MonitoredQueue` that runs in a thread."""


class ProcessMonitoredQueue(MonitoredQueueBase, ProcessProxy):
    """A `MonitoredQueue` that runs in a process."""
