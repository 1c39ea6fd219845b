"""The end of the interpreter: with whatever is still open, it comes at once, in silence, and with the right status."""

from __future__ import annotations

import signal
import sys
import textwrap

import pytest
from children import check, run

#: What a program may leave behind.  ``context`` and the sockets live in the module, as in scripts.
LEFT = {
    "nothing but the import": "",
    "a context": "context = zmq.Context()",
    "the instance": "context = zmq.Context.instance()",
    "an open socket": "context = zmq.Context(); socket = context.socket(zmq.PULL)",
    "a bound socket": "context = zmq.Context(); socket = context.socket(zmq.PULL); socket.bind('tcp://127.0.0.1:*')",
    "a socket that is used up": """
        context = zmq.Context()
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        a.bind("inproc://there")
        b.connect("inproc://there")
        a.send(b"x")
        b.recv()
    """,
    "messages that nobody has received": """
        context = zmq.Context()
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        a.bind("tcp://127.0.0.1:*")
        b.connect(a.last_endpoint)
        for _ in range(100):
            b.send(b"x" * 1000)
    """,
    "messages for a peer that is not there": """
        context = zmq.Context()
        socket = context.socket(zmq.PUSH)
        socket.connect("tcp://127.0.0.1:9")
        socket.send(b"for nobody")  # libzmq would linger for ever
    """,
    "a socket without its context": """
        socket = zmq.Context().socket(zmq.PUSH)
        socket.connect("tcp://127.0.0.1:9")
        socket.send(b"for nobody")
    """,
    "a closed socket in an open context": "context = zmq.Context(); socket = context.socket(zmq.PULL); socket.close()",
    "a context that was ended": "context = zmq.Context(); context.term()",
    "a socket of an ended context": """
        import threading
        context = zmq.Context()
        socket = context.socket(zmq.PULL)
        thread = threading.Thread(target=context.term, daemon=True)
        thread.start()
        try:
            socket.recv()
        except zmq.ContextTerminated:
            pass
    """,
    "a cycle": """
        context = zmq.Context()
        class Holder:
            pass
        holder = Holder()
        holder.me = holder
        holder.socket = context.socket(zmq.PULL)
        holder.context = context
        del holder
    """,
    "frames and views": """
        context = zmq.Context()
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        a.bind("inproc://there")
        b.connect("inproc://there")
        a.send(b"x" * 100000)
        frame = b.recv(copy=False)
        view = frame.buffer
        made = zmq.Frame(b"x" * 100000)
        a.send(made, copy=False)
        tracker = a.send(b"x" * 100000, copy=False, track=True)
    """,
    "a poller": """
        context = zmq.Context()
        socket = context.socket(zmq.PULL)
        poller = zmq.Poller()
        poller.register(socket)
        poller.poll(0)
    """,
    "shadows": """
        context = zmq.Context()
        shadow = zmq.Context.shadow(context)
        socket = shadow.socket(zmq.PULL)
        other = zmq.Socket.shadow(socket)
    """,
    "many": """
        contexts = [zmq.Context() for _ in range(20)]
        sockets = [context.socket(zmq.PAIR) for context in contexts for _ in range(5)]
    """,
    "a daemon thread that waits": """
        import threading, time
        context = zmq.Context()
        socket = context.socket(zmq.PULL)
        threading.Thread(target=socket.recv, daemon=True).start()
        time.sleep(0.1)
    """,
    "a daemon thread that polls": """
        import threading, time
        context = zmq.Context()
        socket = context.socket(zmq.PULL)
        threading.Thread(target=socket.poll, daemon=True).start()
        time.sleep(0.1)
    """,
    "a daemon thread that works": """
        import threading, time
        context = zmq.Context()
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        a.bind("inproc://there")
        b.connect("inproc://there")
        def work():
            while True:
                a.send(b"x")
                b.recv()
        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.1)
    """,
}

ENDS = {
    "the end of the program": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "an error": ("raise LookupError('on purpose')", 1),
    "an error in atexit": ("import atexit; atexit.register(lambda: [].pop())", 0),
    "os._exit": ("import os; os._exit(4)", 4),
    "a cleared module": ("globals().clear()", 0),
}


