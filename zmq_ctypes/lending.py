"""Lending memory to libzmq: who holds it meanwhile, and how Python learns that it came back.

``zmq_msg_init_data`` hands the caller's own memory to libzmq together with a C function that libzmq calls as
``f(data, hint)`` when it has let go of the last copy of the message: on an IO thread, or inside any call that drops
the last reference (``zmq_msg_close``, ``zmq_close``, ``zmq_ctx_term``).

1. Until then the memory must stay where it is and as long as it is.  A `Loan` holds the object, through an export of
   its buffer where the object could move (a ``bytearray`` cannot be resized meanwhile).
2. **A Python callback is the slow way.**  It needs the GIL, so while some Python thread computes, each release stops the
   IO thread, and every socket of its context, for up to 5 ms.  It must not be called once the interpreter is gone.
3. So the function is not Python where that can be had.  Some C functions that are in the process anyway have the shape
   ``f(const void *data, void *hint)``, read a few bytes of the first and write something to the second: ``hint`` then is
   a few bytes of ours, a *slot*, which change when libzmq lets go.  On glibc ``ether_ntoa_r`` formats the six bytes at
   ``data`` as text; it reads them all before it writes the first character.  Nothing of Python runs on an IO thread, and
   the slots are never freed, so that a release after the interpreter's end is harmless.
4. Slots have to be looked at.  That happens at the next loan, when somebody asks a tracker, when a context ends, and
   otherwise by a *reaper*, a thread that exists only while something is lent.
5. Where no such function is known, or the one that is known fails its trial, one ctypes callback serves instead, made
   once and never freed; its ``hint`` is the number of the loan.  It lets no exception out.
6. When the interpreter exits with messages still queued, what is lent is kept for ever: libzmq may send it until the
   process is gone.  Other versions of CPython stop a thread that calls back too late; 3.14 lets it run into what is left
   of the interpreter.  There the callback, once the end has begun, keeps its thread back itself for as long as that can
   take.  After a fork, the child forgets the loans of its parent, whose IO threads it does not have.
7. PyPy moves objects; there, and for memory too short for 3, libzmq gets a copy, which is done with at once.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import time
from _thread import allocate_lock as Lock  # as threading has it, without that module
from ctypes import byref, c_char, c_int, c_ssize_t, c_void_p
from itertools import count

from .error import last_error
from .loader.direct import size_argument
from .loader.structs import zmq_free_fn, zmq_msg_t

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from threading import Event, Thread
    from typing import Any, Tuple  # noqa: UP035

    from .loader import Library

    # The prepared argument, and the byte of which view changes.
    Slot = Tuple[Any, memoryview, int]
else:
    from _collections import deque  # as collections has it, without that package

__all__ = ["Ledger", "Loan", "ledger"]

# Bytes that memory must have to be lent: more than the native functions read.
_LEAST = 32

#: Whether memory can be lent at all.
CAN_LEND = sys.implementation.name == "cpython"

# Whether threads that call back while the interpreter ends have to be kept back, and seconds that they are.
_CALLS_TOO_LATE = CAN_LEND and sys.version_info[:2] == (3, 14)
_KEPT_BACK = 1.0


class _PyBuffer(ctypes.Structure):
    """CPython's ``Py_buffer``: the only way to the address of read-only memory."""

    _fields_ = [
        ("buf", c_void_p),
        ("obj", c_void_p),
        ("len", c_ssize_t),
        ("itemsize", c_ssize_t),
        ("readonly", c_int),
        ("ndim", c_int),
        ("format", c_void_p),
        ("shape", c_void_p),
        ("strides", c_void_p),
        ("suboffsets", c_void_p),
        ("internal", c_void_p),
    ]


_ANY_CONTIGUOUS = 0x10 | 0x08 | 0x80

if CAN_LEND:
    # Function objects of our own: an attribute of pythonapi is shared with everybody, and so would its types be.
    _get_buffer = ctypes.pythonapi["PyObject_GetBuffer"]
    _release_buffer = ctypes.pythonapi["PyBuffer_Release"]
    _incref = ctypes.pythonapi["Py_IncRef"]


