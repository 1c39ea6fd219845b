"""The main job: separate processes exchanging messages over TCP and IPC."""

from __future__ import annotations

import hashlib
import signal
import sys
import time

import pytest
from children import finish, start

import zmq_ctypes as zmq

TRANSPORTS = ["tcp", "ipc"] if sys.platform != "win32" else ["tcp"]

SERVER = """
    import hashlib
    context = zmq.Context()
    socket = context.socket(zmq.REP)
    socket.bind(sys.argv[1])
    print(socket.last_endpoint.decode(), flush=True)
    while True:
        parts = socket.recv_multipart()
        if parts == [b"end"]:
            break
        socket.send_multipart([hashlib.md5(part).digest() for part in parts] + parts)
    socket.send(b"ended")
    socket.close()
    context.term()
    print("ended", flush=True)
"""


@pytest.fixture
def children():
    """Start children that are killed at the end if they still run."""
    started = []

    def make(*arguments, **options):
        child = start(*arguments, **options)
        started.append(child)
        return child

    yield make
    for child in started:
        if child.poll() is None:
            child.kill()
        child.communicate()


def address_of(child):
    """Return the address that a child tells in its first line."""
    line = child.stdout.readline()
    if not line:
        raise AssertionError("the child ended early:\n" + child.communicate()[1])
    return line.strip()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("copy", [True, False], ids=["copy", "frames"])
def test_questions_and_answers(children, make_socket, endpoint, transport, copy):
    server = children(SERVER, endpoint(transport))
    client = make_socket(zmq.REQ, timeout=30_000)
    client.connect(address_of(server))
    for size in (0, 1, 33, 34, 255, 256, 65536, 1000000):
        parts = [b"%d" % size, b"x" * size, b""]
        client.send_multipart(parts, copy=copy)
        answer = [bytes(part) for part in client.recv_multipart(copy=copy)]
        assert answer == [hashlib.md5(part).digest() for part in parts] + parts
    client.send(b"end")
    assert client.recv() == b"ended"
    assert finish(server) == "ended\n"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_stream_of_messages(children, make_socket, endpoint, transport):
    # libzmq itself drops what has come in but found the receiver's queue full, if the sender disconnects at that moment:
    # so the sender stays until everything has been taken.
    sink = make_socket(zmq.PAIR, timeout=30_000)
    sink.bind(endpoint(transport))
    source = children(
        """
        context = zmq.Context()
        socket = context.socket(zmq.PAIR)
        socket.connect(sys.argv[1])
        for number in range(20000):
            socket.send(b"%d" % number * (number % 30 + 1))
        assert socket.recv() == b"enough"
        socket.close()
        context.term()
        """,
        sink.last_endpoint.decode(),
    )
    for number in range(20000):
        assert sink.recv() == b"%d" % number * (number % 30 + 1)
    sink.send(b"enough")
    assert finish(source) == ""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_many_clients(children, make_socket, endpoint, transport):
    router = make_socket(zmq.ROUTER, timeout=30_000)
    router.bind(endpoint(transport))
    clients = [
        children(
            """
            context = zmq.Context()
            socket = context.socket(zmq.DEALER)
            socket.routing_id = sys.argv[2].encode()
            socket.connect(sys.argv[1])
            for number in range(100):
                socket.send_multipart([b"question", b"%d" % number])
                assert socket.recv_multipart() == [b"answer", b"%d" % number]
            socket.send(b"done")
            socket.close()
            context.term()
            """,
            router.last_endpoint.decode(),
            f"client {index}",
        )
        for index in range(4)
    ]
    done = set()
    questions = 0
    while len(done) < len(clients):
        name, *parts = router.recv_multipart()
        if parts == [b"done"]:
            done.add(name)
        else:
            assert parts[0] == b"question"
            questions += 1
            router.send_multipart([name, b"answer", parts[1]])
    assert questions == 400
    assert done == {b"client %d" % index for index in range(4)}
    for client in clients:
        assert finish(client) == ""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_publishing(children, make_socket, endpoint, transport):
    publisher = make_socket(zmq.XPUB, timeout=30_000)
    publisher.bind(endpoint(transport))
    subscribers = [
        children(
            """
            context = zmq.Context()
            socket = context.socket(zmq.SUB)
            socket.connect(sys.argv[1])
            socket.subscribe(sys.argv[2])
            got = []
            while not got or got[-1] != sys.argv[2] + " end":
                got.append(socket.recv_string())
            print(len(got), flush=True)
            socket.close()
            context.term()
            """,
            publisher.last_endpoint.decode(),
            topic,
        )
        for topic in ("red", "green")
    ]
    assert {publisher.recv(), publisher.recv()} == {b"\x01red", b"\x01green"}
    for number in range(100):
        for topic in ("red", "green", "blue"):
            publisher.send_string(f"{topic} {number}")
    for topic in ("red", "green"):
        publisher.send_string(f"{topic} end")
    for subscriber in subscribers:
        assert finish(subscriber) == "101\n"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_comes_back(children, make_socket, endpoint, transport):
    """The client connects before there is anybody, and again after the server was killed."""
    first = children(SERVER, endpoint(transport))
    address = address_of(first)
    client = make_socket(zmq.REQ, timeout=30_000)
    client.connect(address)
    client.send(b"one")
    assert client.recv_multipart()[-1] == b"one"
    first.kill()
    first.wait()
    second = children(SERVER, address)
    assert address_of(second) == address
    client.send(b"two")
    assert client.recv_multipart()[-1] == b"two"
    client.send(b"end")
    assert client.recv() == b"ended"
    assert finish(second) == "ended\n"


