"""Sockets as objects: making, binding, connecting, closing, and what they look like."""

from __future__ import annotations

import copy
import errno
import gc
import os
import pickle
import socket as plain
import warnings
import weakref

import pytest
from support import collected, until

import zmq_ctypes as zmq

TYPES = ["PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB", "STREAM"]


@pytest.mark.parametrize("name", TYPES)
def test_every_type_can_be_made(context, name):
    number = getattr(zmq, name)
    with context.socket(number) as socket:
        assert type(socket) is zmq.Socket
        assert socket.type is zmq.SocketType(number)
        assert socket.get(zmq.TYPE) == number
        assert socket.closed is False
        assert isinstance(socket.underlying, int) and socket.underlying != 0
        assert socket.context is context


@pytest.mark.parametrize(("old", "new"), [("XREQ", "DEALER"), ("XREP", "ROUTER")])
def test_old_names_of_types(old, new):
    assert getattr(zmq, old) is getattr(zmq, new)


@pytest.mark.parametrize(
    ("name", "since"),
    [
        ("SERVER", (4, 2)),
        ("CLIENT", (4, 2)),
        ("SCATTER", (4, 2)),
        ("GATHER", (4, 2)),
        ("PEER", (4, 3, 3)),
        ("CHANNEL", (4, 3, 3)),
    ],
)
def test_draft_types_exist_from_their_version_on(make_socket, name, since):
    number = getattr(zmq.SocketType, name)
    if zmq.zmq_version_info() >= since:
        assert make_socket(number).type is number
    else:
        with pytest.raises(zmq.ZMQError) as caught:
            make_socket(number)
        assert caught.value.errno == errno.EINVAL


def test_a_plain_number_becomes_the_enum(make_socket):
    assert make_socket(1).type is zmq.SocketType.PUB


def test_an_unknown_type(make_socket):
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(99)
    assert caught.value.errno == errno.EINVAL


def test_the_constructor_takes_context_and_type(context):
    with zmq.Socket(context, zmq.PUB) as socket:
        assert socket.type == zmq.PUB
        assert socket.context is context


def test_pair_is_what_comes_without_a_type(context):
    with zmq.Socket(context) as socket:
        assert socket.type == zmq.PAIR


def test_the_constructor_needs_a_context():
    with pytest.raises(TypeError, match="(?i)context"):
        zmq.Socket()
    with pytest.raises(TypeError, match="(?i)context"):
        zmq.Socket(None, zmq.PUB)


def test_copy_threshold(context):
    with zmq.Socket(context, zmq.PUB, copy_threshold=12) as socket:
        assert socket.copy_threshold == 12
        socket.copy_threshold = 0
        assert socket.copy_threshold == 0
    with zmq.Socket(context, zmq.PUB) as socket:
        assert socket.copy_threshold == zmq.COPY_THRESHOLD == 65536


# --- endpoints


@pytest.mark.parametrize("transport", ["inproc", "tcp", "ipc"])
@pytest.mark.parametrize("spell", [str, str.encode], ids=["str", "bytes"])
def test_bind_and_connect(make_socket, tmp_path, transport, spell):
    a, b = make_socket(zmq.PULL), make_socket(zmq.PUSH)
    path = os.path.relpath(str(tmp_path / "s"))
    address = {"inproc": "inproc://there", "tcp": "tcp://127.0.0.1:*", "ipc": "ipc://" + path}[transport]
    a.bind(spell(address))
    assert isinstance(a.last_endpoint, bytes)
    assert a.last_endpoint.startswith(transport.encode())
    b.connect(a.last_endpoint if transport == "tcp" else spell(address))
    b.send(b"there")
    assert a.recv() == b"there"


def test_inproc_names_may_be_any_text(make_socket):
    a, b = make_socket(zmq.PULL), make_socket(zmq.PUSH)
    a.bind("inproc://Straße/☃")
    assert a.last_endpoint == "inproc://Straße/☃".encode()
    b.connect("inproc://Straße/☃")
    b.send(b"there")
    assert a.recv() == b"there"


