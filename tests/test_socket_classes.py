"""Sockets as Python objects: what they look like, and classes of one's own."""

from __future__ import annotations

import pytest

import zmq_ctypes as zmq


def test_repr(make_socket):
    socket = make_socket(zmq.PULL)
    assert repr(socket).startswith("<zmq.Socket(zmq.PULL) at 0x")
    socket.close()
    assert repr(socket).endswith(" closed>")


def test_repr_of_a_subclass_names_it(context):
    class Mine(zmq.Socket):
        pass

    with context.socket(zmq.PUB, Mine) as socket:
        assert "Mine(" in repr(socket)
        assert socket.type == zmq.PUB


def test_socket_type_is_the_old_name_of_type(make_socket):
    socket = make_socket(zmq.PULL)
    with pytest.warns(DeprecationWarning, match="type"):
        assert socket.socket_type == zmq.PULL


def test_type_name(make_socket):
    assert make_socket(zmq.PULL)._type_name == "PULL"
    assert make_socket(zmq.XREQ)._type_name == "DEALER"


def test_syncsocket_is_a_socket(make_socket):
    assert getattr(zmq.SyncSocket, "__origin__", zmq.SyncSocket) is zmq.Socket
    assert getattr(zmq.Socket[bytes], "__origin__", zmq.Socket) is zmq.Socket
    assert isinstance(make_socket(zmq.PULL), zmq.Socket)


# --- subclasses


def test_class_attributes_and_annotations_make_room_for_attributes(context):
    class Mine(zmq.Socket):
        label = "none"
        later: int

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.label = "one"

    with context.socket(zmq.PULL, Mine) as socket:
        assert socket.label == "one"
        socket.later = 2
        assert socket.later == 2
        with pytest.raises(AttributeError, match="(?i)never"):
            socket.never = 3


def test_a_subclass_may_override_send_and_recv(context):
    class Shout(zmq.Socket):
        def send(self, data, *args, **kwargs):
            return super().send(bytes(data).upper(), *args, **kwargs)

        def recv(self, *args, **kwargs):
            return super().recv(*args, **kwargs) + b"!"

    with context.socket(zmq.PAIR, Shout) as a, context.socket(zmq.PAIR, Shout) as b:
        a.bind("inproc://there")
        b.connect("inproc://there")
        a.send(b"x")
        assert b.recv() == b"X!"
        a.send_string("words")
        assert b.recv_string() == "WORDS!"
        a.send_multipart([b"a", b"b"])
        assert b.recv_multipart() == [b"A!", b"B!"]
