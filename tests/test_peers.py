"""Single peers and groups: what the draft types of sockets do, and what is said where they cannot."""

from __future__ import annotations

import socket as system
import threading

import pytest

import zmq_ctypes as zmq

#: On a stock build a handshake would end the process.
STABLE_TRANSPORTS = ["inproc", pytest.param("tcp", marks=pytest.mark.draft)]
TRANSPORTS = ["inproc", "tcp"]
THREAD_SAFE = ["SERVER", "CLIENT", "RADIO", "DISH", "GATHER", "SCATTER", "PEER", "CHANNEL"]


def kind(name):
    return getattr(zmq, name)


# --- types that stock builds have as well


@pytest.mark.parametrize("transport", STABLE_TRANSPORTS)
@pytest.mark.libzmq("4.2.0")
def test_scatter_gather(bound_pair, transport):
    scatter, gather = bound_pair(zmq.SCATTER, zmq.GATHER, transport)
    scatter.send(b"one")
    scatter.send(b"")
    assert [gather.recv(), gather.recv()] == [b"one", b""]


@pytest.mark.parametrize("transport", STABLE_TRANSPORTS)
@pytest.mark.libzmq("4.3.3")
def test_channel(bound_pair, transport):
    first, second = bound_pair(zmq.CHANNEL, zmq.CHANNEL, transport)
    first.send(b"ping")
    assert second.recv() == b"ping"
    second.send(b"pong")
    assert first.recv(copy=False).bytes == b"pong"


@pytest.mark.libzmq("4.2.0")
def test_a_client_sends_to_a_server(bound_pair):
    server, client = bound_pair(zmq.SERVER, zmq.CLIENT)
    client.send(b"hello")
    assert server.recv() == b"hello"


