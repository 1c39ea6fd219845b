"""What authenticators that run by themselves have in common: receive, decide, answer, and do not end until stopped."""

from __future__ import annotations

import asyncio

from ..constants import Errno, Flag
from ..error import Again, ContextTerminated, ZMQError
from .base import Authenticator

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
                await self.handle_zap_message(msg)
            except ContextTerminated:
                raise
            except Exception as error:
                # A subclass may have its own way to handle them.
                self._tell_failure(error)
            finally:
                self._refuse_forgotten(msg)
            # However many ask, others get their turn.
            await asyncio.sleep(0)

    def _refuse_forgotten(self, msg: Any) -> None:
        try:
            self._refuse(msg)
        except ZMQError as error:
            # A subclass has sent the answer itself.
            if error.errno != Errno.EFSM:
                raise

    async def _settled(self, awaitable: Any) -> Any:
        # In a task of its own: that something in there is cancelled, or wants to exit, must not end this one.
        task = asyncio.ensure_future(_tamed(awaitable))
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if task.cancelled():
            raise RuntimeError("the callback was cancelled")
        return task.result()


async def _tamed(awaitable: Any) -> Any:
    try:
        return await awaitable
    except SystemExit as error:
        raise RuntimeError("the callback wants to exit") from error
