"""Signals that have to wait.

A handler of Python's runs in the main thread, between any two steps of it, and what it raises ends whatever was being
done there.  A loop that has taken a message and not yet passed it on would lose it.  So the handlers are replaced, while
such a loop runs, by one that only notes what has come; they are called when the loop says that it has nothing in hand.
"""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from threading import current_thread, main_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

__all__ = ["Interrupts", "blocked", "only_ctrl_c"]

# Those that say that the thread itself has done something wrong.
_FAULTS = {
    getattr(signal, name, None) for name in ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP")
}


def only_ctrl_c() -> bool:
    """Whether no signal has a handler but that of Ctrl-C, and it Python's own, which ends whatever is being done.

    A handler that another language has installed counts as well: what it interrupts is interrupted.
    """
    harmless = (signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler)
    return all(signal.getsignal(number) in harmless for number in signal.valid_signals())


@contextmanager
def blocked() -> Iterator[None]:
    """Let other threads get the signals of the process, where threads can choose."""
    if sys.platform == "win32" or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _FAULTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


class Interrupts:
    """Keeps Python's signal handlers back while there is something that must not be interrupted.

    In threads other than the main one, where no handlers run, it does nothing.

    Parameters
    ----------
    check : callable, optional
        Called after each handler; what it raises comes out of whatever was waiting.
    """

    def __init__(self, check: Callable[[], None] | None = None) -> None:
        self._check = check
        self._handlers: dict[int, Any] = {}
        self._pending: list[tuple[int, Any]] = []
        self._allowed = True

    def __enter__(self) -> Interrupts:
        if current_thread() is not main_thread():
            return self
        try:
            for number in signal.valid_signals():
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._note)
        except ValueError:
            pass  # the main thread of a subinterpreter, in which no handlers run either
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(self, *args: object) -> None:
        self._check = None
        # One that is put back may raise before the others are: then those are called as if they were in place.
        self._allowed = True
        self._restore()
        self.allow()

    @property
    def handles(self) -> bool:
        """Whether signals may come here at all."""
        return bool(self._handlers)

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            # One that a handler has put in its own place meanwhile is left there.
            if signal.getsignal(number) == self._note:
                signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        if self._allowed:
            self._call(number, frame)
        else:
            self._pending.append((number, frame))

    def _call(self, number: int, frame: Any) -> None:
        self._handlers[number](number, frame)
        if self._check is not None:
            self._check()

    def allow(self) -> None:
        """Let handlers run from now on, and those that were kept back at once."""
        self._allowed = True
        while self._pending:
            self._call(*self._pending.pop(0))

    def forbid(self) -> None:
        """Keep handlers back from now on."""
        self._allowed = False
