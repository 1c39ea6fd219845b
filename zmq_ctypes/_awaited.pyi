"""What sockets that are awaited inherit, as type checkers see it; nothing of this is there at run time.

`serialize` is written on ``send`` and ``recv`` alone, so its methods return whatever those do: here something to await.
"""

from asyncio import Future
from typing import Any, Awaitable, Callable, Sequence, TypeVar, overload

from typing_extensions import Buffer

from .frame import Frame
from .socket import Socket
from .tracker import MessageTracker

T = TypeVar("T")

class AwaitedSocket(Socket[Future[Any]]):
    def send_serialized(  # type: ignore[override]
        self,
        msg: T,
        serialize: Callable[[T], Sequence[Frame | Buffer]],
        flags: int = ...,
        copy: bool = ...,
        **kwargs: Any,
    ) -> Awaitable[MessageTracker | None]: ...
    @overload  # type: ignore[override]
    def recv_serialized(
        self, deserialize: Callable[[list[bytes]], T], flags: int = ..., copy: bool = ...
    ) -> Awaitable[T]: ...
    @overload
    def recv_serialized(
        self, deserialize: Callable[[list[Frame]], T], flags: int = ..., copy: bool = ...
    ) -> Awaitable[T]: ...
    def send_string(  # type: ignore[override]
        self, u: str, flags: int = ..., copy: bool = ..., encoding: str = ..., **kwargs: Any
    ) -> Awaitable[MessageTracker | None]: ...
    def recv_string(self, flags: int = ..., encoding: str = ...) -> Awaitable[str]: ...  # type: ignore[override]
    def send_unicode(  # type: ignore[override]
        self, u: str, flags: int = ..., copy: bool = ..., encoding: str = ..., **kwargs: Any
    ) -> Awaitable[MessageTracker | None]: ...
    def recv_unicode(self, flags: int = ..., encoding: str = ...) -> Awaitable[str]: ...  # type: ignore[override]
    def send_pyobj(  # type: ignore[override]
        self, obj: Any, flags: int = ..., protocol: int | None = ..., **kwargs: Any
    ) -> Awaitable[MessageTracker | None]: ...
    def recv_pyobj(self, flags: int = ...) -> Awaitable[Any]: ...
    def send_json(  # type: ignore[override]
        self, obj: Any, flags: int = ..., **kwargs: Any
    ) -> Awaitable[MessageTracker | None]: ...
    def recv_json(self, flags: int = ..., **kwargs: Any) -> Awaitable[Any]: ...
