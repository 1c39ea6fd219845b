"""Ctrl-C on Windows: elsewhere nothing happens; there the handler is registered for as long as the block runs."""

from __future__ import annotations

import ctypes
import sys

import pytest

from zmq_ctypes.utils.win32 import allow_interrupt


def test_the_block_runs():
    with allow_interrupt() as nothing:
        assert nothing is None
    with allow_interrupt(lambda: None):
        pass


def test_exceptions_pass():
    with pytest.raises(ZeroDivisionError):
        with allow_interrupt():
            raise ZeroDivisionError


def test_the_action_must_be_callable():
    with pytest.raises(TypeError, match="callable"):
        allow_interrupt("stop")


class Kernel:
    """Windows' side of it."""

    def __init__(self, answer):
        self.answer = answer
        self.calls = []

    def __call__(self, name, use_last_error):
        assert name == "kernel32" and use_last_error
        return self

    def SetConsoleCtrlHandler(self, handler, add):
        self.calls.append((handler, add))
        return self.answer


@pytest.fixture
def windows(monkeypatch):
    if sys.platform == "win32":
        make = ctypes.WINFUNCTYPE
    else:
        make = ctypes.CFUNCTYPE
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "WINFUNCTYPE", make, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 6, raising=False)
    monkeypatch.setattr(ctypes, "WinError", lambda code: OSError(code, "refused"), raising=False)

    def kernel(answer=1):
        made = Kernel(answer)
        monkeypatch.setattr(ctypes, "WinDLL", made, raising=False)
        return made

    return kernel


def test_the_handler_is_there_while_the_block_runs(windows):
    kernel = windows()
    pressed = []
    with allow_interrupt(lambda: pressed.append(1)):
        ((handler, add),) = kernel.calls
        assert add == 1
        # Only Ctrl-C counts, and Python's own handler always comes next.
        assert handler(0) == 0 and pressed == [1]
        assert handler(1) == 0 and pressed == [1]
    assert kernel.calls == [(handler, 1), (handler, 0)]


def test_windows_refuses(windows):
    windows(answer=0)
    with pytest.raises(OSError, match="refused"):
        with allow_interrupt():
            pass