def test_a_client_that_is_there_first(children, make_socket, endpoint):
    reserve = make_socket(zmq.REP)
    reserve.bind(endpoint("tcp"))
    address = reserve.last_endpoint.decode()
    reserve.unbind(address)
    client = make_socket(zmq.REQ, timeout=30_000)
    client.connect(address)
    client.send(b"early")
    server = children(SERVER, address)
    assert address_of(server) == address
    assert client.recv_multipart()[-1] == b"early"
    client.send(b"end")
    assert client.recv() == b"ended"
    finish(server)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_server_ends_by_a_signal_while_it_waits(children, make_socket, endpoint):
    server = children(
        """
        import signal

        def leave(number, frame):
            raise SystemExit(7)

        signal.signal(signal.SIGTERM, leave)
        with zmq.Context() as context, context.socket(zmq.REP) as socket:
            socket.bind(sys.argv[1])
            print(socket.last_endpoint.decode(), flush=True)
            while True:
                socket.send(socket.recv())
        """,
        endpoint("tcp"),
    )
    client = make_socket(zmq.REQ, timeout=30_000)
    client.connect(address_of(server))
    client.send(b"x")
    assert client.recv() == b"x"
    # A signal that comes while libzmq is on its way into its wait is seen when the wait is over, so one may not be enough.
    while server.poll() is None:
        server.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    finish(server, status=7)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_json_and_objects_between_processes(children, make_socket, endpoint, transport):
    server = children(
        """
        context = zmq.Context()
        socket = context.socket(zmq.REP)
        socket.bind(sys.argv[1])
        print(socket.last_endpoint.decode(), flush=True)
        question = socket.recv_json()
        socket.send_pyobj({"you said": question, "set": {1, 2}})
        socket.send_string(socket.recv_string(encoding="utf-16"), encoding="latin-1")
        socket.close()
        context.term()
        """,
        endpoint(transport),
    )
    client = make_socket(zmq.REQ, timeout=30_000)
    client.connect(address_of(server))
    client.send_json({"a": ["☃", 1.5, None]})
    assert client.recv_pyobj() == {"you said": {"a": ["☃", 1.5, None]}, "set": {1, 2}}
    client.send_string("Grüße", encoding="utf-16")
    assert client.recv_string(encoding="latin-1") == "Grüße"
    finish(server)
