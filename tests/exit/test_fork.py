"""After a fork the child has copies of everything and threads of nothing: it must leave the parent's sockets alone."""

from __future__ import annotations

import os

import children
import pytest

if not hasattr(os, "fork"):
    pytest.skip("systems with fork", allow_module_level=True)


def check(code):
    """Run a program that forks, see `children.WATCH`."""
    return children.check(code, watch=False)


#: ``child(act)`` runs `act` in a forked child and demands that it ends by itself with status 0.
FORK = """
import gc, os, signal, sys, threading, time, traceback, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks in processes with threads

def child(act, end=os._exit):
    pid = os.fork()
    if not pid:
        try:
            signal.alarm(30)
            act()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        sys.stdout.flush()
        if end is os._exit:
            os._exit(0)
        return True
    _, status = os.waitpid(pid, 0)
    if status:
        print("the child ended with status", status)
        os._exit(1)

context = zmq.Context()
a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
a.bind("tcp://127.0.0.1:*")
b.connect(a.last_endpoint)
b.send(b"before")
assert a.recv() == b"before"

def works():
    a.send(b"to b")
    b.send(b"to a")
    assert (a.recv(), b.recv()) == (b"to a", b"to b")

"""

END = """
works()
a.close()
b.close()
context.term()
print("parent ended")
"""

CHILDREN = {
    "doing nothing": "lambda: None",
    "closing": "lambda: (a.close(), b.close(), a.close(linger=0))",
    "terminating": "lambda: context.term()",
    "destroying": "lambda: context.destroy(linger=0)",
    "closing and terminating": "lambda: (a.close(), b.close(), context.term())",
    "collecting": "lambda: gc.collect()",
}


@pytest.mark.parametrize("act", CHILDREN)
def test_a_child_leaves_the_parent_alone(act):
    out = check(FORK + f"child({CHILDREN[act]})\n" + END)
    assert out == "parent ended\n"


def test_a_child_that_forgets():
    out = check(
        FORK
        + """
def forget():
    global a, b, context
    del a, b, context
    for _ in range(3):
        gc.collect()

child(forget)
"""
        + END
    )
    assert out == "parent ended\n"


def test_a_child_that_ends_like_a_program():
    """Not by ``os._exit``: its interpreter is finalized with the copies still there."""
    out = check(
        FORK
        + """
if not child(lambda: None, end=None):
"""
        + "\n".join("    " + line for line in END.splitlines())
    )
    assert out == "parent ended\n"


@pytest.mark.parametrize("way", ["zmq.Context()", "zmq.Context.instance()"])
def test_a_child_makes_its_own(way):
    out = check(
        FORK
        + f"""
first = zmq.Context.instance()

def talk():
    own = {way}
    assert own is not first and own is not context
    assert not own.closed
    with own.socket(zmq.PAIR) as c, own.socket(zmq.PAIR) as d:
        c.bind("tcp://127.0.0.1:*")
        d.connect(c.last_endpoint)
        d.send(b"in the child")
        assert c.recv() == b"in the child"
    own.term()

child(talk)
assert zmq.Context.instance() is first and not first.closed
first.term()
"""
        + END
    )
    assert out == "parent ended\n"


def test_a_child_talks_to_its_parent():
    out = check(
        FORK
        + """
sink = context.socket(zmq.PULL)
sink.bind("tcp://127.0.0.1:*")
address = sink.last_endpoint
pid = os.fork()
if not pid:
    signal.alarm(30)
    with zmq.Context() as own, own.socket(zmq.PUSH) as socket:
        socket.connect(address)
        for number in range(100):
            socket.send(b"%d" % number)
    os._exit(0)
assert [int(sink.recv()) for _ in range(100)] == list(range(100))
assert os.waitpid(pid, 0)[1] == 0
sink.close()
"""
        + END
    )
    assert out == "parent ended\n"


def test_a_closed_state_in_the_child():
    """What the child may ask: a socket that it cannot close stays as it is, a context that it ended is closed."""
    out = check(
        FORK
        + """
def ask():
    a.close()
    context.term()
    assert context.closed and not context.underlying
    repr(a), repr(context), a.type

child(ask)
"""
        + END
    )
    assert out == "parent ended\n"


def test_multiprocessing_by_fork():
    out = check(
        FORK
        + """
import multiprocessing

def work(address, number):
    with zmq.Context() as own, own.socket(zmq.PUSH) as socket:
        socket.connect(address)
        socket.send_json({"number": number})

sink = context.socket(zmq.PULL)
sink.bind("tcp://127.0.0.1:*")
fork = multiprocessing.get_context("fork")
workers = [fork.Process(target=work, args=(sink.last_endpoint.decode(), number)) for number in range(3)]
for worker in workers:
    worker.start()
assert sorted(sink.recv_json()["number"] for _ in workers) == [0, 1, 2]
for worker in workers:
    worker.join()
    assert worker.exitcode == 0
sink.close()
"""
        + END
    )
    assert out == "parent ended\n"


def test_a_fork_while_threads_wait():
    out = check(
        FORK
        + """
waiting = context.socket(zmq.PULL)
waiting.bind("inproc://waiting")
thread = threading.Thread(target=waiting.recv, daemon=True)
thread.start()
time.sleep(0.1)
child(lambda: (a.close(), context.destroy(0)))
with context.socket(zmq.PUSH) as push:
    push.connect("inproc://waiting")
    push.send(b"x")
    thread.join(30)
assert not thread.is_alive()
waiting.close()
"""
        + END
    )
    assert out == "parent ended\n"


def test_a_fork_before_the_first_use():
    """The library is loaded by both on their own."""
    out = check(
        """
        import os
        pid = os.fork()
        with zmq.Context() as context, context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
            a.bind("inproc://there")
            b.connect("inproc://there")
            a.send(b"x")
            assert b.recv() == b"x"
        if not pid:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        print("parent ended")
        """
    )
    assert out == "parent ended\n"
