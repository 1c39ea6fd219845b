"""Waiting for sockets and signals at once."""

from __future__ import annotations

import sys

import children
import pytest

import zmq_ctypes as zmq
from zmq_ctypes import loader

has_ppoll = loader.load().functions.has("zmq_ppoll")
with_ppoll = pytest.mark.skipif(not has_ppoll, reason="about draft builds of libzmq 4.3.5 and later")


@pytest.mark.skipif(has_ppoll, reason="about libraries without it")
def test_a_library_without_it_says_what_it_would_need(make_socket):
    with pytest.raises(zmq.ZMQVersionError, match=r"zmq_ppoll requires libzmq >= 4\.3\.5 and a draft build, have "):
        zmq.zmq_ppoll([(make_socket(zmq.PAIR), zmq.POLLIN)], 0)


@pytest.mark.parametrize("sigmask", [None, (), [2], {2, 15}], ids=repr)
@with_ppoll
def test_without_a_signal_it_is_zmq_poll(bound_pair, sigmask):
    pull, push = bound_pair(zmq.PULL, zmq.PUSH)
    assert zmq.zmq_ppoll([(pull, zmq.POLLIN)], 0, sigmask) == []
    assert zmq.zmq_ppoll([(pull, zmq.POLLIN)], 5, sigmask) == []
    push.send(b"x")
    assert zmq.zmq_ppoll([(pull, zmq.POLLIN), (push, zmq.POLLOUT)], -1, sigmask) == [(pull, 1), (push, 2)]
    assert zmq.zmq_ppoll([(0, 0), (pull, zmq.POLLIN)], 10_000, sigmask) == [(pull, 1)]
    assert zmq.zmq_ppoll([], -1, sigmask) == []


@with_ppoll
def test_a_signal_ends_the_wait():
    """It is blocked everywhere else, so it cannot come too early."""
    answer = children.check(
        """
        import os, signal
        signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
        old = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        context = zmq.Context()
        socket = context.socket(zmq.PAIR)
        os.kill(os.getpid(), signal.SIGUSR1)
        print(zmq.zmq_ppoll([(socket, zmq.POLLIN)], 10))
        try:
            zmq.zmq_ppoll([(socket, zmq.POLLIN)], 20_000, old)
        except zmq.InterruptedSystemCall:
            print("interrupted")

        def stop(*_):
            raise LookupError("mine")
        signal.signal(signal.SIGUSR1, stop)
        os.kill(os.getpid(), signal.SIGUSR1)
        try:
            zmq.zmq_ppoll([(socket, zmq.POLLIN)], 20_000, old)
        except LookupError as error:
            print(error)
        context.destroy(0)
        """,
        # The thread that watches would be one more that the signal can go to, before it has blocked it.
        watch=False,
    )
    assert answer.split() == ["[]", "handled", "interrupted", "mine"]


@with_ppoll
def test_what_it_cannot_wait_for(make_socket):
    server, closed = make_socket(zmq.SERVER), make_socket(zmq.PAIR)
    closed.close()
    for socket, errno in ((server, zmq.ENOTSUP), (closed, zmq.ENOTSOCK)):
        with pytest.raises(zmq.ZMQError) as caught:
            zmq.zmq_ppoll([(socket, zmq.POLLIN)], 0)
        assert caught.value.errno == errno


@pytest.mark.skipif(sys.platform == "win32", reason="about systems with signal masks")
@pytest.mark.parametrize("sigmask", [[0], [-1], [5000], ["x"], [1.5], 5, [2**40]], ids=repr)
def test_what_is_no_signal(make_socket, sigmask):
    with pytest.raises((TypeError, ValueError, OverflowError)):
        zmq.zmq_ppoll([(make_socket(zmq.PAIR), zmq.POLLIN)], 0, sigmask)