@pytest.mark.libzmq("4.2.0")
def test_dgram(make_socket):
    """The first frame is the address, in both directions."""
    with system.socket(system.AF_INET, system.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(10)
        port = other.getsockname()[1]
        # A port that was free a moment ago; libzmq does not tell which one it took.
        with system.socket(system.AF_INET, system.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            own = taken.getsockname()[1]
        dgram = make_socket(zmq.DGRAM)
        assert dgram.bind(f"udp://127.0.0.1:{own}").addr == f"udp://127.0.0.1:{own}"
        dgram.send_multipart([b"127.0.0.1:%d" % port, b"hello"])
        assert other.recvfrom(100) == (b"hello", ("127.0.0.1", own))
        other.sendto(b"world", ("127.0.0.1", own))
        sender, message = dgram.recv_multipart()
        # Some versions count the NUL of the address.
        assert (sender.rstrip(b"\0"), message) == (b"127.0.0.1:%d" % port, b"world")
        dgram.send_multipart([sender, b"again"])
        assert other.recv(100) == b"again"


@pytest.mark.parametrize("name", THREAD_SAFE)
@pytest.mark.libzmq("4.3.3")
def test_they_send_no_multipart_messages(make_socket, name):
    socket = make_socket(kind(name))
    with pytest.raises(zmq.ZMQError) as caught:
        socket.send(b"x", zmq.SNDMORE)
    assert caught.value.errno in (zmq.EINVAL, zmq.ENOTSUP)


@pytest.mark.libzmq("4.3.3")
def test_threads_share_a_socket(bound_pair):
    """Each of them gets whole messages, none of them twice."""
    first, second = bound_pair(zmq.CHANNEL, zmq.CHANNEL)
    count, threads = 400, 4
    received = []

    def receive():
        while True:
            message = second.recv()
            if message == b"end":
                return
            received.append(message)

    def send(number):
        for i in range(count):
            first.send(b"%d:%d" % (number, i) * 10)

    receivers = [threading.Thread(target=receive) for _ in range(threads)]
    senders = [threading.Thread(target=send, args=(number,)) for number in range(threads)]
    for thread in [*receivers, *senders]:
        thread.start()
    for thread in senders:
        thread.join()
    for _ in receivers:
        first.send(b"end")
    for thread in receivers:
        thread.join()
    assert sorted(received) == sorted(b"%d:%d" % (n, i) * 10 for n in range(threads) for i in range(count))


# --- routing ids


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.draft
def test_a_server_answers_whom_it_heard_from(make_socket, endpoint, transport):
    server = make_socket(zmq.SERVER)
    where = server.bind(endpoint(transport)).addr
    clients = [make_socket(zmq.CLIENT) for _ in range(3)]
    for number, client in enumerate(clients):
        client.connect(where)
        client.send(b"%d" % number)
    requests = [server.recv(copy=False) for _ in clients]
    assert len({request.routing_id for request in requests}) == 3
    assert all(request.get("routing_id") == request.routing_id > 0 for request in requests)
    for request in requests:
        server.send(b"to " + request.bytes, routing_id=request.routing_id)
    assert [client.recv() for client in clients] == [b"to 0", b"to 1", b"to 2"]


@pytest.mark.draft
def test_a_frame_carries_its_routing_id(bound_pair):
    server, client = bound_pair(zmq.SERVER, zmq.CLIENT)
    client.send(b"hello")
    request = server.recv(copy=False)
    reply = zmq.Frame(b"frame")
    reply.routing_id = request.routing_id
    server.send(reply)
    assert client.recv() == b"frame"
    server.send(request)
    assert client.recv() == b"hello"
    server.send_string("text", routing_id=request.routing_id)
    assert client.recv_string() == "text"
    server.send_multipart([b"one"], routing_id=request.routing_id)
    assert client.recv() == b"one"


@pytest.mark.parametrize("routing_id", [-1, 2**32, 1.5, "1", b"1"], ids=repr)
@pytest.mark.draft
def test_what_is_no_routing_id(bound_pair, routing_id):
    server, _ = bound_pair(zmq.SERVER, zmq.CLIENT)
    with pytest.raises((TypeError, OverflowError)):
        server.send(b"x", routing_id=routing_id)
    with pytest.raises((TypeError, OverflowError)):
        zmq.Frame(b"x").routing_id = routing_id


@pytest.mark.draft
def test_nobody_has_that_routing_id(make_socket):
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.SERVER).send(b"x", routing_id=12345)
    assert caught.value.errno == zmq.EHOSTUNREACH
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.Frame(b"x").routing_id = 0
    assert caught.value.errno == zmq.EINVAL


# --- groups


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.draft
def test_radio_and_dish(bound_pair, transport):
    """The radio is connected to a bound dish, and waits for its groups before it sends."""
    dish, radio = bound_pair(zmq.DISH, zmq.RADIO, transport)
    dish.join("news")
    dish.join(b"sport")
    while True:
        # A message to a group that nobody has joined yet is dropped.
        radio.send(b"first", group="news")
        if dish.poll(50):
            break
    assert dish.recv() == b"first"
    radio.send(b"nobody", group="weather")
    radio.send(b"goal", group="sport")
    while True:
        frame = dish.recv(copy=False)
        if frame.bytes != b"first":
            break
    assert (frame.bytes, frame.group) == (b"goal", "sport")
    dish.leave("sport")
    tagged = zmq.Frame(b"again")
    tagged.group = "news"
    radio.send(tagged)
    frame = dish.recv(copy=False)
    assert (frame.bytes, frame.group, frame.get("group")) == (b"again", "news", "news")


@pytest.mark.draft
def test_radio_and_dish_over_udp(make_socket):
    with system.socket(system.AF_INET, system.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        where = f"udp://127.0.0.1:{taken.getsockname()[1]}"
    dish, radio = make_socket(zmq.DISH), make_socket(zmq.RADIO)
    dish.join("g")
    dish.bind(where)
    radio.connect(where)
    while not dish.poll(50):
        radio.send(b"x", group="g")
    assert dish.recv(copy=False).group == "g"


@pytest.mark.draft
def test_joining_twice_and_leaving_what_was_not_joined(make_socket):
    dish = make_socket(zmq.DISH)
    dish.join("g")
    with pytest.raises(zmq.ZMQError, match="group='g'") as caught:
        dish.join("g")
    assert caught.value.errno == zmq.EINVAL
    dish.leave(b"g")
    with pytest.raises(zmq.ZMQError) as caught:
        dish.leave("g")
    assert caught.value.errno == zmq.EINVAL


@pytest.mark.draft
def test_a_group_that_is_too_long_is_not_cut_off(make_socket):
    """libzmq would send to the group that begins like it."""
    longest, dish, radio = "x" * 255, make_socket(zmq.DISH), make_socket(zmq.RADIO)
    dish.join(longest)
    frame = zmq.Frame(b"x")
    frame.group = longest
    assert frame.group == longest
    for use in (
        lambda: dish.join(longest + "x"),
        lambda: radio.send(b"x", group=longest + "x"),
        lambda: setattr(frame, "group", longest + "x"),
    ):
        with pytest.raises(zmq.ZMQError, match="longer than 255 bytes") as caught:
            use()
        assert caught.value.errno == zmq.EINVAL


@pytest.mark.parametrize("group", [None, 5, "a\0b", b"\0", 1.5], ids=repr)
@pytest.mark.draft
def test_what_is_no_group(make_socket, group):
    dish, radio = make_socket(zmq.DISH), make_socket(zmq.RADIO)
    for call in (dish.join, dish.leave, lambda group: setattr(zmq.Frame(), "group", group)):
        with pytest.raises((TypeError, ValueError)):
            call(group)
    if group is not None:
        with pytest.raises((TypeError, ValueError)):
            radio.send(b"x", group=group)


@pytest.mark.draft
def test_a_message_without_group_and_routing_id():
    frame = zmq.Frame(b"x")
    assert frame.group == "" and frame.routing_id == 0


# --- peers


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.draft
def test_peers_know_each_other(make_socket, endpoint, transport):
    first, second = make_socket(zmq.PEER), make_socket(zmq.PEER)
    where = first.bind(endpoint(transport)).addr
    routing_id = second.connect_peer(where)
    assert isinstance(routing_id, int) and routing_id > 0
    second.send(b"hello", routing_id=routing_id)
    request = first.recv(copy=False)
    assert request.bytes == b"hello"
    first.send(b"world", routing_id=request.routing_id)
    reply = second.recv(copy=False)
    assert (reply.bytes, reply.routing_id) == (b"world", routing_id)


@pytest.mark.draft
def test_a_peer_can_be_disconnected(make_socket, endpoint):
    first, second = make_socket(zmq.PEER), make_socket(zmq.PEER)
    routing_id = second.connect_peer(first.bind(endpoint("inproc")).addr)
    second.sndtimeo = 1
    second.send(b"x", routing_id=routing_id)
    assert first.recv() == b"x"
    second.disconnect_peer(routing_id)
    # Until the other side has taken notice, the peer is there still and takes nothing.
    for _ in range(5000):
        first.poll(0)
        with pytest.raises(zmq.ZMQError) as caught:
            second.send(b"x", routing_id=routing_id)
        if caught.value.errno != zmq.EAGAIN:
            break
    assert caught.value.errno == zmq.EHOSTUNREACH
    with pytest.raises(zmq.ZMQError, match=f"routing_id={routing_id}") as caught:
        second.disconnect_peer(routing_id)
    assert caught.value.errno == zmq.EHOSTUNREACH


@pytest.mark.draft
def test_where_no_peer_is(make_socket):
    peer = make_socket(zmq.PEER)
    with pytest.raises(zmq.ZMQError, match="nowhere") as caught:
        peer.connect_peer("nowhere")
    assert caught.value.errno == zmq.EINVAL
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.PAIR).connect_peer("inproc://x")
    assert caught.value.errno == zmq.ENOTSUP


@pytest.mark.draft
def test_the_state_of_a_peer(make_socket, endpoint):
    router, dealer = make_socket(zmq.ROUTER), make_socket(zmq.DEALER, routing_id=b"me")
    dealer.connect(router.bind(endpoint("inproc")).addr)
    dealer.send(b"here I am")
    router.recv_multipart()
    assert router.get_peer_state(b"me") & zmq.POLLOUT
    with pytest.raises(zmq.ZMQError) as caught:
        router.get_peer_state(b"you")
    assert caught.value.errno == zmq.EHOSTUNREACH
    with pytest.raises(TypeError):
        router.get_peer_state("me")


CALLS = {
    "join": lambda socket: socket.join("g"),
    "leave": lambda socket: socket.leave("g"),
    "connect_peer": lambda socket: socket.connect_peer("inproc://x"),
    "disconnect_peer": lambda socket: socket.disconnect_peer(1),
    "get_peer_state": lambda socket: socket.get_peer_state(b"x"),
}


@pytest.mark.parametrize("call", CALLS)
def test_closed_sockets_refuse(make_socket, call):
    socket = make_socket(zmq.PAIR)
    socket.close()
    with pytest.raises(zmq.ZMQError) as caught:
        CALLS[call](socket)
    assert caught.value.errno == zmq.ENOTSOCK


@pytest.mark.parametrize(
    ("call", "argument"),
    [("connect_peer", 5), ("connect_peer", "a\0b"), ("disconnect_peer", "x"), ("disconnect_peer", -1), ("join", None)],
)
def test_wrong_arguments(make_socket, call, argument):
    with pytest.raises((TypeError, ValueError, OverflowError)):
        getattr(make_socket(zmq.PAIR), call)(argument)


# --- without drafts


SENDS = {
    "routing_id": lambda socket: socket.send(b"x", routing_id=1),
    "group": lambda socket: socket.send(b"x", group="g"),
    "frame.group": lambda socket: zmq.Frame(b"x").group,
    "frame.routing_id": lambda socket: zmq.Frame(b"x").routing_id,
    "frame.group = ": lambda socket: setattr(zmq.Frame(b"x"), "group", "g"),
    "frame.routing_id = ": lambda socket: setattr(zmq.Frame(b"x"), "routing_id", 1),
}


@pytest.mark.parametrize("call", [*CALLS, *SENDS])
@pytest.mark.stock
def test_a_stock_library_says_what_it_would_need(make_socket, call):
    with pytest.raises(zmq.ZMQVersionError, match=r"zmq_\w+ requires libzmq >= 4\.\d\.\d and a draft build, have "):
        {**CALLS, **SENDS}[call](make_socket(zmq.PAIR))


@pytest.mark.parametrize("transport", ["tcp://127.0.0.1:*", "ipc://somewhere", "ws://127.0.0.1:*", "tipc://{1,2}"])
@pytest.mark.parametrize("name", [*THREAD_SAFE, "DGRAM"])
@pytest.mark.stock
@pytest.mark.libzmq("4.3.3")
def test_a_stock_library_would_not_survive_the_handshake(make_socket, name, transport):
    socket = make_socket(kind(name))
    for call in (socket.bind, socket.connect):
        with pytest.raises(zmq.ZMQVersionError, match=rf"{name} over \w+ requires libzmq >= 4\.2\.0 and a draft build"):
            call(transport)


@pytest.mark.stock
def test_drafts_are_off():
    assert zmq.DRAFT_API is False and zmq.PYZMQ_DRAFT_API is False


@pytest.mark.draft
def test_drafts_are_on():
    assert zmq.DRAFT_API is True and zmq.PYZMQ_DRAFT_API is True
    assert zmq.has("draft")


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.libzmq("4.2.0")
def test_a_message_of_theirs_has_one_frame(bound_pair, copy):
    server, client = bound_pair(zmq.SERVER, zmq.CLIENT)
    client.send_multipart([b"only"])
    assert [bytes(frame) for frame in server.recv_multipart(copy=copy)] == [b"only"]
