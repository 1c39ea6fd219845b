"""Options of draft builds: messages that libzmq makes itself, priorities, WebSockets, options of contexts as bytes."""

from __future__ import annotations

import pytest

import zmq_ctypes as zmq


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
@pytest.mark.draft
def test_who_connects_is_greeted(make_socket, endpoint, transport):
    router = make_socket(zmq.ROUTER, hello_msg=b"hello")
    dealer = make_socket(zmq.DEALER)
    dealer.connect(router.bind(endpoint(transport)).addr)
    assert dealer.recv() == b"hello"


@pytest.mark.draft
def test_a_server_greets_as_well(make_socket, endpoint):
    server = make_socket(zmq.SERVER, hello_msg=b"hello")
    client = make_socket(zmq.CLIENT)
    client.connect(server.bind(endpoint("tcp")).addr)
    assert client.recv() == b"hello"


@pytest.mark.draft
def test_a_peer_that_leaves_says_so(make_socket, endpoint):
    server = make_socket(zmq.SERVER, disconnect_msg=b"gone")
    client = make_socket(zmq.CLIENT)
    client.connect(server.bind(endpoint("tcp")).addr)
    client.send(b"here")
    here = server.recv(copy=False)
    client.close()
    gone = server.recv(copy=False)
    assert (gone.bytes, gone.routing_id) == (b"gone", here.routing_id)


@pytest.mark.draft
def test_a_lost_connection_says_so(make_socket, endpoint):
    server, client = make_socket(zmq.SERVER), make_socket(zmq.CLIENT, hiccup_msg=b"hiccup")
    client.connect(server.bind(endpoint("tcp")).addr)
    client.send(b"here")
    assert server.recv() == b"here"
    server.close()
    assert client.recv() == b"hiccup"


@pytest.mark.draft
def test_the_priority_of_packets(make_socket, endpoint):
    push, pull = make_socket(zmq.PUSH), make_socket(zmq.PULL)
    assert push.priority == 0
    push.priority = 5
    assert push.priority == push.get(zmq.PRIORITY) == 5
    push.connect(pull.bind(endpoint("tcp")).addr)
    push.send(b"x")
    assert pull.recv() == b"x"


@pytest.mark.parametrize("option", ["HELLO_MSG", "DISCONNECT_MSG", "HICCUP_MSG"])
@pytest.mark.draft
def test_they_are_bytes(make_socket, option):
    with pytest.raises(TypeError):
        make_socket(zmq.SERVER).set(getattr(zmq, option), "text")


@pytest.mark.parametrize(("option", "value"), [("HELLO_MSG", b"x"), ("HICCUP_MSG", b"x"), ("PRIORITY", 1)])
@pytest.mark.stock
def test_stock_builds_do_not_know_them(make_socket, option, value):
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.DEALER).set(getattr(zmq, option), value)
    assert caught.value.errno == zmq.EINVAL


@pytest.mark.skipif(not zmq.has("WS"), reason="about builds with WebSockets")
def test_websockets(make_socket):
    first, second = make_socket(zmq.PAIR), make_socket(zmq.PAIR)
    where = first.bind("ws://127.0.0.1:*").addr
    assert where.startswith("ws://127.0.0.1:")
    second.connect(where)
    second.send_multipart([b"one", b"x" * 100_000])
    assert first.recv_multipart() == [b"one", b"x" * 100_000]


@pytest.mark.skipif(zmq.has("WS"), reason="about builds without WebSockets")
def test_no_websockets(make_socket):
    with pytest.raises(zmq.ZMQError, match="ws://127.0.0.1") as caught:
        make_socket(zmq.PAIR).bind("ws://127.0.0.1:*")
    assert caught.value.errno == zmq.EPROTONOSUPPORT


# --- contexts


@pytest.mark.parametrize("value", [b"io", b"7x", b"0123456789abcdef", b"a\0b"], ids=repr)
@pytest.mark.draft
def test_a_context_option_as_bytes(context, value):
    context.set(zmq.THREAD_NAME_PREFIX, value)
    assert context.get(zmq.THREAD_NAME_PREFIX) == value
    assert context.thread_name_prefix == value


@pytest.mark.libzmq("4.3.0")
def test_the_same_as_a_number(context):
    assert context.get(zmq.THREAD_NAME_PREFIX) == 0
    context.thread_name_prefix = 7
    assert context.thread_name_prefix == 7


def test_integers_are_not_bytes(context):
    """libzmq would read them as the memory of one."""
    with pytest.raises(TypeError):
        context.set(zmq.IO_THREADS, b"1234")
    assert context.io_threads == 1


@pytest.mark.draft
def test_an_option_that_nobody_knows_may_be_bytes(context):
    with pytest.raises(zmq.ZMQError) as caught:
        context.set(12345, b"x")
    assert caught.value.errno == zmq.EINVAL


@pytest.mark.parametrize("value", [b"", b"x" * 17], ids=repr)
@pytest.mark.draft
def test_bytes_that_libzmq_refuses(context, value):
    with pytest.raises(zmq.ZMQError) as caught:
        context.set(zmq.THREAD_NAME_PREFIX, value)
    assert caught.value.errno == zmq.EINVAL
    assert context.get(zmq.THREAD_NAME_PREFIX) == 0


@pytest.mark.stock
def test_a_stock_library_takes_no_bytes(context):
    with pytest.raises(zmq.ZMQVersionError, match=r"zmq_ctx_set_ext requires libzmq >= 4\.3\.3 and a draft build"):
        context.set(zmq.THREAD_NAME_PREFIX, b"io")


@pytest.mark.parametrize("value", ["io", 1.5, None], ids=repr)
def test_neither_number_nor_bytes(context, value):
    with pytest.raises(TypeError):
        context.set(zmq.THREAD_NAME_PREFIX, value)
