"""Devices: sockets that pass on messages in the foreground, in a thread or in a process of their own.

`Device` passes on between two sockets, `Proxy` copies each message to a third, `ProxySteerable` takes commands from a
fourth, and `MonitoredQueue` puts the direction of a message before its copy; each runs where it is started, and has a
``Thread...`` and a ``Process...`` form.  ``python -m`` with the name of this package runs one from the shell.
"""

from __future__ import annotations

from ..constants import DeviceType as DeviceType
from ..proxying import proxy as proxy
from .basedevice import Device, ProcessDevice, ThreadDevice
from .monitoredqueue import monitored_queue
from .monitoredqueuedevice import MonitoredQueue, ProcessMonitoredQueue, ThreadMonitoredQueue
from .proxydevice import ProcessProxy, Proxy, ThreadProxy
from .proxysteerabledevice import ProcessProxySteerable, ProxySteerable, ThreadProxySteerable

__all__ = [
    "Device",
    "MonitoredQueue",
    "ProcessDevice",
    "ProcessMonitoredQueue",
    "ProcessProxy",
    "ProcessProxySteerable",
    "Proxy",
    "ProxySteerable",
    "ThreadDevice",
    "ThreadMonitoredQueue",
    "ThreadProxy",
    "ThreadProxySteerable",
    "monitored_queue",
]
