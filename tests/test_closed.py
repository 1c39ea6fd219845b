"""Closed sockets, whoever closed them: every call says so, and none reaches memory that libzmq has given back."""

from __future__ import annotations

import gc
import threading

import pytest

import zmq_ctypes as zmq

CLOSED = {
    "send": lambda s: s.send(b"x"),
    "send a large one": lambda s: s.send(b"x" * 100000),
    "send without copy": lambda s: s.send(b"x" * 100000, copy=False),
    "send a frame": lambda s: s.send(zmq.Frame(b"x")),
    "send_multipart": lambda s: s.send_multipart([b"x", b"y"]),
    "send_string": lambda s: s.send_string("x"),
    "send, not waiting": lambda s: s.send(b"x", zmq.DONTWAIT),
    "recv": lambda s: s.recv(),
    "recv, not waiting": lambda s: s.recv(zmq.DONTWAIT),
    "recv a frame": lambda s: s.recv(copy=False),
    "recv_multipart": lambda s: s.recv_multipart(),
    "recv frames": lambda s: s.recv_multipart(copy=False),
    "recv_into": lambda s: s.recv_into(bytearray(1)),
    "recv_string": lambda s: s.recv_string(),
    "bind": lambda s: s.bind("inproc://closed"),
    "connect": lambda s: s.connect("inproc://closed"),
    "unbind": lambda s: s.unbind("inproc://closed"),
    "disconnect": lambda s: s.disconnect("inproc://closed"),
    "bind_to_random_port": lambda s: s.bind_to_random_port("tcp://127.0.0.1"),
    "get": lambda s: s.get(zmq.LINGER),
    "get bytes": lambda s: s.get(zmq.LAST_ENDPOINT),
    "set": lambda s: s.set(zmq.LINGER, 0),
    "set bytes": lambda s: s.set(zmq.ROUTING_ID, b"x"),
    "get_string": lambda s: s.get_string(zmq.LAST_ENDPOINT),
    "set_string": lambda s: s.set_string(zmq.ROUTING_ID, "x"),
    "attribute": lambda s: s.linger,
    "assignment": lambda s: setattr(s, "linger", 0),
    "hwm": lambda s: s.hwm,
    "set_hwm": lambda s: s.set_hwm(5),
    "fd": lambda s: s.fd,
    "fileno": lambda s: s.fileno(),
    "subscribe": lambda s: s.subscribe(b""),
}


@pytest.mark.parametrize("act", CLOSED)
@pytest.mark.parametrize("kind", ["SUB", "DEALER"])
def test_a_closed_socket_does_nothing(make_socket, act, kind):
    socket = make_socket(getattr(zmq, kind))
    socket.close()
    with pytest.raises(zmq.ZMQError) as caught:
        CLOSED[act](socket)
    assert caught.value.errno == zmq.ENOTSOCK


@pytest.mark.parametrize("act", CLOSED)
def test_a_socket_that_its_context_closed_does_nothing(act):
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    context.destroy(linger=0)
    assert socket.closed
    with pytest.raises(zmq.ZMQError) as caught:
        CLOSED[act](socket)
    assert caught.value.errno == zmq.ENOTSOCK


@pytest.mark.parametrize("act", CLOSED)
def test_a_socket_that_its_shadow_closed_does_nothing(make_socket, act):
    """Sending without a copy: pyzmq 27.3 waits for room in the closed socket."""
    socket = make_socket(zmq.DEALER)
    zmq.Socket.shadow(socket).close()
    with pytest.raises(zmq.ZMQError) as caught:
        CLOSED[act](socket)
    assert caught.value.errno == zmq.ENOTSOCK
    assert socket.closed


@pytest.mark.parametrize("act", CLOSED)
def test_a_socket_whose_address_was_given_to_another_does_nothing(make_socket, act):
    """libzmq gives memory out again: the next socket often has the address of the last one, and must not be mistaken."""
    socket = make_socket(zmq.DEALER)
    socket.close()
    others = [make_socket(zmq.DEALER) for _ in range(20)]
    with pytest.raises(zmq.ZMQError) as caught:
        CLOSED[act](socket)
    assert caught.value.errno == zmq.ENOTSOCK
    assert socket.closed
    assert not any(other.closed for other in others)


def test_close_in_any_order(make_socket):
    sockets = [make_socket(zmq.DEALER) for _ in range(10)]
    shadows = [zmq.Socket.shadow(socket) for socket in sockets]
    for index, (socket, shadow) in enumerate(zip(sockets, shadows)):
        first, second = (socket, shadow) if index % 2 else (shadow, socket)
        first.close()
        second.close()
        first.close(linger=0)
        assert socket.closed and shadow.closed
    del shadows
    gc.collect()


def test_a_context_that_ends_in_another_thread():
    """Each call of the owner says what happened, until the owner closes the socket."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    thread = threading.Thread(target=context.term, daemon=True)
    thread.start()
    try:
        with pytest.raises(zmq.ContextTerminated):
            socket.recv()
        for act in ("send", "recv", "recv_into", "bind", "connect", "get", "set", "attribute", "hwm"):
            with pytest.raises(zmq.ContextTerminated):
                CLOSED[act](socket)
        assert not socket.closed
    finally:
        socket.close()
    thread.join(30)
    assert not thread.is_alive()
    assert socket.closed and context.closed
