"""Wrong options and wrong arguments of constructors: a Python exception that names them, and nothing was changed or made."""

from __future__ import annotations

import pytest

import zmq_ctypes as zmq

HUGE = 2**70


# --- options


@pytest.mark.parametrize("wrong", ["linger", b"linger", None, 1.5, [17], object()], ids=repr)
def test_an_option_is_a_number(make_socket, wrong):
    """1.5: pyzmq 27.3 asks libzmq for option 1."""
    socket = make_socket(zmq.SUB)
    for act in (
        lambda: socket.get(wrong),
        lambda: socket.set(wrong, 1),
        lambda: socket.get_string(wrong),
        lambda: socket.set_string(wrong, "x"),
    ):
        with pytest.raises((TypeError, ValueError)):
            act()


@pytest.mark.parametrize("wrong", [2**31, -(2**31) - 1, 2**32 + 17, HUGE])
def test_an_option_fits_in_a_c_int(make_socket, wrong):
    socket = make_socket(zmq.SUB)
    with pytest.raises(OverflowError):
        socket.get(wrong)
    with pytest.raises(OverflowError):
        socket.set(wrong, 1)


@pytest.mark.parametrize("wrong", ["5", b"5", None, 1.5, 5.0, [5], bytearray(b"5"), object()], ids=repr)
@pytest.mark.parametrize("option", ["LINGER", "AFFINITY", "MAXMSGSIZE", "SNDHWM"])
def test_a_number_is_due(make_socket, option, wrong):
    socket = make_socket(zmq.DEALER)
    before = socket.get(getattr(zmq, option))
    with pytest.raises(TypeError):
        socket.set(getattr(zmq, option), wrong)
    with pytest.raises(TypeError):
        setattr(socket, option.lower(), wrong)
    assert socket.get(getattr(zmq, option)) == before


@pytest.mark.parametrize(
    "wrong", [None, 5, 1.5, [b"x"], bytearray(b"x"), memoryview(b"x"), object()], ids=lambda v: type(v).__name__
)
@pytest.mark.parametrize("option", ["ROUTING_ID", "PLAIN_USERNAME", "SUBSCRIBE"])
def test_bytes_are_due(make_socket, option, wrong):
    socket = make_socket(zmq.SUB)
    if wrong is None and option == "PLAIN_USERNAME":
        return  # libzmq takes NULL for it, which switches PLAIN off
    with pytest.raises(TypeError, match="bytes"):
        socket.set(getattr(zmq, option), wrong)


@pytest.mark.parametrize("option", ["ROUTING_ID", "SUBSCRIBE", "PLAIN_USERNAME"])
def test_text_for_an_option_and_the_way_out_is_named(make_socket, option):
    with pytest.raises(TypeError, match="setsockopt_string|set_string"):
        make_socket(zmq.DEALER).set(getattr(zmq, option), "text")


@pytest.mark.parametrize("wrong", ["a", 1.5, b"1", [0]], ids=repr)
def test_linger_of_close_is_a_number(make_socket, wrong):
    """1.5: pyzmq 27.3 cuts it."""
    socket = make_socket(zmq.PULL)
    with pytest.raises(TypeError):
        socket.close(wrong)
    assert not socket.closed
    socket.close(linger=None)
    assert socket.closed


def test_linger_of_close_fits_in_a_c_int(make_socket):
    socket = make_socket(zmq.PULL)
    with pytest.raises(OverflowError):
        socket.close(2**31)
    assert not socket.closed


@pytest.mark.parametrize("wrong", ["a", 1.5, b"1"], ids=repr)
def test_linger_of_destroy_is_a_number(wrong):
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    with pytest.raises(TypeError):
        context.destroy(wrong)
    socket.close()
    context.term()


# --- making


@pytest.mark.parametrize("wrong", ["1", b"1", None, 1.5, [1], object()], ids=repr)
def test_a_socket_type_is_a_number(context, wrong):
    """1.5: pyzmq 27.3 cuts it."""
    with pytest.raises(TypeError):
        context.socket(wrong)
    with pytest.raises(TypeError):
        zmq.Socket(context, wrong)


@pytest.mark.parametrize("wrong", [2**31, 2**32, HUGE, -HUGE])
def test_a_socket_type_fits_in_a_c_int(context, wrong):
    with pytest.raises(OverflowError):
        context.socket(wrong)


@pytest.mark.parametrize("wrong", ["context", 5, 1.5, object(), zmq.Context], ids=lambda v: type(v).__name__)
def test_a_socket_is_made_in_a_context(wrong):
    with pytest.raises(TypeError):
        zmq.Socket(wrong, zmq.PUB)


def test_a_socket_is_not_made_in_a_closed_context():
    context = zmq.Context()
    context.term()
    with pytest.raises(zmq.ZMQError):
        zmq.Socket(context, zmq.PUB)


@pytest.mark.parametrize("wrong", ["1", b"1", None, 1.5, [1], object()], ids=repr)
def test_io_threads_are_a_number(wrong):
    """1.5: pyzmq 27.3 cuts it."""
    with pytest.raises(TypeError):
        zmq.Context(wrong)
    with pytest.raises(TypeError):
        zmq.Context(io_threads=wrong)


@pytest.mark.parametrize("wrong", [2**31, HUGE, -HUGE])
def test_io_threads_fit_in_a_c_int(wrong):
    with pytest.raises(OverflowError):
        zmq.Context(wrong)


@pytest.mark.parametrize("wrong", ["1", None, 1.5, b"1"], ids=repr)
def test_options_of_a_context_are_numbers(context, wrong):
    """1.5 for an option: pyzmq 27.3 cuts it."""
    with pytest.raises(TypeError):
        context.set(zmq.MAX_SOCKETS, wrong)
    with pytest.raises(TypeError):
        context.set(wrong, 1)
    with pytest.raises(TypeError):
        context.get(wrong)
    with pytest.raises(TypeError):
        context.max_sockets = wrong
    with pytest.raises(OverflowError):
        context.set(zmq.MAX_SOCKETS, 2**31)


@pytest.mark.parametrize("kind", [zmq.Context, zmq.Socket], ids=["context", "socket"])
@pytest.mark.parametrize("wrong", ["text", 1.5, [1]], ids=repr)
def test_a_shadow_of_nothing(kind, wrong):
    with pytest.raises((TypeError, ValueError)):
        kind.shadow(wrong)


def test_a_shadow_of_what_is_closed(context):
    socket = context.socket(zmq.PULL)
    socket.close()
    with pytest.raises((zmq.ZMQError, TypeError, ValueError)):
        zmq.Socket.shadow(socket)
