"""What authenticators that run by themselves have in common: receive, decide, answer, and do not end until stopped.

Code of the program decides, and that may raise more than errors: something that it waits for was cancelled, a time-out of
gevent, an exit.  None of that is meant for the authenticator.  So such code runs in tasks, and what comes out of them is
looked at; what is raised where this module waits for them is the end of the authenticator itself.
"""

from __future__ import annotations

import asyncio

from ..constants import Errno, Flag
from ..error import Again, ContextTerminated, ZMQError
from .base import Authenticator, _is_for_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Serving"]


class Serving(Authenticator):
    """An authenticator whose questions are answered in an asyncio loop."""

    async def _serve(self) -> None:
        """Answer all questions that have come."""
        while self.zap_socket is not None:
            try:
                msg = self._unanswered = self.zap_socket.recv_multipart(Flag.DONTWAIT)
            except Again:
                return
            try:
                # In a task: a subclass may have its own way to handle them.
                _, failure = await self._settled(self._handle(msg))
            finally:
                self._refuse_forgotten(msg)
            if isinstance(failure, KeyboardInterrupt) and _is_for_all(failure):
                # It leaves the loop, which may run again, and this task goes on.
                asyncio.get_running_loop().call_soon(_throw, failure)
            elif isinstance(failure, ContextTerminated) or failure is not None and _is_for_all(failure):
                raise failure
            elif failure is not None:
                self._tell_failure(failure)
            # However many ask, others get their turn.
            await asyncio.sleep(0)

    def _refuse_forgotten(self, msg: Any) -> None:
        try:
            self._refuse(msg)
        except ZMQError as error:
            # A subclass has sent the answer itself.
            if error.errno != Errno.EFSM:
                raise

    async def _handle(self, msg: Any) -> None:
        await self.handle_zap_message(msg)

    async def _settled(self, awaitable: Any) -> tuple[Any, BaseException | None]:
        # In a task of its own, so that what is cancelled in there can be told from the end of this one.
        task = asyncio.ensure_future(_outcome(awaitable))
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if task.cancelled():
            return None, asyncio.CancelledError()
        failure = task.exception()
        return (None, failure) if failure is not None else task.result()


async def _outcome(awaitable: Any) -> tuple[Any, BaseException | None]:
    try:
        return await awaitable, None
    except (SystemExit, KeyboardInterrupt) as error:
        # A task would raise them in its loop.
        return None, error


def _throw(error: BaseException) -> None:
    raise error
