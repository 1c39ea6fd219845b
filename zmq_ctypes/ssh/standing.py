"""Tunnels that stand, and their end.

A tunnel must not outlive the program that has opened it, for nobody would know that it is there.

1. *The program exits.*  Everything that stands is ended by `atexit`.
2. *The program is killed,* and runs no code any more.  A tunnel therefore hangs on file descriptors of this process: the
   kernel closes them, and that ends the tunnel (see `openssh`, `by_paramiko`).
3. *The program forks.*  The child would hold those descriptors as well, and a parent that is killed would leave its
   tunnels to it.  So the child closes them at once, which the tunnels of the parent do not notice.
"""

from __future__ import annotations

import atexit
import os
from threading import Event, Lock, Thread, current_thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, TypeVar

    Self = TypeVar("Self", bound="Tunnel")

__all__ = ["Tunnel"]

#: Seconds that a tunnel has to end by itself when the program exits.
GRACE = 3.0

# By their identity, since some of them are integers.
_standing: dict[int, Tunnel] = {}
_lock = Lock()


class Tunnel:
    """A tunnel that stands, with the methods that a ``multiprocessing.Process`` has.

    In a ``with`` statement, its end is that of the statement; otherwise it stands until `terminate` is called, the program
    ends, the server is gone, or nothing has been connected through it for as long as its time-out says.

    Attributes
    ----------
    local_port : int
        The port of this machine that leads into the tunnel, on 127.0.0.1.
    exitcode : int or None
        None while it stands; then the exit status of its process, negative for a signal, 0 where there is none.
    reason : str
        Why it has ended; empty while it stands.
    """

    local_port: int
    exitcode: int | None
    reason: str
    _name: str

    def _begin(self, name: str, local_port: int) -> None:
        self.local_port = local_port
        self.exitcode = None
        self.reason = ""
        self._name = name
        self._ended = Event()
        self._thread: Thread | None = None
        with _lock:
            _standing[id(self)] = self

    def _follow(self, run: Any) -> None:
        """Leave the rest to a thread, which watches over the tunnel until its end."""
        self._thread = Thread(target=run, name=f"ssh tunnel {self._name}", daemon=True)
        self._thread.start()

    def _end(self, exitcode: int, reason: str) -> None:
        """Called once, when nothing is left of the tunnel."""
        self.reason = self.reason or reason
        self.exitcode = exitcode
        with _lock:
            _standing.pop(id(self), None)
        self._ended.set()

    @property
    def pid(self) -> int | None:
        """The id of the process, if there is one of its own."""
        return None

    def is_alive(self) -> bool:
        """Whether the tunnel stands."""
        return not self._ended.is_set()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the tunnel.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.
        """
        self._ended.wait(timeout)
        if self._thread is not None and self._ended.is_set() and self._thread is not current_thread():
            self._thread.join(timeout)

    def terminate(self) -> None:
        """End the tunnel; does not wait for it.  Nothing happens if it has ended."""
        raise NotImplementedError

    def kill(self) -> None:
        """The same as `terminate`."""
        self.terminate()

    def close(self) -> None:
        """End the tunnel and wait for its end."""
        self.terminate()
        self.join(GRACE)

    def _abandon(self) -> None:
        """Called in the child of a fork: give back what the child has of the tunnel, which is its parent's."""
        raise NotImplementedError

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *args: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name}{'' if self.is_alive() else ' ended'}>"


def _end_all() -> None:
    with _lock:
        tunnels = list(_standing.values())
    for tunnel in tunnels:
        tunnel.terminate()
    for tunnel in tunnels:
        tunnel.join(GRACE)


def _abandon_all() -> None:
    global _lock
    # Another thread of the parent may have had it.
    _lock = Lock()
    for tunnel in list(_standing.values()):
        tunnel._ended = Event()
        tunnel._thread = None
        tunnel._abandon()
        tunnel.reason = "it is the tunnel of the parent process"
        tunnel._ended.set()
    _standing.clear()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
