"""Events of connections: which come, what they carry, and that a monitor without a reader stops nothing.

What used to hang is tried in other processes, which are ended if they do.
"""

from __future__ import annotations

import threading

import pytest
from children import check

import zmq_ctypes as zmq
from zmq_ctypes.utils.monitor import recv_monitor_message


@pytest.fixture
def monitored(make_socket):
    """Make a socket and the socket that receives its events."""
    readers = []

    def make(kind, *args, **kwargs):
        socket = make_socket(kind)
        reader = socket.get_monitor_socket(*args, **kwargs)
        reader.linger = 0
        reader.rcvtimeo = 10_000
        readers.append(reader)
        return socket, reader

    yield make
    for reader in readers:
        reader.close()


def until(reader, event):
    """Read events up to one of this kind."""
    seen = []
    while not seen or seen[-1]["event"] != event:
        seen.append(recv_monitor_message(reader))
    return seen


def test_the_life_of_a_connection(monitored, make_socket):
    server, events = monitored(zmq.REP)
    server.bind("tcp://127.0.0.1:*")
    endpoint = server.last_endpoint
    client, client_events = monitored(zmq.REQ)
    client.connect(endpoint.decode())
    listening = recv_monitor_message(events)
    assert listening["event"] is zmq.Event.LISTENING
    # Before 4.3.3 an event has the port that was asked for, which is 0 here.
    assert listening["endpoint"] == endpoint or zmq.zmq_version_info() < (4, 3, 3)
    accepted = recv_monitor_message(events)
    assert accepted["event"] is zmq.Event.ACCEPTED
    assert until(client_events, zmq.EVENT_CONNECTED)[-1]["endpoint"] == endpoint
    client.close()
    assert until(events, zmq.EVENT_DISCONNECTED)[-1]["endpoint"].startswith(b"tcp://127.0.0.1:")


def test_values_are_numbers_that_look_like_numbers(monitored):
    server, events = monitored(zmq.REP)
    server.bind("tcp://127.0.0.1:*")
    event = recv_monitor_message(events)
    # The file descriptor that listens: as a combination of events its repr would be nonsense.
    assert type(event["value"]) is int
    assert event["value"] > 2
    assert sorted(event) == ["endpoint", "event", "value"]


def test_the_reader_is_made_once(monitored):
    socket, reader = monitored(zmq.PULL)
    assert reader.type is zmq.PAIR
    assert type(reader) is type(socket)
    assert reader.context is socket.context
    assert socket.get_monitor_socket() is reader


def test_the_endpoint_is_named_after_the_fd(make_socket, monitored):
    socket, reader = monitored(zmq.PULL)
    assert reader.last_endpoint == f"inproc://monitor.s-{socket.FD}".encode()


def test_an_endpoint_of_ones_own(monitored):
    _, reader = monitored(zmq.PULL, addr="inproc://mine")
    assert reader.last_endpoint == b"inproc://mine"


def test_only_some_events(monitored, make_socket):
    socket, events = monitored(zmq.PULL, zmq.EVENT_ACCEPTED)
    socket.bind("tcp://127.0.0.1:*")
    make_socket(zmq.PUSH).connect(socket.last_endpoint.decode())
    assert recv_monitor_message(events)["event"] is zmq.Event.ACCEPTED


def test_the_end_of_monitoring(monitored):
    socket, reader = monitored(zmq.PULL)
    socket.disable_monitor()
    stopped = recv_monitor_message(reader)
    assert stopped == {"event": zmq.EVENT_MONITOR_STOPPED, "value": 0, "endpoint": b""}
    socket.bind("tcp://127.0.0.1:*")
    with pytest.raises(zmq.Again):
        recv_monitor_message(reader, zmq.DONTWAIT)
    socket.disable_monitor()


def test_closing_the_socket_ends_the_monitoring(monitored):
    socket, reader = monitored(zmq.PULL)
    socket.close()
    assert recv_monitor_message(reader)["event"] is zmq.Event.MONITOR_STOPPED


