"""Whole programs in processes of their own: monkey-patched at various moments, and without gevent."""

from __future__ import annotations

import pytest
from children import check

CHAT = """
import threading
from zmq_ctypes import green
if not {green}:
    green = zmq
ticks = []

def tick():
    while not done:
        ticks.append(1)
        gevent.sleep(0.001)

done = []
ticking = gevent.spawn(tick)
context = green.Context()
server, client = context.socket(zmq.REP), context.socket(zmq.REQ)
server.bind("tcp://127.0.0.1:*")
client.connect(server.last_endpoint.rstrip(b"\\0"))

def serve():
    for _ in range(20):
        message = server.recv()
        gevent.sleep(0.002)
        # Lent to libzmq, and given back while greenlets run.
        server.send(message * 20000, copy=False)

thread = threading.Thread(target=serve)
thread.start()
for i in range(20):
    client.send(b"%04d" % i)
    assert client.recv() == b"%04d" % i * 20000
thread.join()
done.append(1)
ticking.join()
assert len(ticks) >= 15, len(ticks)
server.close()
client.close()
context.term()
print("ended")
"""

FIRST = "from gevent import monkey; monkey.patch_all()\nimport gevent, zmq_ctypes as zmq\n"


@pytest.mark.parametrize(
    "beginning",
    (
        FIRST,
        # The package was imported, and even used, before.
        "import gevent\nwith zmq.Context() as context, context.socket(zmq.PUSH) as push: pass\n"
        "from gevent import monkey; monkey.patch_all()\n",
    ),
    ids=("first", "afterwards"),
)
def test_monkey_patched(beginning):
    assert check(beginning + CHAT.format(green=True)) == "ended\n"


def test_not_monkey_patched():
    # Real threads: the server is another hub's.
    assert check("import gevent\n" + CHAT.format(green=True)) == "ended\n"


def test_the_garbage_collectors_of_the_package():
    # What is sent without copying comes back while only greenlets run.
    code = """
        from gevent import monkey; monkey.patch_all()
        import gevent
        from zmq_ctypes import green as zmq
        with zmq.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
            push.bind("inproc://lent")
            pull.connect("inproc://lent")
            waiting = gevent.spawn(pull.recv)
            tracker = push.send(bytearray(100_000), copy=False, track=True)
            assert len(waiting.get()) == 100_000
            tracker.wait(10)
            assert tracker.done
        """
    check(code)


def test_the_garbage_collector_of_c_extensions():
    code = """
        from gevent import monkey; monkey.patch_all()
        import struct, threading
        from zmq_ctypes import green
        from zmq_ctypes.utils.garbage import gc
        event = threading.Event()
        number = gc.store(object(), event)
        assert isinstance(gc.context, green.Context)
        with gc.context.socket(zmq.PUSH) as push:
            push.connect(gc.url)
            push.send(struct.pack("@N", number))
            assert event.wait(10)
        gc.stop()
        """
    check(code)


def test_a_fork():
    code = """
        import os
        import gevent
        from zmq_ctypes import green as zmq
        context = zmq.Context()
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        push.bind("inproc://parent")
        pull.connect("inproc://parent")
        waiting = gevent.spawn(pull.recv)
        gevent.sleep(0)
        pid = gevent.os.fork()
        if not pid:
            pull.close()
            context.term()
            with zmq.Context() as own, own.socket(zmq.PAIR) as one, own.socket(zmq.PAIR) as other:
                one.bind("inproc://child")
                other.connect("inproc://child")
                receiving = gevent.spawn(other.recv)
                gevent.sleep(0)
                one.send(b"in the child")
                assert receiving.get(timeout=10) == b"in the child"
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7 if hasattr(os, "waitstatus_to_exitcode") else True
        push.send(b"in the parent")
        assert waiting.get(timeout=10) == b"in the parent"
        pull.close()
        push.close()
        context.term()
        """
    import os

    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    check("import gevent.os\n" + __import__("textwrap").dedent(code), watch=False)


def test_leaving_everything_open():
    code = """
        import gevent
        from zmq_ctypes import green as zmq
        context = zmq.Context()
        pull = context.socket(zmq.PULL)
        gevent.spawn(pull.recv)
        gevent.sleep(0.01)
        print("ended")
        """
    assert check(code) == "ended\n"


def test_tornado_among_greenlets():
    code = """
        import warnings
        from gevent import monkey; monkey.patch_all()
        import asyncio
        import gevent
        from tornado.ioloop import IOLoop
        from zmq_ctypes import green as zmq
        from zmq_ctypes.green.eventloop.zmqstream import ZMQStream
        ticks, got = [], []

        def tick():
            while len(got) < 10:
                ticks.append(1)
                gevent.sleep(0.001)

        ticking = gevent.spawn(tick)
        asyncio.set_event_loop(asyncio.new_event_loop())
        loop = IOLoop.current()
        context = zmq.Context()
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        push.bind("tcp://127.0.0.1:*")
        pull.connect(push.last_endpoint.rstrip(b"\\0"))
        stream = ZMQStream(pull)

        def send():
            for i in range(10):
                push.send(b"%d" % i)
                gevent.sleep(0.003)

        def receive(message):
            got.append(message)
            if len(got) == 10:
                loop.stop()

        gevent.spawn(send)
        stream.on_recv(receive)
        loop.start()
        ticking.join()
        assert got == [[b"%d" % i] for i in range(10)]
        assert len(ticks) > 5
        stream.close()
        push.close()
        context.term()
        loop.close()
        """
    check(code)


def test_without_gevent():
    code = """
        sys.modules["gevent"] = None
        try:
            import zmq_ctypes.green
        except ImportError as error:
            print(error.name, "-", error)
        """
    assert check(code) == "gevent - zmq_ctypes.green needs gevent: pip install gevent\n"