@pytest.mark.parametrize("left", LEFT)
def test_a_program_ends(left):
    check(textwrap.dedent(LEFT[left]) + "\nfaulthandler.cancel_dump_traceback_later()\nprint('last line')")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "left", ["an open socket", "messages for a peer that is not there", "frames and views", "many"]
)
def test_ways_to_end(left, end):
    if (left, end) == ("messages for a peer that is not there", "a cleared module"):
        return  # that forgets the context while the program still runs, and then libzmq's rules hold: it lingers
    code, status = ENDS[end]
    done = run(textwrap.dedent(LEFT[left]) + "\n" + code)
    assert done.returncode == status, done.stderr
    if "atexit" in end:
        assert done.stderr.count("Traceback") == 1 and "IndexError" in done.stderr
    elif status == 1:
        assert done.stderr.count("Traceback") == 1 and done.stderr.rstrip().endswith("LookupError: on purpose")
    else:
        assert done.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    "left", ["an open socket", "messages for a peer that is not there", "a daemon thread that waits"]
)
def test_ctrl_c_outside_of_any_call(left):
    done = run(
        textwrap.dedent(LEFT[left]) + "\nimport os, signal\nos.kill(os.getpid(), signal.SIGINT)\nprint('not here')"
    )
    assert done.returncode in (1, 130, -signal.SIGINT), done.stderr
    assert "KeyboardInterrupt" in done.stderr and done.stderr.count("Traceback") == 1
    assert "not here" not in done.stdout


def test_use_in_atexit():
    """A program says good-bye in its own atexit function, whenever it registered that."""
    out = check(
        """
        import atexit

        def talk():
            with zmq.Context() as context, context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
                a.bind("inproc://late")
                b.connect("inproc://late")
                a.send(b"late")
                print(b.recv().decode())

        atexit.register(talk)
        context = zmq.Context()
        socket = context.socket(zmq.PULL)
        atexit.register(talk)
        """
    )
    assert out == "late\nlate\n"


def test_a_context_may_be_ended_in_atexit():
    check(
        """
        import atexit
        context = zmq.Context()
        socket = context.socket(zmq.PUSH)
        socket.connect("tcp://127.0.0.1:9")
        socket.send(b"for nobody")
        atexit.register(context.destroy, 0)
        """
    )


def test_messages_that_linger_are_sent_when_the_program_waits_for_them():
    """Closing and terminating, as one should, loses nothing; only what was left open is dropped at exit."""
    out = check(
        """
        import subprocess
        context = zmq.Context()
        sink = context.socket(zmq.PULL)
        sink.rcvtimeo = 30000
        sink.bind("tcp://127.0.0.1:*")
        child = subprocess.Popen(
            [sys.executable, "-c", '''if True:
                import sys, zmq_ctypes as zmq
                context = zmq.Context()
                socket = context.socket(zmq.PUSH)
                socket.connect(sys.argv[1])
                for number in range(500):
                    socket.send(b"%d" % number)
                socket.close()
                context.term()
            ''', sink.last_endpoint.decode()])
        got = [int(sink.recv()) for _ in range(500)]
        assert got == list(range(500))
        assert child.wait() == 0
        sink.close()
        context.term()
        print("all")
        """
    )
    assert out == "all\n"


def test_deleting_everything_by_hand():
    check(
        """
        import gc, warnings
        warnings.simplefilter("ignore")
        context = zmq.Context()
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        a.bind("inproc://there")
        b.connect("inproc://there")
        a.send(b"x" * 1000)
        frame = b.recv(copy=False)
        for name in [name for name in sys.modules if name.partition(".")[0] == "zmq_ctypes"]:
            del sys.modules[name]
        del zmq
        gc.collect()
        assert bytes(frame) == b"x" * 1000
        del a, b, context
        gc.collect()
        assert bytes(frame) == b"x" * 1000
        del frame
        gc.collect()
        """
    )