def test_monitoring_again(monitored):
    socket, first = monitored(zmq.PULL)
    socket.disable_monitor()
    for _ in range(20):
        # libzmq gives an endpoint back some time after the monitoring has ended.
        reader = socket.get_monitor_socket()
        assert reader is not first
        reader.close()
    with socket.get_monitor_socket() as reader:
        reader.rcvtimeo = 10_000
        socket.bind("tcp://127.0.0.1:*")
        assert recv_monitor_message(reader)["event"] is zmq.Event.LISTENING


def test_a_reader_of_ones_own(make_socket):
    socket, reader = make_socket(zmq.PULL), make_socket(zmq.PAIR)
    socket.monitor("inproc://events", zmq.EVENT_LISTENING)
    reader.connect("inproc://events")
    socket.bind("tcp://127.0.0.1:*")
    assert recv_monitor_message(reader)["event"] is zmq.Event.LISTENING
    # The event of the end is not among those that were asked for.
    socket.monitor(None, 0)


def test_a_reader_in_another_thread(monitored, make_socket):
    socket, reader = monitored(zmq.PULL)
    seen = []

    def read():
        with reader:
            seen.extend(until(reader, zmq.EVENT_MONITOR_STOPPED))

    thread = threading.Thread(target=read)
    thread.start()
    socket.bind("tcp://127.0.0.1:*")
    socket.disable_monitor()
    thread.join(20)
    assert not thread.is_alive()
    assert [event["event"] for event in seen] == [zmq.Event.LISTENING, zmq.Event.MONITOR_STOPPED]


@pytest.mark.parametrize(
    ("endpoint", "events", "error"),
    [
        (1, zmq.EVENT_ALL, TypeError),
        ("inproc://a\0b", zmq.EVENT_ALL, ValueError),
        ("inproc://a", "all", TypeError),
        ("inproc://a", 1.0, TypeError),
        ("inproc://a", 2**40, OverflowError),
    ],
)
def test_bad_arguments(make_socket, endpoint, events, error):
    with pytest.raises(error):
        make_socket(zmq.PULL).monitor(endpoint, events)


def test_other_transports_are_refused(make_socket):
    with pytest.raises(zmq.ZMQError, match="tcp://127.0.0.1:5555") as caught:
        make_socket(zmq.PULL).monitor("tcp://127.0.0.1:5555")
    assert caught.value.errno == zmq.EPROTONOSUPPORT


def test_a_taken_endpoint(make_socket, sockets):
    a, b = make_socket(zmq.PULL), make_socket(zmq.PULL)
    with a.get_monitor_socket(addr="inproc://taken"):
        count = len(a.context._sockets)
        with pytest.raises(zmq.ZMQError) as caught:
            b.get_monitor_socket(addr="inproc://taken")
        assert caught.value.errno == zmq.EADDRINUSE
        assert len(a.context._sockets) == count


@pytest.mark.parametrize("name", ["get_monitor_socket", "disable_monitor", "monitor_pipes_stats"])
def test_closed_sockets(make_socket, name):
    socket = make_socket(zmq.PULL)
    socket.close()
    with pytest.raises(zmq.ZMQError) as caught:
        getattr(socket, name)()
    assert caught.value.errno == zmq.ENOTSOCK
    with pytest.raises(zmq.ZMQError) as caught:
        socket.monitor("inproc://a")
    assert caught.value.errno == zmq.ENOTSOCK


def test_sockets_made_from_an_address(make_socket):
    shadow = zmq.Socket.shadow(make_socket(zmq.PULL).underlying)
    with pytest.raises(zmq.ZMQError) as caught:
        shadow.get_monitor_socket()
    assert caught.value.errno == zmq.ENOTSUP


# --- in place of hangs: libzmq waits for ever to send an event that nobody takes


def test_a_reader_that_is_closed_first():
    check(
        """
        ctx = zmq.Context()
        for _ in range(20):
            with ctx.socket(zmq.PULL) as socket, ctx.socket(zmq.PUSH) as peer:
                peer.linger = 0
                with socket.get_monitor_socket():
                    socket.bind("tcp://127.0.0.1:*")
                peer.connect(socket.last_endpoint.decode())
                peer.send(b"there")
                assert socket.recv() == b"there"
        ctx.term()
        """
    )


