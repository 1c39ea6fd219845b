"""Operations that wait: one send or receive each, as a future that stands in line for its socket (see `_traffic`).

**No message is lost by cancelling.**  The future of an operation that a task awaits is only woken; the message is taken, or
sent, by the task itself when it goes on, in one step with handing it over.  So a task that is cancelled while it waits
has taken nothing, whatever the loop had in store for it, and has sent nothing.  A future that is not awaited (one with
callbacks, as in ``asyncio.wait``) is served by the loop, and keeps its result.
"""

from __future__ import annotations

from asyncio import CancelledError
from functools import lru_cache

from .error import Again

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections import deque
    from typing import Any, Callable, Generator

    from ._traffic import Traffic

    _Base = Future[Any]
else:
    _Base = object

__all__ = ["Operation", "operation_class"]


class Sleeper:
    """What a task that awaits an operation sleeps on: the least that asyncio takes for a future.

    Other than a future it can wake the task in the very step of the loop that has seen the event.
    """

    __slots__ = ("_asyncio_future_blocking", "_callbacks", "_cancelled", "_loop", "_message", "woken")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._callbacks: list[tuple[Any, Any]] = []
        self._cancelled = False
        self._message: tuple[Any, ...] = ()
        #: None where that is about to happen.
        self.woken: bool | None = False

    # What a task calls, and who looks at what a task waits for.

    def get_loop(self) -> AbstractEventLoop:
        return self._loop

    def add_done_callback(self, callback: Any, *, context: Any = None) -> None:
        self._callbacks.append((callback, context))

    def remove_done_callback(self, callback: Any) -> int:
        before = len(self._callbacks)
        self._callbacks = [pair for pair in self._callbacks if pair[0] != callback]
        return before - len(self._callbacks)

    def done(self) -> bool:
        return self.woken is True

    def cancelled(self) -> bool:
        return self._cancelled

    def result(self) -> None:
        if self._cancelled:
            raise CancelledError(*self._message)

    def cancel(self, msg: Any = None) -> bool:
        if self.woken:
            return False
        self._cancelled = True
        self._message = () if msg is None else (msg,)
        self.wake()
        return True

    # What we do.

    def wake(self, now: bool = False) -> None:
        """Let the task go on when the loop comes to it, or before this returns.

        Parameters
        ----------
        now : bool, optional
            Before this returns: only for callbacks of the loop, where no task is running.
        """
        self.woken = True
        for callback, context in self._callbacks:
            if now:
                context.run(callback, self)
            else:
                self._loop.call_soon(callback, self, context=context)


class Operation(_Base):
    """The future of a send or receive that has to wait; combined with the class of futures of each adapter."""

    __slots__ = ()

    if TYPE_CHECKING:
        # What it belongs to, where it stands in line, and what keeps the socket open meanwhile.
        _traffic: Traffic
        _line: deque[Operation]
        _owner: Any
        # Does it, or returns None if that is impossible now, or False if it does not know; where there is such a way.
        _quick: Callable[[], Any] | None
        # Does it, or raises `Again`; and what makes the result of what that returns.
        _perform: Callable[[], Any]
        _load: Callable[[Any], Any] | None
        # What an awaiting task sleeps on.
        _wake: Sleeper | None
        _timer: Any
        # Whether it was never tried; was woken because EVENTS promised success; has failed in spite of that.
        _fresh: bool
        _promised: bool
        _stalled: bool

    def _enter(
        self,
        traffic: Traffic,
        line: deque[Operation],
        quick: Callable[[], Any] | None,
        perform: Callable[[], Any],
        owner: Any,
        fresh: bool,
    ) -> None:
        """Stand in line."""
        self._traffic, self._line, self._quick, self._perform, self._owner = traffic, line, quick, perform, owner
        self._load = self._wake = self._timer = None
        self._fresh = fresh
        self._promised = self._stalled = False
        line.append(self)
        traffic.waiting = True

    def _attempt(self) -> bool:
        """Do it if that is possible now, and go out of the line, of which it is the first."""
        self._fresh = False
        # The socket may end with its last operation, and must not before that has got its result.
        owner = self._owner
        result: Any = False
        try:
            if self._quick is not None:
                result = self._quick()
                if result is None:
                    return False
            if result is False:
                result = self._perform()
            if self._load is not None:
                result = self._load(result)
        except Again:
            return False
        except Exception as error:
            if self._go():
                self.set_exception(error)
        else:
            if self._go():
                self.set_result(result)
        self._traffic.refresh()
        del owner
        return True

    def _go(self) -> bool:
        """Go out of the line; False if what made the result of the message has closed the socket."""
        if self.done():
            return False
        self._line.popleft()
        self._settle()
        return True

    def _settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._owner = self._quick = self._perform = self._load = self._timer = None  # type: ignore[assignment]

    def _leave(self) -> None:
        """Give up the place in line; a task that awaits this finds it done."""
        self._settle()
        try:
            self._line.remove(self)
            stood = True
        except ValueError:
            stood = False
        if self._wake is not None and not self._wake.woken:
            self._wake.wake()
        if stood and self._line:
            # It may have been the one that was to take the message that is there.
            self._traffic.recheck()

    def _expire(self) -> None:
        if not self.done():
            self.set_exception(Again())
            self._leave()

    def cancel(self, *args: Any, **kwargs: Any) -> bool:
        """Give it up: nothing was received, or sent; False if it is done already."""
        if not super().cancel(*args, **kwargs):
            return False
        self._leave()
        return True

    def __await__(self) -> Generator[Any, None, Any]:
        while not self.done():
            wake = self._wake
            if wake is None:
                wake = self._wake = Sleeper(self.get_loop())
            wake._asyncio_future_blocking = True
            try:
                yield wake
            except BaseException:
                # Its time may be up in the very same round of the loop.
                self.cancel()
                _seen(self)
                raise
            if wake is self._wake:
                self._wake = None
            if self.done() or not self._line or self._line[0] is not self:
                continue
            if self._attempt():
                self._traffic.after()
            else:
                self._traffic.disappointed(self, self._promised)
        return self.result()

    __iter__ = __await__


def _seen(future: Future[Any]) -> None:
    """Tell a future that its exception is known, so that it does not complain about that to the log."""
    try:
        future.exception()
    except CancelledError:
        pass


@lru_cache(maxsize=None)
def operation_class(future_class: Any) -> Any:
    """The class of operations whose futures are of some class."""
    slots = "_traffic _line _owner _quick _perform _load _wake _timer _fresh _promised _stalled"
    return type("Operation", (Operation, future_class), {"__slots__": tuple(slots.split())})
