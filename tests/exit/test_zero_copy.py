"""Memory that libzmq still has when the interpreter ends, when the process forks, and in the threads of others."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import children
import pytest

import zmq_ctypes as zmq
from zmq_ctypes.lending import CAN_LEND

WAYS = ["native", "callback"] if CAN_LEND else ["copy"]

#: The ledger of a fresh process, made to use one of the two functions.
WAY = """
from zmq_ctypes.lending import ledger
ledger.__init__(native={native})
"""


def program(way, code):
    return WAY.format(native=way == "native") + textwrap.dedent(code)


@pytest.fixture(params=WAYS)
def check(request):
    return lambda code, *arguments, **options: children.check(program(request.param, code), *arguments, **options)


QUEUED = """
import atexit, gc, sys, threading, time
context = zmq.Context()
push = context.socket(zmq.PUSH)
push.connect("tcp://127.0.0.1:9")
# Each size goes its own way; a few of a million bytes wait as long as many do, which take PyPy a second to make.
for size, count in ((32, 20), (100, 20), (70_000, 20), (1_000_000, 2)):
    for _ in range(count):
        push.send(bytearray(size), copy=False)
        push.send(zmq.Frame(b"x" * size, copy=False, track=True))
"""


@pytest.mark.parametrize(
    "end",
    [
        "",
        "sys.exit(0)",
        "push.close(0)",
        "push.close(0); context.term()",
        "context.destroy(0)",
        "atexit.register(context.destroy, 0)",
        "sys.keep = push, context; del push, context; gc.collect()",
        "threading.Thread(target=time.sleep, args=(0.1,)).start()",
        "threading.Thread(target=time.sleep, args=(100,), daemon=True).start()",
        "atexit.register(push.send, bytearray(100_000), copy=False)",
        "sys.exitfunc = type('Last', (), {'__del__': lambda self, send=push.send: send(bytearray(100_000), copy=False)})()",
    ],
)
def test_a_program_ends_with_messages_queued(check, end):
    check(QUEUED + end)


LATE = """
from zmq_ctypes import lending
lending._CALLS_TOO_LATE = True
ledger.keep()
push.close(0)
while not ledger._calls:
    time.sleep(0.001)
time.sleep(0.1)
print(ledger._calls)
"""


@pytest.mark.skipif(not CAN_LEND, reason="about interpreters that do not move objects")
def test_a_thread_that_calls_back_too_late_is_kept_back():
    """What CPython 3.14 needs, and the others can do as well: of 124 calls each of libzmq's threads has made one."""
    assert int(children.check(program("callback", QUEUED) + LATE)) in (1, 2, 3)



def test_a_program_ends_while_threads_send(check):
    """Daemon threads that lend until the last moment, with an I/O thread that gives back all the time."""
    check(
        """
        import threading, time
        context = zmq.Context()
        def work(number):
            a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
            a.bind("tcp://127.0.0.1:*")
            b.connect(a.last_endpoint)
            while True:
                b.send(bytearray(100_000), copy=False)
                a.recv(copy=False)
                started.release()
        started = threading.Semaphore(0)
        for number in range(3):
            threading.Thread(target=work, args=(number,), daemon=True).start()
        for _ in range(30):
            started.acquire()
        """
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_program_ends_while_its_messages_are_taken(way, make_socket):
    """The I/O thread lets go of memory while the interpreter takes itself apart."""
    pull = make_socket(zmq.PULL)
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    code = program(
        way,
        """
        import sys, time
        context = zmq.Context()
        push = context.socket(zmq.PUSH)
        push.sndhwm, push.copy_threshold = 0, 0
        push.connect("tcp://127.0.0.1:" + sys.argv[1])
        class Slow:
            def __del__(self, sleep=time.sleep):
                sleep(0.05)  # lets other threads have the interpreter in its last moments
        sys.slow = Slow()
        for number in range(1000):
            push.send(b"%d" % number * 4000, copy=False)
        """,
    )
    for _ in range(3):
        child = subprocess.Popen(
            children.command(code, str(port)),
            env=children.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while child.poll() is None:
            if pull.poll(5):
                message = pull.recv()
                assert len(message) % 4000 == 0
        children.finish(child)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="about systems that fork")
def test_a_child_leaves_the_loans_of_its_parent_alone(check):
    check(
        """
        import gc, os, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        lends = sys.implementation.name == "cpython"
        context = zmq.Context()
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        a.bind("tcp://127.0.0.1:*")
        b.connect(a.last_endpoint)
        data = bytearray(b"x" * 100_000)
        frame = zmq.Frame(data, copy=False, track=True)
        b.send(frame)

        def locked(data):
            try:
                data.append(0)
            except BufferError:
                return True
            return False

        for end in (os._exit, sys.exit):
            child = os.fork()
            if not child:
                assert locked(data) == lends
                mine = bytearray(100_000)
                own = zmq.Frame(mine, copy=False, track=True)
                assert locked(mine) == lends and own.tracker.done != lends
                tracker = own.tracker
                del own
                gc.collect()
                tracker.wait(10)
                with zmq.Context() as other, other.socket(zmq.PAIR) as c, other.socket(zmq.PAIR) as d:
                    c.bind("tcp://127.0.0.1:*")
                    d.connect(c.last_endpoint)
                    tracker = d.send(bytes(100_000), copy=False, track=True)
                    assert len(c.recv()) == 100_000
                    tracker.wait(10)
                if lends:
                    assert not frame.tracker.done
                del frame
                gc.collect()
                end(0)
            status = os.waitpid(child, 0)[1]
            assert status == 0, status
        assert locked(data) == lends
        assert frame.tracker.done != lends
        assert a.recv() == data[:100_000]
        tracker = frame.tracker
        del frame
        gc.collect()
        tracker.wait(10)
        assert not locked(data)
        context.destroy(0)
        """,
        watch=False,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="about systems that fork")
def test_forks_while_threads_lend(check):
    """The child may not wait for a lock that a thread of its parent had."""
    check(
        """
        import os, sys, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        stop = threading.Event()
        def work():
            while not stop.is_set():
                frames = [zmq.Frame(bytearray(64), copy=False) for _ in range(20)]
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                child = os.fork()
                if not child:
                    for _ in range(50):
                        zmq.Frame(bytearray(64), copy=False)
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
        finally:
            stop.set()
        for thread in threads:
            thread.join()
        """,
        watch=False,
    )


@pytest.mark.skipif(
    sys.implementation.name != "cpython" or sys.version_info < (3, 13),
    reason="ctypes in subinterpreters came with Python 3.13",
)
@pytest.mark.parametrize("config", ["legacy", "isolated"])
def test_in_a_subinterpreter(config):
    """What it lent is safe after its end; only the native function serves there."""
    out = children.check(
        """
import sys
import _interpreters as interpreters
code = '''
import sys
sys.path[:0] = {path!r}
import zmq_ctypes as zmq
from zmq_ctypes.lending import ledger
context = zmq.Context()
a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
a.bind("tcp://127.0.0.1:*")
b.connect(a.last_endpoint)
tracker = b.send(bytearray(100_000), copy=False, track=True)
assert len(a.recv()) == 100_000
tracker.wait(10)
b.close(0)
a.close(0)
context.term()
print("talked", flush=True)
'''.format(path=sys.path)
for _ in range(2):
    interpreter = interpreters.create("{config}")
    failed = interpreters.exec(interpreter, code)
    assert not failed, failed
    interpreters.destroy(interpreter)
""".replace("{config}", config)
    )
    assert out == "talked\n" * 2