def test_a_reader_that_is_collected_first():
    check(
        """
        import gc, warnings
        warnings.simplefilter("ignore")
        ctx = zmq.Context()
        socket = ctx.socket(zmq.PULL)
        reader = socket.get_monitor_socket()
        reader.__del__()
        socket.bind("tcp://127.0.0.1:*")
        socket.close()
        ctx.term()
        """
    )


def test_a_monitoring_that_never_had_a_reader():
    check(
        """
        with zmq.Context() as ctx, ctx.socket(zmq.PULL) as socket:
            socket.monitor("inproc://first")
            socket.monitor("inproc://second")
            try:
                socket.monitor("tcp://127.0.0.1:5555")
            except zmq.ZMQError as error:
                assert error.errno == zmq.EPROTONOSUPPORT
            socket.disable_monitor()
            socket.disable_monitor()
            socket.bind("tcp://127.0.0.1:*")
        """
    )


# Bind and unbind in a row: libzmq 4.1.4 writes the events of two threads into one pipe without a lock, and dies of it.
@pytest.mark.libzmq("4.1.6")
def test_more_events_than_anybody_reads():
    check(
        """
        with zmq.Context() as ctx, ctx.socket(zmq.PULL) as socket, socket.get_monitor_socket():
            for _ in range(1500):
                with socket.bind("tcp://127.0.0.1:*"):
                    pass
        """
    )


def test_a_context_that_is_destroyed():
    check(
        """
        ctx = zmq.Context()
        sockets = [ctx.socket(zmq.PULL) for _ in range(20)]
        readers = [socket.get_monitor_socket() for socket in sockets]
        for socket in sockets:
            socket.bind("tcp://127.0.0.1:*")
        ctx.destroy(linger=0)
        assert all(reader.closed for reader in readers)
        """
    )


# --- drafts


@pytest.mark.draft
def test_types_without_a_file_descriptor(monitored):
    socket, reader = monitored(zmq.CLIENT)
    socket.bind("tcp://127.0.0.1:*")
    assert recv_monitor_message(reader)["event"] is zmq.Event.LISTENING


@pytest.mark.stock
def test_the_second_version_where_there_is_none(make_socket):
    socket = make_socket(zmq.PULL)
    with pytest.raises(zmq.ZMQVersionError, match="zmq_socket_monitor_versioned.*draft"):
        socket.get_monitor_socket(zmq.EVENT_ALL_V2)
    with pytest.raises(zmq.ZMQVersionError, match="zmq_socket_monitor_pipes_stats.*draft"):
        socket.monitor_pipes_stats()
    assert len(socket.context._sockets) == 1


@pytest.mark.libzmq("4.3.2")
def test_the_second_version(monitored, make_socket):
    if not zmq.DRAFT_API:
        pytest.skip("about draft builds")
    server, events = monitored(zmq.PULL, zmq.EVENT_ALL_V2)
    server.bind("tcp://127.0.0.1:*")
    client = make_socket(zmq.PUSH)
    client.connect(server.last_endpoint.decode())
    accepted = until(events, zmq.EVENT_ACCEPTED)[-1]
    assert accepted["local_endpoint"] == server.last_endpoint == accepted["endpoint"]
    assert accepted["remote_endpoint"].startswith(b"tcp://127.0.0.1:")
    assert accepted["values"] == [accepted["value"]]
    for _ in range(3):
        client.send(b"waits")
    assert server.poll(10_000)
    server.monitor_pipes_stats()
    event = recv_monitor_message(events)
    while event["event"] != zmq.EVENT_PIPES_STATS:
        # The socket has to be used for its statistics to come.
        server.get(zmq.EVENTS)
        if events.poll(10):
            event = recv_monitor_message(events)
    assert len(event["values"]) == 2 and event["values"][0] == 0


def test_monitoring_moves_away_from_the_monitor_socket_and_ends(make_socket, endpoint):
    """The event that ends it has to find a reader where it is published now, or libzmq waits for one for ever."""
    socket = make_socket(zmq.PAIR)
    reader = socket.get_monitor_socket()
    try:
        for _ in range(3):
            socket.monitor(endpoint("inproc"))
        socket.disable_monitor()
    finally:
        reader.close(0)
