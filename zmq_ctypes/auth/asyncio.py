"""An authenticator in the program's own asyncio loop."""

from __future__ import annotations

import asyncio

from ..asyncio import Poller
from ..constants import PollEvent
from ..error import ContextTerminated
from .base import Authenticator as Authenticator
from .serving import Serving

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["AsyncioAuthenticator"]


class AsyncioAuthenticator(Serving):
    """An authenticator in the running asyncio loop.

    Parameters
    ----------
    context : Context, optional
        Whose sockets are asked about, those of an asyncio context or others; by default the `Context.instance` of plain
        sockets.
    loop : optional
        Ignored, with a DeprecationWarning: the loop is the one that runs when `start` is called.
    encoding : str, optional
        Of names, passwords and domains.
    log : logging.Logger, optional
        As for `Authenticator`.
    """

    _poller: Any = None
    _task: Any = None

    def __init__(self, context: Any = None, loop: Any = None, encoding: str = "utf-8", log: Any = None) -> None:
        super().__init__(context, encoding, log)
        if loop is not None:
            from warnings import warn

            warn(f"{type(self).__name__}(loop) is deprecated and ignored", DeprecationWarning, stacklevel=2)

    def start(self) -> None:
        """Begin: a task answers the questions.

        Raises
        ------
        ZMQError
            ``EADDRINUSE`` if the context has an authenticator already; ``ENOTSUP`` if it was terminated.
        RuntimeError
            If there is no event loop.
        """
        super().start()
        self._poller = Poller()
        self._poller.register(self.zap_socket, PollEvent.POLLIN)
        running = self._run(self._poller)
        try:
            self._task = asyncio.ensure_future(running)
        except BaseException:
            running.close()
            self.stop()
            raise

    async def _run(self, poller: Any) -> None:
        try:
            while poller is self._poller:
                await poller.poll()
                await self._serve()
        except ContextTerminated:
            # It waits for its sockets to be closed.
            if self.zap_socket is not None:
                self.zap_socket.close(0)
        except Exception as error:
            # The socket stays, so that nobody comes in; unless it was closed with the context.
            if self.zap_socket is not None and not self.zap_socket.closed:
                self._tell_failure(error)

    def stop(self) -> None:
        """End; a callback that is at work is cancelled.

        From now on nobody comes in whom libzmq would have asked about, until another authenticator is started.
        """
        poller, self._poller = self._poller, None
        task, self._task = self._task, None
        super().stop()
        if poller is not None and task is not None and not task.done():
            try:
                task.cancel()
            except RuntimeError:
                pass  # its loop was closed
