"""Frames of events in the three forms that libzmq has sent them in."""

from __future__ import annotations

import asyncio
import ctypes
import struct

import pytest
from zmq_ctypes.loader.structs import zmq_event_t

import zmq_ctypes as zmq
from zmq_ctypes.utils import monitor
from zmq_ctypes.utils.monitor import parse_monitor_message, recv_monitor_message


def first(event, value, endpoint=b"tcp://127.0.0.1:5555"):
    return [struct.pack("=Hi", event, value), endpoint]


def second(event, *values, local=b"tcp://127.0.0.1:5555", remote=b"tcp://127.0.0.1:6666"):
    return [*(struct.pack("=Q", number % 2**64) for number in (event, len(values), *values)), local, remote]


@pytest.mark.parametrize("value", [0, 12, -1, 2**31 - 1, -(2**31)])
def test_the_first_version(value):
    event = parse_monitor_message(first(zmq.EVENT_ACCEPTED, value))
    assert event == {"event": zmq.EVENT_ACCEPTED, "value": value, "endpoint": b"tcp://127.0.0.1:5555"}
    assert type(event["event"]) is zmq.Event
    assert repr(event["value"]) == str(value)


def test_protocol_errors_have_names():
    event = parse_monitor_message(first(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, 0x11000002))
    assert event["value"] is zmq.Event.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
    unknown = parse_monitor_message(first(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, 0x10001234))
    assert type(unknown["value"]) is int and unknown["value"] == 0x10001234
    # Of another event the same number means something else.
    assert type(parse_monitor_message(first(zmq.EVENT_CONNECT_RETRIED, 0x11000002))["value"]) is int


def test_events_that_are_newer_than_the_table():
    event = parse_monitor_message(first(0x8000, 3))
    assert event["event"] == 0x8000
    assert isinstance(event["event"], zmq.Event)


def test_frames_will_do():
    frames = [zmq.Frame(part) for part in first(zmq.EVENT_CLOSED, 5)]
    assert parse_monitor_message(frames) == parse_monitor_message(first(zmq.EVENT_CLOSED, 5))
    assert type(parse_monitor_message(frames)["endpoint"]) is bytes


def test_the_second_version():
    event = parse_monitor_message(second(zmq.EVENT_PIPES_STATS, 3, -1))
    assert event == {
        "event": zmq.EVENT_PIPES_STATS,
        "value": 3,
        "values": [3, -1],
        "endpoint": b"tcp://127.0.0.1:5555",
        "local_endpoint": b"tcp://127.0.0.1:5555",
        "remote_endpoint": b"tcp://127.0.0.1:6666",
    }


def test_the_second_version_without_values_or_a_local_endpoint():
    event = parse_monitor_message(second(zmq.EVENT_CONNECT_DELAYED, local=b""))
    assert event["value"] == 0 and event["values"] == []
    assert event["endpoint"] == b"tcp://127.0.0.1:6666"


def structure(endpoint):
    return zmq_event_t(zmq.EVENT_LISTENING, ctypes.cast(endpoint, ctypes.c_void_p).value if endpoint else None, 7)


@pytest.fixture
def old_library(monkeypatch):
    class Old:
        version = (3, 2, 5)

    class Loader:
        load = staticmethod(Old)

    monkeypatch.setattr(monitor, "loader", Loader)


def test_the_one_frame_of_libzmq_3(old_library):
    endpoint = ctypes.create_string_buffer(b"tcp://127.0.0.1:5555")
    frame = zmq.Frame(bytes(structure(endpoint)))
    event = parse_monitor_message([frame])
    assert event == {"event": zmq.EVENT_LISTENING, "value": 7, "endpoint": b"tcp://127.0.0.1:5555"}


@pytest.mark.parametrize("form", [bytes, zmq.Frame])
def test_no_pointer_is_followed_that_may_lead_nowhere(old_library, form):
    # Of bytes the message is closed, and so the pointer is no longer valid; here it never was.
    address = 8 if form is bytes else 0
    event = parse_monitor_message([form(bytes(zmq_event_t(zmq.EVENT_CLOSED, address, -1)))])
    assert event == {"event": zmq.EVENT_CLOSED, "value": -1, "endpoint": b""}


def test_frames_of_libzmq_3_are_received_open(old_library, make_socket):
    a, b = make_socket(zmq.PAIR), make_socket(zmq.PAIR)
    a.bind("inproc://events")
    b.connect("inproc://events")
    endpoint = ctypes.create_string_buffer(b"inproc://x")
    a.send(bytes(structure(endpoint)))
    assert recv_monitor_message(b)["endpoint"] == b"inproc://x"


def test_newer_libraries_send_no_pointers():
    frame = zmq.Frame(bytes(zmq_event_t(zmq.EVENT_CLOSED, 8, -1)))
    with pytest.raises(RuntimeError, match="Invalid event message format"):
        parse_monitor_message([frame])


@pytest.mark.parametrize(
    "message",
    [
        [],
        [b""],
        [b"123456"],
        [b"12345", b"x"],
        [b"123456", b"x", b"y"],
        [b"1234567", b"12345678", b"x", b"y"],
        [b"123456", 5],
        [5, b"x"],
        [None, None],
        second(1, 2)[1:],
        second(1, 2, 3)[:-1],
        second(1)[:1] * 4,
    ],
)
def test_what_is_no_event(message):
    with pytest.raises(RuntimeError, match="Invalid event message format"):
        parse_monitor_message(message)


def test_nothing_there(make_socket):
    with pytest.raises(zmq.Again):
        recv_monitor_message(make_socket(zmq.PAIR), zmq.DONTWAIT)


def test_sockets_that_are_awaited():
    class Later:
        async def recv_multipart(self, flags, copy):
            await asyncio.sleep(0)
            return first(zmq.EVENT_CLOSED, 5)

    async def main():
        # A coroutine, so that asyncio.create_task takes it.
        return await asyncio.get_running_loop().create_task(recv_monitor_message(Later()))

    assert asyncio.run(main())["event"] is zmq.Event.CLOSED