@pytest.mark.parametrize("action", ["bind", "connect", "unbind", "disconnect"])
def test_text_that_tells_lies_about_its_bytes(make_socket, action):
    """The address reaches C as plain bytes, whatever a subclass makes of its own."""

    class Text(str):
        def encode(self, *args):
            return [1, 2, 3]

    class Bytes(bytes):
        def __contains__(self, other):
            return False

    socket = make_socket(zmq.PAIR)
    with pytest.raises(ValueError, match="null"):
        getattr(socket, action)(Bytes(b"inproc://a\0b"))
    if action in ("unbind", "disconnect"):
        getattr(socket, "bind" if action == "unbind" else "connect")("inproc://lies")
    getattr(socket, action)(Text("inproc://lies"))


@pytest.mark.parametrize("action", ["bind", "connect", "unbind", "disconnect"])
def test_a_closed_socket_has_no_endpoints(make_socket, action):
    socket = make_socket(zmq.PAIR)
    socket.close()
    with pytest.raises(zmq.ZMQError) as caught:
        getattr(socket, action)("inproc://closed")
    assert caught.value.errno == zmq.ENOTSOCK


def test_port_zero_takes_a_free_port(make_socket):
    a = make_socket(zmq.PULL)
    a.bind("tcp://127.0.0.1:0")
    assert int(a.last_endpoint.rsplit(b":", 1)[1]) > 0


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_unbind_frees_the_address(make_socket, tmp_path, transport):
    a = make_socket(zmq.PULL)
    a.bind("tcp://127.0.0.1:*" if transport == "tcp" else "ipc://" + os.path.relpath(str(tmp_path / "s")))
    address = a.last_endpoint
    a.unbind(address)
    with pytest.raises(zmq.ZMQError) as caught:
        a.unbind(address.decode())
    assert caught.value.errno == errno.ENOENT


def test_disconnect_stops_the_flow(make_socket):
    a, b = make_socket(zmq.PULL), make_socket(zmq.PUSH)
    a.bind("inproc://there")
    b.connect("inproc://there")
    b.send(b"x")
    assert a.recv() == b"x"
    b.disconnect("inproc://there")
    with pytest.raises(zmq.Again):
        b.send(b"y", zmq.DONTWAIT)


def test_bind_as_context_manager_unbinds(make_socket):
    socket = make_socket(zmq.PULL)
    with socket.bind("tcp://127.0.0.1:*") as inner:
        assert inner is socket
        address = socket.last_endpoint
    with pytest.raises(zmq.ZMQError) as caught:
        socket.unbind(address)
    assert caught.value.errno == errno.ENOENT
    assert not socket.closed


def test_connect_as_context_manager_disconnects(make_socket):
    a, b = make_socket(zmq.PULL), make_socket(zmq.PUSH)
    a.bind("tcp://127.0.0.1:*")
    address = a.last_endpoint.decode()
    with b.connect(address) as inner:
        assert inner is b
        b.send(b"x")
        assert a.recv() == b"x"
    with pytest.raises(zmq.ZMQError) as caught:
        b.disconnect(address)
    assert caught.value.errno == errno.ENOENT


def test_the_context_manager_passes_over_a_closed_socket(make_socket):
    socket = make_socket(zmq.PULL)
    with socket.bind("inproc://there"):
        socket.close()
    assert socket.closed


def test_the_context_manager_lets_errors_through(make_socket):
    socket = make_socket(zmq.PULL)
    with pytest.raises(LookupError):
        with socket.bind("inproc://there"):
            raise LookupError
    make_socket(zmq.PULL).bind("inproc://there")


def test_what_bind_returns_tells_about_itself(make_socket):
    socket = make_socket(zmq.PULL)
    bound = socket.bind("inproc://there")
    assert (bound.socket, bound.kind, bound.addr) == (socket, "bind", "inproc://there")
    assert repr(bound) == "<SocketContext(bind='inproc://there')>"
    assert repr(make_socket(zmq.PUSH).connect("inproc://there")) == "<SocketContext(connect='inproc://there')>"


@pytest.mark.parametrize(
    "limits", [{}, {"min_port": 20000, "max_port": 30000}, {"max_tries": 3}, {"min_port": 20000}], ids=repr
)
def test_a_random_port(make_socket, limits):
    a, b = make_socket(zmq.PULL), make_socket(zmq.PUSH)
    port = a.bind_to_random_port("tcp://127.0.0.1", **limits)
    assert type(port) is int
    assert limits.get("min_port", 1) <= port < limits.get("max_port", 65536)
    b.connect(f"tcp://127.0.0.1:{port}")
    b.send(b"there")
    assert a.recv() == b"there"


