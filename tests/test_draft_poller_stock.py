"""What a libzmq without drafts says of polling thread-safe sockets: what it would need, and never a crash."""

from __future__ import annotations

import pytest

import zmq_ctypes as zmq
from zmq_ctypes import loader

pytestmark = [pytest.mark.stock, pytest.mark.libzmq("4.2.0")]

NEEDED = r"requires libzmq >= 4\.\d\.\d and a draft build, have \d"


@pytest.fixture
def server(make_socket):
    return make_socket(zmq.SERVER)


@pytest.fixture
def poller(server):
    made = zmq.Poller()
    made.register(server, zmq.POLLIN)
    return made


def test_the_object():
    with pytest.raises(zmq.ZMQVersionError, match=f"zmq_poller_new {NEEDED}"):
        zmq.NativePoller()


@pytest.mark.parametrize("timeout", [0, 1, None])
def test_pollers(server, poller, timeout):
    for poll in (lambda: poller.poll(timeout), lambda: zmq.zmq_poll([(server, zmq.POLLIN)], -1 if timeout is None else timeout)):
        with pytest.raises(zmq.ZMQVersionError, match=f"polling a thread-safe socket {NEEDED}"):
            poll()
    with pytest.raises(zmq.ZMQVersionError, match=NEEDED):
        zmq.select([server], [], [], timeout)


def test_a_socket_tells_what_is_there_but_cannot_wait(bound_pair):
    server, client = bound_pair(zmq.SERVER, zmq.CLIENT)
    assert server.poll(0) == 0
    with pytest.raises(zmq.ZMQVersionError, match=f"waiting for events of a SERVER socket {NEEDED}"):
        server.poll(1)
    client.send(b"x")
    assert server.poll(0) == server.poll(1000) == server.poll() == zmq.POLLIN


@pytest.mark.parametrize("asking", [lambda s: s.FD, lambda s: s.fileno(), lambda s: s.get(zmq.FD)])
def test_its_file_descriptor(server, asking):
    with pytest.raises(zmq.ZMQVersionError, match=f"the file descriptor of a SERVER socket {NEEDED}"):
        asking(server)


def test_ordinary_sockets_do_not_care(make_socket, server):
    assert make_socket(zmq.PAIR).poll(0) == 0
    assert not loader.load().draft
