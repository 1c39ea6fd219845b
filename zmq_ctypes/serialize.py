"""Messages as text, JSON, pickles, or whatever a program's own functions make of them.

Written on `Socket.send` and `Socket.recv` alone, so that sockets of event loops need to replace only those.  They are
called by keyword where pyzmq does that, because a class that has its own may take them in no other way.

What makes the bytes is imported when it is first used, and kept: an import statement in a function costs more than a
small message.  Its functions are looked up each time, because programs put others in their places.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Sequence, TypeVar, overload

    from typing_extensions import Buffer

    from .frame import Frame
    from .tracker import MessageTracker

    T = TypeVar("T")

__all__ = ["Serialization"]

# The modules, once they are needed.
_pickle: Any = None
_jsonapi: Any = None

_UTF_8 = "utf-8"
_decode = bytes.decode


def _need_pickle() -> Any:
    global _pickle
    import pickle

    _pickle = pickle
    return pickle


def _need_jsonapi() -> Any:
    global _jsonapi
    from .utils import jsonapi

    _jsonapi = jsonapi
    return jsonapi


def _decoder(encoding: str) -> Callable[[Any], str]:
    # A function of its own, because a variable that a lambda uses costs more wherever it is used.
    return lambda data: data.decode(encoding)


def _loader(loads: Callable[..., Any], options: dict[str, Any]) -> Callable[[Any], Any]:
    return lambda data: loads(data, **options)


class Serialization:
    """The serializing methods of sockets."""

    __slots__ = ()

    if TYPE_CHECKING:
        send: Callable[..., MessageTracker | None]
        recv: Callable[..., Any]
        send_multipart: Callable[..., MessageTracker | None]
        recv_multipart: Callable[..., Any]

    def _deserialize(self, recvd: Any, load: Callable[[Any], T]) -> T:
        """Turn what was received into an object; sockets of event loops do it when it has come."""
        return load(recvd)

    def send_serialized(
        self,
        msg: T,
        serialize: Callable[[T], Sequence[Frame | Buffer]],
        flags: int = 0,
        copy: bool = True,
        **kwargs: Any,
    ) -> MessageTracker | None:
        """Send a message that a function makes.

        Parameters
        ----------
        msg : object
            What to send.
        serialize : callable
            Makes a sequence of bytes-like frames of it.
        flags, copy, **kwargs
            As for ``send_multipart``.
        """
        return self.send_multipart(serialize(msg), flags=flags, copy=copy, **kwargs)

    if TYPE_CHECKING:
        # Two, so that what the argument of a lambda is can be inferred.

        @overload
        def recv_serialized(self, deserialize: Callable[[list[bytes]], T], flags: int = ..., copy: bool = ...) -> T: ...
        @overload
        def recv_serialized(self, deserialize: Callable[[list[Frame]], T], flags: int = ..., copy: bool = ...) -> T: ...

    def recv_serialized(self, deserialize: Callable[[list[Any]], Any], flags: int = 0, copy: bool = True) -> Any:
        """Receive a message that a function reads.

        Parameters
        ----------
        deserialize : callable
            Makes an object of the list of frames.
        flags, copy
            As for ``recv_multipart``.
        """
        return self._deserialize(self.recv_multipart(flags=flags, copy=copy), deserialize)

    def send_string(
        self, u: str, flags: int = 0, copy: bool = True, encoding: str = "utf-8", **kwargs: Any
    ) -> MessageTracker | None:
        """Send text.

        Parameters
        ----------
        u : str
            The text.
        encoding : str, optional
            How it becomes bytes.
        flags, copy, **kwargs
            As for ``send``.

        Raises
        ------
        TypeError
            If it is not text.
        """
        if not isinstance(u, str):
            raise TypeError(f"str objects only, got: {type(u).__name__}")
        if kwargs:
            return self.send(u.encode(encoding), flags=flags, copy=copy, **kwargs)
        return self.send(u.encode(encoding), flags=flags, copy=copy)

    def recv_string(self, flags: int = 0, encoding: str = "utf-8") -> str:
        """Receive text.

        Raises
        ------
        UnicodeDecodeError
            If the frame is not text in that encoding; the message is then gone.
        """
        data = self.recv(flags=flags)
        if encoding is _UTF_8 and type(data) is bytes:
            return self._deserialize(data, _decode)
        return self._deserialize(data, _decoder(encoding))

    send_unicode = send_string
    recv_unicode = recv_string

    def send_pyobj(self, obj: Any, flags: int = 0, protocol: int | None = None, **kwargs: Any) -> MessageTracker | None:
        """Send an object as a pickle.

        Parameters
        ----------
        obj : object
            Anything that can be pickled.
        protocol : int, optional
            The version of the pickle format; by default ``pickle.DEFAULT_PROTOCOL``.
        flags, **kwargs
            As for ``send``.
        """
        pickle = _pickle or _need_pickle()
        data = pickle.dumps(obj, pickle.DEFAULT_PROTOCOL if protocol is None else protocol)
        if kwargs:
            return self.send(data, flags=flags, **kwargs)
        return self.send(data, flags=flags)

    def recv_pyobj(self, flags: int = 0) -> Any:
        """Receive an object from a pickle.

        **Unpickling runs whatever the sender put into the message**: only for peers that you trust, on connections that
        nobody else can reach.
        """
        return self._deserialize(self.recv(flags), (_pickle or _need_pickle()).loads)

    def send_json(self, obj: Any, flags: int = 0, **kwargs: Any) -> None:
        """Send an object as JSON.

        Parameters
        ----------
        obj : object
            What ``json.dumps`` takes.
        flags : int, optional
            As for ``send``.
        **kwargs
            ``routing_id`` and ``group`` go to ``send``, everything else to ``json.dumps``.
        """
        jsonapi = _jsonapi or _need_jsonapi()
        if not kwargs:
            return self.send(jsonapi.dumps(obj), flags=flags)  # type: ignore[return-value]
        to_send = {key: kwargs.pop(key) for key in ("routing_id", "group") if key in kwargs}
        return self.send(jsonapi.dumps(obj, **kwargs), flags=flags, **to_send)  # type: ignore[return-value]

    def recv_json(self, flags: int = 0, **kwargs: Any) -> Any:
        """Receive an object from JSON.

        Parameters
        ----------
        flags : int, optional
            As for ``recv``.
        **kwargs
            Handed to ``json.loads``.
        """
        loads = (_jsonapi or _need_jsonapi()).loads
        return self._deserialize(self.recv(flags), _loader(loads, kwargs) if kwargs else loads)