def test_a_random_port_out_of_none(make_socket):
    with plain.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(zmq.ZMQBindError):
            make_socket(zmq.PULL).bind_to_random_port("tcp://127.0.0.1", min_port=port, max_port=port + 1, max_tries=3)


def test_a_random_port_of_a_wrong_address_is_not_tried_again(make_socket):
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.PULL).bind_to_random_port("foo://x", min_port=20000, max_port=30000)
    assert caught.value.errno == errno.EPROTONOSUPPORT


# --- closing


def test_close_may_be_repeated(make_socket):
    socket = make_socket(zmq.PULL)
    socket.close()
    assert socket.closed is True
    assert not socket.underlying
    socket.close()
    socket.close(linger=0)


def test_type_survives_close(make_socket):
    socket = make_socket(zmq.PULL)
    socket.close()
    assert socket.type is zmq.SocketType.PULL


def test_close_with_linger_drops_what_was_not_sent():
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.connect("tcp://127.0.0.1:9")
    socket.send(b"for nobody")
    socket.close(linger=0)
    context.term()
    assert context.closed


def test_with_closes(context):
    with context.socket(zmq.PULL) as socket:
        assert isinstance(socket, zmq.Socket)
    assert socket.closed
    with pytest.raises(LookupError):
        with context.socket(zmq.PULL) as socket:
            raise LookupError
    assert socket.closed


def test_a_forgotten_socket_warns_and_closes(context):
    socket = context.socket(zmq.PULL)
    socket.bind("inproc://there")
    with pytest.warns(ResourceWarning, match="(?i)unclosed socket") as caught:
        del socket
        until(lambda: collected(lambda: len(caught)), "no warning")

    def is_free():
        with context.socket(zmq.PULL) as another:
            try:
                another.bind("inproc://there")
            except zmq.ZMQError as error:
                return error.errno != zmq.EADDRINUSE
        return True

    # Another thread of libzmq gives back the endpoint.
    until(is_free, "the endpoint is still taken")


def test_a_closed_socket_is_forgotten_in_silence(context):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        socket = context.socket(zmq.PULL)
        socket.close()
        del socket
        gc.collect()
        gc.collect()


def test_a_failed_constructor_leaves_no_noise(context):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for wrong in (99, "x"):
            with pytest.raises((zmq.ZMQError, TypeError)):
                zmq.Socket(context, wrong)
        gc.collect()
        gc.collect()


# --- shadows and copies


@pytest.mark.parametrize(
    "shadow",
    [zmq.Socket.shadow, lambda s: zmq.Socket.shadow(s.underlying), zmq.Socket, copy.copy, copy.deepcopy],
    ids=["shadow", "shadow of an address", "constructor", "copy", "deepcopy"],
)
def test_a_shadow_is_the_same_socket_underneath(bound_pair, shadow):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    other = shadow(a)
    assert other is not a
    assert other.underlying == a.underlying
    assert other.type == zmq.PAIR
    other.send(b"from the shadow")
    assert b.recv() == b"from the shadow"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del other
        gc.collect()
        gc.collect()
    assert not a.closed
    a.send(b"still there")
    assert b.recv() == b"still there"


def test_closing_a_shadow_closes_the_socket(make_socket):
    socket = make_socket(zmq.PULL)
    other = zmq.Socket.shadow(socket)
    other.close()
    assert other.closed
    assert socket.closed


def test_sockets_are_their_own(make_socket):
    a, b = make_socket(zmq.PULL), make_socket(zmq.PULL)
    assert a != b and a == a
    assert len({a, b, a}) == 2
    assert weakref.ref(a)() is a
    with pytest.raises(TypeError):
        pickle.dumps(a)


@pytest.mark.parametrize("wrong", [1, "context", object(), b"", 0])
def test_a_context_that_is_none(make_socket, wrong):
    socket = make_socket(zmq.PULL)
    context = socket.context
    with pytest.raises(TypeError, match="context"):
        socket.context = wrong
    assert socket.context is context
    socket.context = None
    socket.context = context
    socket.close()
    assert socket.closed
