"""Ctrl-C on Windows while libzmq waits.

There Ctrl-C interrupts no system call: Python notes it and raises KeyboardInterrupt when the call has returned, which a
``recv`` without a message never does.  Windows calls a handler for Ctrl-C in a thread of its own, though, which may wake
the one that waits.  On other systems all of this does nothing, since there a signal ends the wait by itself.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

__all__ = ["allow_interrupt"]

_CTRL_C = 0


class allow_interrupt:
    """In a ``with`` statement: call a function when Ctrl-C is pressed, in another thread, on Windows.

    Parameters
    ----------
    action : callable, optional
        What is to wake the waiting thread, for example by sending to a socket that it polls.  It may not use a socket of
        that thread.  KeyboardInterrupt is raised as ever, once the wait has ended.

    Raises
    ------
    OSError
        If Windows does not accept the handler.

    Examples
    --------
    >>> with allow_interrupt(stop):
    ...     poller.poll()
    """

    def __init__(self, action: Callable[[], Any] | None = None) -> None:
        if action is not None and not callable(action):
            raise TypeError(f"action must be callable, got: {action!r}")
        self.action = action
        self._handler: Any = None
        if sys.platform == "win32":
            from ctypes import WINFUNCTYPE, c_int, c_ulong

            self._handler = WINFUNCTYPE(c_int, c_ulong)(self._handle)

    def _handle(self, event: int) -> int:
        if event == _CTRL_C and self.action is not None:
            self.action()
        # "Not handled": Python's own handler comes next.
        return 0

    def _register(self, add: bool) -> None:
        if sys.platform == "win32":
            from ctypes import WinDLL, WinError, get_last_error

            if not WinDLL("kernel32", use_last_error=True).SetConsoleCtrlHandler(self._handler, int(add)):
                raise WinError(get_last_error())

    def __enter__(self) -> None:
        self._register(True)

    def __exit__(self, *args: Any) -> None:
        self._register(False)
