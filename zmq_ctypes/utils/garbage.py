"""The registry of memory that libzmq holds, as programs written for pyzmq look at it.

pyzmq has a thread that receives a message for each piece of memory that libzmq has let go of, and a registry of them
that tests and debuggers look into: ``gc.refs``.  Here libzmq lets go without any thread (see the head of ``lending``),
and ``gc.refs`` shows what is lent at the moment it is looked at.  The thread exists for C extensions that use pyzmq's
protocol: ``store`` an object, hand its number to C, which sends it, as the eight bytes of a ``size_t``, from a PUSH
socket of ``gc.context`` connected to ``gc.url``.  Nothing starts it but ``store`` and ``start``.
"""

from __future__ import annotations

import os
import struct
import sys
from collections import namedtuple
from collections.abc import Mapping
from threading import Event, Lock, Thread

from .. import lending
from ..constants import SocketType
from ..context import Context
from ..error import ContextTerminated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from ..socket import Socket

__all__ = ["GarbageCollector", "GarbageCollectorThread", "gc", "gcref"]

gcref = namedtuple("gcref", ["obj", "event"])
gcref.__doc__ = "What is held for libzmq, and the event that is set when it lets go."

_NUMBER = struct.Struct("@N")
_STOP = b"DIE"

# What a process inherited from its parent and cannot close.
_parents: list[Any] = []


class _Refs(Mapping):  # type: ignore[type-arg]
    """What libzmq holds now: number -> `gcref`.  Each look asks libzmq's side first."""

    def __init__(self) -> None:
        #: What was given to ``store``.
        self.stored: dict[int, gcref] = {}

    def _now(self) -> dict[int, gcref]:
        ledger = lending.ledger
        ledger.sweep()
        found = dict(self.stored)
        for key, loan in ledger.loans.copy().items():
            obj = loan.obj
            if obj is not None:
                # Numbers of loans are negative here, so that they cannot meet those of `store`.
                found[-key] = gcref(obj.exporter if isinstance(obj, lending.Export) else obj, loan)
        return found

    def __getitem__(self, key: int) -> gcref:
        return self._now()[key]

    def __iter__(self) -> Iterator[int]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def __repr__(self) -> str:
        return repr(self._now())


def _context_class() -> Any:
    """The class of a context for a thread; that of a monkey-patched program is a greenlet, and has to let others run."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        from .. import green

        return green.Context
    return Context


class GarbageCollectorThread(Thread):
    """Receives the numbers of what was stored, and lets go of it.

    Parameters
    ----------
    gc : GarbageCollector
        Whose objects they are.
    """

    def __init__(self, gc: GarbageCollector) -> None:
        super().__init__(name="zmq-garbage", daemon=True)
        self.gc = gc
        self.pid = os.getpid()
        #: Set when the thread can be sent to, or has failed.
        self.ready = Event()

    def run(self) -> None:
        """Receive numbers until told to stop, or the context ends."""
        gc = self.gc
        try:
            socket = gc.context.socket(SocketType.PULL)
            socket.linger = 0
            socket.bind(gc.url)
        finally:
            self.ready.set()
        with socket:
            while True:
                try:
                    message = socket.recv()
                except ContextTerminated:
                    return
                if message == _STOP:
                    return
                if len(message) == _NUMBER.size:
                    gc._release(_NUMBER.unpack(message)[0])


class GarbageCollector:
    """Holds objects for C code until it says that it does not need them any more.

    Parameters
    ----------
    context : Context, optional
        In which it is told so; by default one of its own, made when it is needed and terminated by `stop`.

    Attributes
    ----------
    refs : mapping of int to gcref
        What is held now: all memory that was lent to libzmq, by this package's frames and sockets, and what was given
        to `store`.
    pid : int
        The process that the thread runs in.
    thread : GarbageCollectorThread or None
        The thread, once something was stored.
    url : str
        Where C code sends the numbers to.
    """

    refs: Mapping[int, gcref]
    _context: Context[Any] | None = None
    pid: int | None = None
    thread: GarbageCollectorThread | None = None
    url = "inproc://pyzmq.gc.01"
    _own = False

    def __init__(self, context: Context[Any] | None = None) -> None:
        self.refs = _Refs()
        self._context = context
        self._lock = Lock()
        self._push: Socket[bytes] | None = None
        self._push_mutex = Lock()

    @property
    def context(self) -> Context[Any]:
        """The context of the thread."""
        if self._context is None or self._context.closed:
            self._context = _context_class()()
            self._own = True
        return self._context

    @context.setter
    def context(self, context: Context[Any]) -> None:
        if self.is_alive():
            raise RuntimeError("the context cannot be changed while the thread runs")
        self._context = context
        self._own = False

    @property
    def _push_socket(self) -> Socket[bytes]:
        """A PUSH socket that leads to the thread; use it under ``_push_mutex``."""
        push = self._push
        if push is None or push.closed or self.pid != os.getpid():
            push = self._push = self.context.socket(SocketType.PUSH)
            push.linger = 0
            push.connect(self.url)
        return push

    def is_alive(self) -> bool:
        """Whether the thread runs, in this process."""
        return self.pid == os.getpid() and self.thread is not None and self.thread.is_alive()

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            if self.is_alive():
                return
            if self.pid is not None and self.pid != os.getpid():
                # The threads of the parent's context are not here, and nobody will send its numbers.
                _parents.append((self._context, self._push))
                self._context = self._push = None
                self._stored().clear()
            self.pid = os.getpid()
            thread = self.thread = GarbageCollectorThread(self)
            thread.start()
            thread.ready.wait()

    def stop(self) -> None:
        """Stop the thread, and close its context if it is one of our own."""
        with self._lock:
            if not self.is_alive():
                return
            assert self.thread is not None
            with self._push_mutex:
                self._push_socket.send(_STOP)
            self.thread.join()
            with self._push_mutex:
                if self._push is not None:
                    self._push.close()
                    self._push = None
            self.thread = None
            if self._own and self._context is not None:
                self._context.term()
                self._context, self._own = None, False

    def store(self, obj: object, event: Event | None = None) -> int:
        """Hold an object until its number is sent to ``url``.

        Parameters
        ----------
        obj : object
            What to hold.
        event : Event, optional
            Set when it is let go.

        Returns
        -------
        int
            Its number in `refs`.
        """
        if not self.is_alive():
            self.start()
        entry = gcref(obj, event)
        number = id(entry)
        self._stored()[number] = entry
        return number

    def _stored(self) -> dict[int, gcref]:
        stored: dict[int, gcref] = self.refs.stored  # type: ignore[attr-defined]
        return stored

    def _release(self, number: int) -> None:
        entry = self._stored().pop(number, None)
        if entry is not None and entry.event is not None:
            entry.event.set()


#: What libzmq holds in this process.
gc = GarbageCollector()
