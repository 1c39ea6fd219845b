"""Ctrl-C gets out of whatever waits, and what it leaves is as good as before."""

from __future__ import annotations

import signal
import sys
import time

import pytest
from children import check, finish, start

if sys.platform == "win32":
    pytest.skip("signals of POSIX", allow_module_level=True)


WAITS = {
    "recv": "a.recv()",
    "frame": "a.recv(copy=False)",
    "multipart": "a.recv_multipart()",
    "into": "a.recv_into(bytearray(9))",
    "send": "b.send(b'x')",
    "large": "b.send(b'x' * 100000)",
    "poll": "a.poll()",
    "poller": "poller.poll()",
    "poller with a limit": "poller.poll(1000000)",
    "zmq_poll": "zmq.zmq_poll([(a, zmq.POLLIN)])",
    "select": "zmq.select([a], [], [])",
}


@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_gets_out(wait):
    child = start(
        """
        import threading
        context = zmq.Context()
        a, b = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        a.linger = b.linger = 0
        poller = zmq.Poller()
        poller.register(a, zmq.POLLIN)
        print("waiting", flush=True)
        try:
            WAIT
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        # Everything is as good as before.
        a.bind("inproc://there")
        b.connect("inproc://there")
        b.send(b"x")
        assert a.recv() == b"x"
        a.close()
        b.close()
        context.term()
        print("ended", flush=True)
        """.replace("WAIT", WAITS[wait])
    )
    assert child.stdout.readline() == "waiting\n"
    time.sleep(0.2)  # let it get into its wait; if it has not, Ctrl-C comes early, which must work too
    child.send_signal(signal.SIGINT)
    assert finish(child) == "interrupted\nended\n"


def test_ctrl_c_ends_a_program_that_does_not_expect_it():
    child = start(
        """
        context = zmq.Context()
        a = context.socket(zmq.PULL)
        print("waiting", flush=True)
        a.recv()
        """
    )
    assert child.stdout.readline() == "waiting\n"
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode in (1, 130, -signal.SIGINT), (child.returncode, err)
    assert out == ""
    assert "KeyboardInterrupt" in err


def test_a_timer_signal_is_like_any_other():
    check(
        """
        import signal
        ticks = []

        def tick(number, frame):
            ticks.append(number)
            if len(ticks) == 3:
                b.send(b"x")
                signal.setitimer(signal.ITIMER_REAL, 0)

        signal.signal(signal.SIGALRM, tick)
        context = zmq.Context()
        a, b = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        a.bind("inproc://there")
        b.connect("inproc://there")
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        assert a.recv() == b"x"
        assert len(ticks) >= 3
        a.close()
        b.close()
        context.term()
        """
    )
