"""An authenticator in a thread of its own, for programs without an event loop.

The thread runs an asyncio loop, so that a credentials provider may have coroutines and tasks, and it owns two sockets:
that of ZAP, and one end of a pair over which it is told to stop.

1. The sockets are not among those that `Context.destroy` closes: it would do so under the thread's feet.  When the
   context is terminated, the thread notices and closes them itself.
2. `ThreadAuthenticator.stop` may be called from any thread but the authenticator's own, and from several.
3. It is a daemon thread: it does not keep the process alive, and at exit it just stops.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from threading import Event, Lock, RLock, Thread, current_thread
from uuid import uuid4

from ..constants import Flag, SocketType
from ..error import Again, ContextTerminated, ZMQError
from ..socket import Socket
from .base import Authenticator as Authenticator
from .serving import Serving

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ThreadAuthenticator"]

#: Seconds that a thread may take to begin.
_PATIENCE = 10

_TERMINATE = b"TERMINATE"


async def _readable(socket: Any) -> None:
    """Wait until libzmq has something for a socket that was found to have nothing.

    The file descriptor stays readable until the socket is used, so it is watched no longer than until then.
    """
    loop = asyncio.get_running_loop()
    woken = loop.create_future()
    descriptor = socket.FD
    loop.add_reader(descriptor, _wake, woken)
    try:
        await woken
    finally:
        loop.remove_reader(descriptor)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


class AuthenticationThread(Thread):
    """The thread of a `ThreadAuthenticator`.

    Parameters
    ----------
    authenticator : Authenticator
        One that was started; its ``zap_socket`` belongs to this thread while that runs.
    pipe : Socket
        A PAIR socket, which is closed at the end; ``b"TERMINATE"`` on it is what ends the thread.

    Attributes
    ----------
    started : threading.Event
        Set when questions are answered.
    """

    loop: asyncio.AbstractEventLoop
    #: Nothing is polled: the loop watches the sockets themselves.
    poller: Any = None

    def __init__(self, authenticator: ThreadAuthenticator, pipe: Any) -> None:
        super().__init__(name="ZAP authenticator", daemon=True)
        self.authenticator = authenticator
        self.log = authenticator.log
        self.pipe = pipe
        self.started = Event()

    def run(self) -> None:
        """Answer questions until told to stop, or until the context is terminated."""
        # Not what the program's policy makes: Windows' own cannot watch sockets of libzmq.
        loop = self.loop = asyncio.SelectorEventLoop()
        try:
            loop.run_until_complete(self._run())
        except ContextTerminated:
            self.authenticator._abandon()
        except BaseException as error:
            # Nobody comes in any more: its socket stays.
            self.authenticator._tell_failure(error)
            Authenticator.stop(self.authenticator)
        finally:
            self.pipe.close(0)
            _finish(loop)

    async def _run(self) -> None:
        tasks = [asyncio.ensure_future(self._answer()), asyncio.ensure_future(self._listen())]
        self.started.set()
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            # A callback may be at work, and will not be waited for.
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _answer(self) -> None:
        authenticator = self.authenticator
        while True:
            await authenticator._serve()
            await _readable(authenticator.zap_socket)

    async def _listen(self) -> None:
        while True:
            try:
                command = self.pipe.recv(Flag.DONTWAIT)
            except Again:
                await _readable(self.pipe)
                continue
            if command == _TERMINATE:
                return
            self.log.error("Invalid command for the authenticator: %r", command)


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop, whatever the callbacks have left in it."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    with suppress(Exception):
        loop.run_until_complete(asyncio.wait(left) if left else asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


class ThreadAuthenticator(Serving):
    """An authenticator in a thread of its own.

    Its rules may be changed from any thread while it runs.

    Parameters
    ----------
    context : Context, optional
        Whose sockets are asked about; by default `Context.instance`.
    encoding : str, optional
        Of names, passwords and domains.
    log : logging.Logger, optional
        As for `Authenticator`.

    Examples
    --------
    >>> auth = ThreadAuthenticator(context)
    >>> auth.configure_curve(location="clients")
    >>> auth.start()
    >>> ...
    >>> auth.stop()
    """

    pipe: Any = None
    #: Where the pair of sockets meets.
    pipe_endpoint = ""
    thread: Any = None

    def __init__(self, context: Any = None, encoding: str = "utf-8", log: Any = None) -> None:
        super().__init__(context, encoding, log)
        self._ending = Lock()
        # Several threads may stop it at once, but not all Pythons let several join one thread at once.
        self._stopping = RLock()

    def start(self) -> None:
        """Begin, in a new thread.

        Raises
        ------
        ZMQError
            ``EADDRINUSE`` if the context has an authenticator already; ``ENOTSUP`` if it was terminated.
        RuntimeError
            If no thread can be started.
        """
        super().start()
        self.context._rm_socket(self.zap_socket)
        try:
            # Fresh each time: libzmq gives back an endpoint some time after its socket was closed.
            self.pipe_endpoint = f"inproc://authenticator-{uuid4().hex}"
            self.pipe = self._end_of_pipe()
            self.pipe.bind(self.pipe_endpoint)
            pipe = self._end_of_pipe()
            pipe.connect(self.pipe_endpoint)
            thread = AuthenticationThread(self, pipe)
            try:
                thread.start()
            except BaseException:
                pipe.close(0)
                raise
            self.thread = thread
            if not thread.started.wait(_PATIENCE):
                raise RuntimeError("the thread of the authenticator does not start")
        except BaseException:
            self.stop()
            raise

    def _end_of_pipe(self) -> Any:
        socket = self.context.socket(SocketType.PAIR, socket_class=Socket)
        socket.linger = 1
        self.context._rm_socket(socket)
        return socket

    def stop(self) -> None:
        """End the thread, whatever it does.

        Waits for it; a callback that is no coroutine cannot be interrupted.  From now on nobody comes in whom libzmq
        would have asked about, until another authenticator is started.

        Raises
        ------
        RuntimeError
            If it is called from the authenticator's own thread, that is from a callback.
        """
        if self._pid != os.getpid():
            # Another thread of the parent may hold a lock for ever.
            self.thread = None
            super().stop()
            return
        if self.thread is current_thread():
            raise RuntimeError("an authenticator cannot be stopped by one of its own callbacks")
        with self._stopping:
            thread = self.thread
            with self._ending, suppress(ZMQError):
                if self.pipe is not None and thread is not None:
                    self.pipe.send(_TERMINATE, Flag.DONTWAIT)
            if thread is not None:
                thread.join()
            with self._ending:
                self._close_pipe()
            self.thread = None
            super().stop()

    def _close_pipe(self) -> None:
        if self.pipe is not None:
            self.pipe.close(0)
            self.pipe = None

    def _abandon(self) -> None:
        """Called by the thread when the context was terminated, which waits for the sockets to be closed."""
        with self._ending:
            self._close_pipe()
            self.zap_socket.close(0)

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        thread = self.thread
        return thread is not None and thread.is_alive()
