"""Watching file descriptors from an event loop, also from one that cannot: the Proactor loop of Windows.

That loop, the default there, has no ``add_reader``.  `SelectorThread` has: a thread waits with ``select`` and tells the loop.
No other package is needed for it, and no other kind of loop has to be chosen.

1. A descriptor stays readable until the loop has dealt with it.  So after it has told the loop, the thread stands still
   until the callbacks have run, and looks again then.
2. The callbacks run in the loop, never in the thread.  What the two share is guarded by a lock that nobody holds for long.
3. The thread begins with the first descriptor and ends with the last one, or when its loop is closed.  Without events it
   does not wake up.  It is a daemon, and keeps no program from ending.
4. A number that was given back may come again as another file, while the thread still waits for the first: each
   registration has a serial number, by which the thread knows them apart.
"""

from __future__ import annotations

import selectors
import socket
import threading
from asyncio import AbstractEventLoop
from weakref import WeakKeyDictionary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

__all__ = ["SelectorThread", "readers_of"]

_EVENTS = (selectors.EVENT_READ, selectors.EVENT_WRITE)

_threads: WeakKeyDictionary[AbstractEventLoop, SelectorThread] = WeakKeyDictionary()


def readers_of(loop: AbstractEventLoop) -> Any:
    """What has ``add_reader``, ``remove_reader``, ``add_writer`` and ``remove_writer`` for a loop: itself, or a thread."""
    if type(loop).add_reader is not AbstractEventLoop.add_reader:
        return loop
    thread = _threads.get(loop)
    if thread is None:
        thread = _threads[loop] = SelectorThread(loop)
    return thread


class SelectorThread:
    """Readers and writers for a loop that has none.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        The loop that runs the callbacks.  Closing it ends the thread.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        # (file descriptor, event) -> what to call.
        self._callbacks: dict[tuple[int, int], tuple[Callable[..., Any], tuple[Any, ...]]] = {}
        # File descriptor -> which events, and the number of the registration.
        self._wanted: dict[int, tuple[int, int]] = {}
        self._serial = 0
        self._thread: threading.Thread | None = None
        self._go_on = threading.Event()
        self._alarm: socket.socket | None = None
        # A method of the object hides that of its class.
        self._close_loop = loop.close
        loop.close = self._close  # type: ignore[method-assign]

    # -- what a loop has ----------------------------------------------------------------------------------------------

    def add_reader(self, fd: int, callback: Callable[..., Any], *args: Any) -> None:
        """Call something whenever a file descriptor is readable."""
        self._add(fd, selectors.EVENT_READ, callback, args)

    def add_writer(self, fd: int, callback: Callable[..., Any], *args: Any) -> None:
        """Call something whenever a file descriptor is writable."""
        self._add(fd, selectors.EVENT_WRITE, callback, args)

    def remove_reader(self, fd: int) -> bool:
        """Do so no longer; whether it was done."""
        return self._remove(fd, selectors.EVENT_READ)

    def remove_writer(self, fd: int) -> bool:
        """Do so no longer; whether it was done."""
        return self._remove(fd, selectors.EVENT_WRITE)

    # -- in the loop --------------------------------------------------------------------------------------------------

    def _add(self, fd: int, event: int, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if self._loop.is_closed():
            raise RuntimeError("Event loop is closed")
        with self._lock:
            self._callbacks[fd, event] = (callback, args)
            self._want(fd)
            if self._thread is None:
                self._start()
        self._wake()

    def _remove(self, fd: int, event: int) -> bool:
        with self._lock:
            found = self._callbacks.pop((fd, event), None) is not None
            self._want(fd)
        if found:
            self._wake()
        return found

    def _want(self, fd: int) -> None:
        events = sum(event for event in _EVENTS if (fd, event) in self._callbacks)
        self._wanted.pop(fd, None)
        if events:
            self._serial += 1
            self._wanted[fd] = (events, self._serial)

    def _start(self) -> None:
        self._alarm, alarm = socket.socketpair()
        for end in (self._alarm, alarm):
            end.setblocking(False)
        self._go_on = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(alarm,), name="zmq-selector", daemon=True)
        self._thread.start()

    def _wake(self) -> None:
        try:
            if self._alarm is not None:
                self._alarm.send(b"\0")
        except OSError:
            pass  # so full that the thread wakes up anyway, or the thread has ended

    def _dispatch(self, ready: list[tuple[int, int, int]]) -> None:
        try:
            for fd, events, serial in ready:
                for event in _EVENTS:
                    # Another callback may have removed it meanwhile.
                    if events & event and self._wanted.get(fd, (0, 0))[1] == serial:
                        callback, args = self._callbacks[fd, event]
                        try:
                            callback(*args)
                        except Exception as error:
                            context = {
                                "message": f"exception in the callback of file descriptor {fd}",
                                "exception": error,
                            }
                            self._loop.call_exception_handler(context)
        finally:
            self._go_on.set()

    def _close(self) -> None:
        with self._lock:
            self._callbacks.clear()
            self._wanted.clear()
            thread = self._thread
            self._go_on.set()
        self._wake()
        if thread is not None:
            thread.join()
        _threads.pop(self._loop, None)
        self._close_loop()

    # -- in the thread ------------------------------------------------------------------------------------------------

    def _run(self, alarm: socket.socket) -> None:
        registered: dict[int, tuple[int, int]] = {}
        with selectors.DefaultSelector() as selector, alarm:
            selector.register(alarm, selectors.EVENT_READ)
            while self._update(selector, registered):
                try:
                    found = selector.select()
                except OSError:
                    continue  # a file was closed in the middle of it; it is removed by now or will be soon
                ready = []
                for key, events in found:
                    if key.fileobj is alarm:
                        self._drain(alarm)
                    else:
                        ready.append((key.fd, events, registered[key.fd][1]))
                if ready:
                    with self._lock:
                        if not self._wanted:
                            continue
                        self._go_on.clear()
                    try:
                        self._loop.call_soon_threadsafe(self._dispatch, ready)
                    except RuntimeError:
                        break  # the loop is closed
                    self._go_on.wait()

    def _update(self, selector: selectors.BaseSelector, registered: dict[int, tuple[int, int]]) -> bool:
        """Make the selector wait for what is wanted; False, and the end of this thread, if that is nothing."""
        with self._lock:
            for fd, entry in list(registered.items()):
                if self._wanted.get(fd) != entry:
                    selector.unregister(fd)
                    del registered[fd]
            for fd, entry in self._wanted.items():
                if fd not in registered:
                    try:
                        selector.register(fd, entry[0])
                    except (OSError, ValueError):
                        continue  # closed already, and about to be removed
                    registered[fd] = entry
            if not self._wanted and self._alarm is not None:
                self._alarm.close()
                self._alarm = self._thread = None
                return False
        return True

    @staticmethod
    def _drain(alarm: socket.socket) -> None:
        try:
            while alarm.recv(4096):
                pass
        except OSError:
            pass