class Export:
    """Memory of an object, exported until this is deleted: where it is, and nothing may move it.

    Parameters
    ----------
    data : bytes-like
        Its memory must be one block.
    """

    __slots__ = ("_buffer", "_release", "address", "nbytes")

    def __init__(self, data: Any) -> None:
        self._release: Callable[[Any], Any] | None = None
        buffer = self._buffer = _PyBuffer()
        _get_buffer(ctypes.py_object(data), byref(buffer), _ANY_CONTIGUOUS)
        self._release = _release_buffer
        self.address = buffer.buf
        self.nbytes = buffer.len

    @property
    def exporter(self) -> Any:
        """The object whose memory it is."""
        return ctypes.cast(self._buffer.obj, ctypes.py_object).value

    def __del__(self) -> None:
        if self._release is not None:
            self._release(byref(self._buffer))


class Loan:
    """One piece of memory that libzmq has; looks like a ``threading.Event`` that is set when it comes back.

    Attributes
    ----------
    obj : object
        What keeps the memory in place; None once it came back.
    """

    __slots__ = ("__weakref__", "_ledger", "key", "obj", "slot")

    def __init__(self, ledger: Ledger, key: int, obj: Any, slot: Slot | None) -> None:
        self._ledger = ledger
        self.key = key
        self.obj = obj
        self.slot = slot

    def is_set(self) -> bool:
        """Whether libzmq has let go of the memory."""
        if self.obj is None:
            return True
        slot = self.slot
        if slot is None or not slot[1][slot[2]]:
            return False
        self._ledger.settle(self)
        return True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until libzmq has let go of the memory.

        Parameters
        ----------
        timeout : float, optional
            Seconds; by default as long as it takes.

        Returns
        -------
        bool
            Whether it has.
        """
        end = None if timeout is None else time.monotonic() + timeout
        pause = 0.00002
        while not self.is_set():
            left = pause if end is None else end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(pause, left))
            pause = min(pause * 2, 0.005)
        return True


class _Slots:
    """Memory for the native function to write to, in pieces of 24 bytes, reused but never freed."""

    SIZE = 24
    _COUNT = 256

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._free: list[Slot] = []
        self._kept: list[Any] = []

    def take(self) -> Slot:
        """A clean slot."""
        try:
            return self._free.pop()
        except IndexError:
            self._grow()
            return self._free.pop()

    def give(self, slot: Slot) -> None:
        """Take a slot back that has been written to."""
        slot[1][slot[2]] = 0
        self._free.append(slot)

    def _grow(self) -> None:
        memory = (c_char * (self.SIZE * self._COUNT))()
        # The interpreter frees what it knows of when it ends; libzmq may write here until the process does.
        _immortal(memory)
        self._kept.append(memory)
        view = memoryview(memory).cast("B")
        start = ctypes.addressof(memory)
        self._free += [
            (c_void_p.from_param(start + place), view, place + self._offset)
            for place in range(0, self.SIZE * self._COUNT, self.SIZE)
        ]


def _immortal(thing: Any) -> None:
    if CAN_LEND:
        _incref(ctypes.py_object(thing))


class _Native:
    """A C function ``f(data, hint)`` that leaves a mark at ``hint``.

    Parameters
    ----------
    symbol : str
        Its name, among the functions that this process has.
    offset : int
        The byte of the slot that is zero before and never after.
    proof : str, optional
        Another symbol, which shows that this is the implementation that was looked at.
    """

    __slots__ = ("offset", "proof", "symbol")

    def __init__(self, symbol: str, offset: int, proof: str | None = None) -> None:
        self.symbol = symbol
        self.offset = offset
        self.proof = proof

    def address(self) -> int | None:
        """Where it is in this process; None if it is not, or not the one that was looked at."""
        try:
            process = ctypes.CDLL(None)
            if self.proof is not None:
                process[self.proof]
            return ctypes.cast(process[self.symbol], c_void_p).value
        except (AttributeError, OSError, TypeError):
            return None


# The shortest text is 0:0:0:0:0:0, so that its eleventh character is always written.
_NATIVES: dict[str, tuple[_Native, ...]] = {
    "linux": (_Native("ether_ntoa_r", offset=10, proof="gnu_get_libc_version"),),
}


class Ledger:
    """Everything that is lent at the moment.

    Parameters
    ----------
    native : bool, optional
        Whether to look for a native function; False leaves the ctypes callback.
    """

    #: Seconds between two looks of the reaper, and without anything lent until it ends.
    LOOK_EVERY = 0.02
    IDLE = 0.5

    def __init__(self, native: bool = True) -> None:
        self.loans: dict[int, Loan] = {}
        self._numbers = count(1)
        self._lock = Lock()
        self._pid = os.getpid()
        self._reaper: Thread | None = None
        self._may_reap = True
        # What tells the reaper to end; None before there was one.
        self._end: Event | None = None
        self._wants_native = native
        self._slots: _Slots | None = None
        self._function: Any = None
        self._queue: deque[Loan] = deque()
        # How often the callback was called, and the moment until which it does not return.
        self._calls = 0
        self._returns_at = 0.0
        #: The name of the native function; None while the ctypes callback serves.
        self.native: str | None = None

    # -- which function -----------------------------------------------------------------------------------------------

    def _prepare(self, library: Library) -> None:
        with self._lock:
            if self._function is not None:
                return
            for native in _NATIVES.get(sys.platform, ()) if self._wants_native else ():
                address = native.address()
                if address and self._trial(library, native, address):
                    self._slots = _Slots(native.offset)
                    self.native = native.symbol
                    self._function = c_void_p.from_param(address)
                    return
            callback = zmq_free_fn(self._came_back)
            _immortal(callback)
            self._function = callback

    @staticmethod
    def _trial(library: Library, native: _Native, address: int) -> bool:
        """Let libzmq itself call the function once, on a message that nobody else has."""
        data = ctypes.create_string_buffer(64)
        slots = _Slots(native.offset)
        hint, view, place = slots.take()
        message = zmq_msg_t()
        calls = library.nowait
        if calls.msg_init_data(byref(message), byref(data), size_argument(64), c_void_p.from_param(address), hint) < 0:
            return False
        before = view[place]
        calls.msg_close(byref(message))
        return before == 0 and view[place] != 0

    def _came_back(self, data: int | None, hint: int | None) -> None:
        # Called by libzmq, on a thread of its own: nothing may be raised, and little done.
        loan = self.loans.pop(hint or 0, None)
        if loan is not None:
            loan.obj = None
        self._calls += 1
        if self._returns_at:
            time.sleep(max(0.0, self._returns_at - time.monotonic()))

    # -- lending ------------------------------------------------------------------------------------------------------

    def lend(self, library: Library, message: Any, data: Any) -> Loan:
        """Make a message of the memory of an object.

        Parameters
        ----------
        library : loader.Library
            Whose message it is.
        message : prepared argument
            An initialised message; it becomes the new one.
        data : bytes-like
            Something that `takes` agrees to.
        """
        if self._pid != os.getpid():
            self._forget()
        if self._function is None:
            self._prepare(library)
        obj: Any
        pointer: Any
        if type(data) is bytes:
            obj, pointer, size = data, data, len(data)
        else:
            obj = Export(data)
            pointer, size = c_void_p.from_param(obj.address), obj.nbytes
        key = next(self._numbers)
        slot = None
        slots = self._slots
        if slots is not None:
            if self._queue:
                self._sweep_oldest()
            slot = slots.take()
        loan = self.loans[key] = Loan(self, key, obj, slot)
        hint = c_void_p.from_param(key) if slot is None else slot[0]
        if library.nowait.msg_init_data(message, pointer, size_argument(size), self._function, hint) < 0:
            try:
                raise last_error()
            finally:
                self.settle(loan)
                del obj  # the traceback has this frame
        if slot is not None:
            self._queue.append(loan)
            if self._reaper is None and self._may_reap:
                self._start_reaper()
        return loan

    def takes(self, view: memoryview) -> bool:
        """Whether memory can be lent; what is too short is copied, which is as good and faster."""
        return CAN_LEND and view.nbytes >= _LEAST

    def settle(self, loan: Loan) -> None:
        """Close a loan whose memory came back; the first who notices does it."""
        if self.loans.pop(loan.key, None) is None:
            return
        loan.obj = None
        slot, loan.slot = loan.slot, None
        if slot is not None and self._slots is not None:
            self._slots.give(slot)

    def sweep(self) -> None:
        """Settle everything that came back."""
        for loan in list(self.loans.values()):
            loan.is_set()
        if len(self._queue) > 2 * len(self.loans) + 64:
            # A loan that stays out, such as a frame that is sent again and again, holds up the queue behind it.
            # What another thread adds meanwhile is lost to the queue and found by the reaper.
            self._queue = deque(loan for loan in self._queue.copy() if loan.obj is not None)

    def _sweep_oldest(self) -> None:
        """Settle what came back in the order in which it was lent, up to the first that did not."""
        queue = self._queue
        try:
            while True:
                loan = queue[0]
                slot = loan.slot
                if slot is not None and not slot[1][slot[2]]:
                    return
                queue.popleft()
                # Another thread may have been quicker, and this be the next one.
                loan.is_set()
        except IndexError:
            pass

    # -- the reaper ---------------------------------------------------------------------------------------------------

    def _start_reaper(self) -> None:
        try:
            # Who has threads has imported it: no fork of another thread can come in between.
            from threading import Event, Thread

            with self._lock:
                if self._reaper is not None:
                    return
                end = self._end = Event()
                # One of the two, `keep` and this, sees the other.
                if not self._may_reap:
                    return
                reaper = self._reaper = Thread(target=self._reap, args=(end,), name="zmq-reaper", daemon=True)
                reaper.start()
        except (ImportError, RuntimeError):
            # The interpreter is ending, or allows no such threads: what comes back is noticed at the next loan.
            self._may_reap = False

    def _reap(self, end: Event) -> None:
        this = self._reaper
        idle_since = time.monotonic()
        pause = self.LOOK_EVERY
        while not end.wait(pause):
            before = time.monotonic()
            self.sweep()
            now = time.monotonic()
            # With very much lent, looking takes long; then it is done less often.
            pause = max(self.LOOK_EVERY, 10 * (now - before))
            if self.loans:
                idle_since = now
            elif now - idle_since > self.IDLE:
                with self._lock:
                    self._reaper = None
                    # Who lends puts the loan down first and looks for the reaper then: one of the two sees the other.
                    if not self.loans:
                        return
                    self._reaper = this

    # -- fork and exit ------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        """Begin anew in the child of a fork: its parent's loans never come back here."""
        self._pid = os.getpid()
        self.loans = {}
        self._queue = deque()
        self._lock = Lock()
        self._end = None
        self._reaper = None
        if self._slots is not None:
            self._slots = _Slots(self._slots._offset)

    def keep(self) -> None:
        """Keep what is lent until the process ends."""
        if self._pid == os.getpid():
            # A subinterpreter cannot end while it has threads.
            self._may_reap = False
            if self._end is not None:
                self._end.set()
            reaper = self._reaper
            if reaper is not None and reaper.is_alive():
                reaper.join(1)
        self.sweep()
        if _CALLS_TOO_LATE and self.loans and self.native is None:
            self._keep_back()
        _immortal(self.loans)

    def _keep_back(self) -> None:
        """Have the threads of libzmq that are about to call back do so now, and stay there."""
        start = time.monotonic()
        self._returns_at = start + _KEPT_BACK
        calls = -1
        while calls != self._calls and time.monotonic() - start < _KEPT_BACK / 2:
            calls = self._calls
            time.sleep(0.01)


#: The loans of this process.
ledger = Ledger()
atexit.register(ledger.keep)
