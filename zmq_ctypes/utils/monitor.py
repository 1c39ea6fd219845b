"""Events of socket monitors: from the frames that libzmq sends to a dict.

Three forms are known:

1. libzmq 4: a frame of 6 bytes, event and value in the byte order of the machine, and one with the endpoint.
2. Draft builds that were asked for the second version: the event, the number of values, each value, the endpoint on
   this side, the one on the other side.
3. libzmq 3.2: one frame, a C structure with a *pointer* to the endpoint, which libzmq frees with the message.  It is
   followed only while the frame is open, and only where the loaded libzmq is that old: any other frame of the same size
   would be an address that a stranger chose.
"""

from __future__ import annotations

from ctypes import sizeof, string_at
from struct import Struct
from struct import error as StructError

from .. import loader
from ..constants import Event
from ..frame import Frame
from ..loader.structs import zmq_event_t

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Awaitable, Sequence, TypedDict, overload

    from .._future import _AsyncSocket
    from ..socket import Socket

    class _MonitorMessage(TypedDict, total=False):
        event: int
        value: int
        endpoint: bytes
        values: list[int]
        local_endpoint: bytes
        remote_endpoint: bytes


__all__ = ["parse_monitor_message", "recv_monitor_message"]

_FIRST = Struct("=Hi")
_NUMBER = Struct("=Q")
_PROTOCOL_ERRORS = frozenset(
    int(event) for name, event in Event.__members__.items() if name.startswith("PROTOCOL_ERROR_")
)


def _value(event: int, value: int) -> int:
    """What a value is depends on its event: a protocol error is an enum, all else (errors, file descriptors) a number."""
    if event == Event.HANDSHAKE_FAILED_PROTOCOL and value in _PROTOCOL_ERRORS:
        return Event(value)
    return value


def _one_frame(frame: Any) -> _MonitorMessage:
    raw = zmq_event_t.from_buffer_copy(frame)
    # Bytes are a copy: the message that the pointer belongs to is closed.
    endpoint = string_at(raw.addr) if isinstance(frame, Frame) and raw.addr else b""
    return {"event": Event(raw.event), "value": raw.value, "endpoint": endpoint}


def _second_version(parts: list[bytes]) -> _MonitorMessage:
    numbers = [_NUMBER.unpack(part)[0] for part in parts[:-2]]
    # Values are C integers that were widened: -1 is 2**64 - 1.
    values = [number - 2**64 if number >= 2**63 else number for number in numbers[2:]]
    if len(values) != numbers[1]:
        raise ValueError("wrong number of values")
    event = Event(numbers[0])
    local, remote = parts[-2:]
    return {
        "event": event,
        "value": _value(event, values[0]) if values else 0,
        "endpoint": local or remote,
        "values": values,
        "local_endpoint": local,
        "remote_endpoint": remote,
    }


def parse_monitor_message(msg: Sequence[Any]) -> _MonitorMessage:
    """An event out of the frames that a monitor socket received.

    Parameters
    ----------
    msg : list of bytes or of Frame
        The whole message.  libzmq 3.2 sends the endpoint as a pointer: only from a `Frame` can it be read, from bytes it
        comes out empty.

    Returns
    -------
    dict
        ``event``: a `constants.Event`; ``value``: an int (a file descriptor, an error number, an interval in
        milliseconds; of HANDSHAKE_FAILED_PROTOCOL a `constants.Event`, of HANDSHAKE_FAILED_AUTH the status code of
        ZAP); ``endpoint``: bytes.  Events of the second version (draft) have ``values`` (all of them),
        ``local_endpoint`` and ``remote_endpoint`` as well; ``endpoint`` is the first of the two that is there.

    Raises
    ------
    RuntimeError
        If this is not an event.
    """
    parts = list(msg)
    try:
        if len(parts) == 2 and len(parts[0]) == _FIRST.size:
            number, value = _FIRST.unpack(parts[0])
            event = Event(number)
            return {"event": event, "value": _value(event, value), "endpoint": bytes(memoryview(parts[1]))}
        if len(parts) >= 4:
            return _second_version([bytes(memoryview(part)) for part in parts])
        if len(parts) == 1 and len(parts[0]) == sizeof(zmq_event_t) and loader.load().version < (4, 0, 0):
            return _one_frame(parts[0])
    except (IndexError, TypeError, ValueError, StructError) as error:
        raise RuntimeError(f"Invalid event message format: {msg!r}") from error
    raise RuntimeError(f"Invalid event message format: {msg!r}")


async def _parse_later(received: Any) -> _MonitorMessage:
    return parse_monitor_message(await received)


if TYPE_CHECKING:

    @overload
    def recv_monitor_message(socket: _AsyncSocket, flags: int = ...) -> Awaitable[_MonitorMessage]: ...
    @overload
    def recv_monitor_message(socket: Socket[bytes], flags: int = ...) -> _MonitorMessage: ...


def recv_monitor_message(socket: Any, flags: int = 0) -> _MonitorMessage | Awaitable[_MonitorMessage]:
    """Receive one event from a monitor socket.

    Parameters
    ----------
    socket : Socket
        What ``get_monitor_socket`` returned, or a PAIR socket that is connected to the endpoint of ``monitor``.
    flags : int, optional
        ``zmq.DONTWAIT`` to fail instead of waiting.

    Returns
    -------
    dict, or awaitable of one
        As `parse_monitor_message`; to be awaited if the socket's ``recv_multipart`` is.

    Raises
    ------
    Again
        As ``recv`` does.
    RuntimeError
        If what came is not an event.
    """
    # The frames of libzmq 3.2 have to stay open until they were read.
    received = socket.recv_multipart(flags, copy=loader.load().version >= (4, 0, 0))
    if hasattr(received, "__await__"):
        return _parse_later(received)
    return parse_monitor_message(received)
