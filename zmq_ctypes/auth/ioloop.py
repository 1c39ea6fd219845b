"""An authenticator for programs of tornado: tornado runs on asyncio, and `asyncio.AsyncioAuthenticator` does the same.

Importing this module gives a DeprecationWarning, as in pyzmq from 25 on.
"""

from __future__ import annotations

from .._legacy import warn
from .asyncio import AsyncioAuthenticator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["IOLoopAuthenticator"]

warn("zmq.auth.ioloop.IOLoopAuthenticator is deprecated, use zmq.auth.asyncio.AsyncioAuthenticator")


class IOLoopAuthenticator(AsyncioAuthenticator):
    """The older name of `AsyncioAuthenticator`, with its arguments in another order.

    Parameters
    ----------
    context : Context, optional
        Whose sockets are asked about.
    encoding : str, optional
        Of names, passwords and domains.
    log : logging.Logger, optional
        As for `Authenticator`.
    io_loop : optional
        Ignored, with a DeprecationWarning.
    """

    def __init__(self, context: Any = None, encoding: str = "utf-8", log: Any = None, io_loop: Any = None) -> None:
        super().__init__(context, None, encoding, log)
        if io_loop is not None:
            from warnings import warn

            warn(f"{type(self).__name__}(io_loop) is deprecated and ignored", DeprecationWarning, stacklevel=2)
