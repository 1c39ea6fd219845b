"""What is forgotten instead of closed: it is closed all the same, and a ResourceWarning says where that happened."""

from __future__ import annotations

import pytest
from children import check, run

FORGOTTEN = {
    "a socket": (
        "context = zmq.Context()\nsocket = context.socket(zmq.PULL)\ndel socket\ncollect()\ncontext.term()",
        "Unclosed socket",
    ),
    "a context": ("context = zmq.Context()\ndel context\ncollect()", "Unclosed context"),
    "both": (
        "context = zmq.Context()\nsocket = context.socket(zmq.PULL)\ndel socket, context\ncollect()",
        "Unclosed socket",
    ),
    "a context that was left by with": (
        "with zmq.Context() as context:\n    socket = context.socket(zmq.PULL)\nassert socket.closed",
        "unclosed socket",
    ),
}

COLLECT = """
import gc

def collect():
    for _ in range(3):
        gc.collect()

"""


@pytest.mark.parametrize("what", FORGOTTEN)
def test_it_warns(what):
    code, text = FORGOTTEN[what]
    done = run(COLLECT + code, flags=("-W", "always"))
    assert done.returncode == 0, done.stderr
    assert "ResourceWarning" in done.stderr and text.lower() in done.stderr.lower()


@pytest.mark.parametrize("what", FORGOTTEN)
def test_it_is_silent_by_default(what):
    check(COLLECT + FORGOTTEN[what][0])


@pytest.mark.parametrize("what", [what for what in FORGOTTEN if "with" not in what])
def test_warnings_as_errors_do_not_stop_it(what):
    """An error cannot get out of a finalizer: Python reports it, and the socket must be closed all the same.

    pyzmq 27.3 leaves it open, and ``term`` waits for ever.
    """
    done = run(COLLECT + FORGOTTEN[what][0] + "\nprint('ended')", flags=("-W", "error"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ended\n"


def test_the_warning_names_the_socket():
    done = run(COLLECT + FORGOTTEN["a socket"][0], flags=("-W", "always"))
    assert "zmq.PULL" in done.stderr


def test_closed_ones_do_not_warn():
    check(
        COLLECT
        + """
with zmq.Context() as context:
    with context.socket(zmq.PULL) as socket:
        pass
    socket = context.socket(zmq.PULL)
    socket.close()
    del socket
    collect()
context = zmq.Context()
context.term()
del context
collect()
""",
        flags=("-W", "error"),
    )


def test_shadows_do_not_warn():
    check(
        COLLECT
        + """
context = zmq.Context()
socket = context.socket(zmq.PULL)
shadow, other = zmq.Context.shadow(context), zmq.Socket.shadow(socket)
del shadow, other
collect()
assert not socket.closed and not context.closed
socket.close()
context.term()
""",
        flags=("-W", "error"),
    )


def test_failed_constructors_do_not_warn():
    check(
        COLLECT
        + """
context = zmq.Context()
for wrong in (99, "x", None):
    try:
        context.socket(wrong)
    except (zmq.ZMQError, TypeError):
        pass
    try:
        zmq.Context("x")
    except TypeError:
        pass
collect()
context.term()
""",
        flags=("-W", "error"),
    )


def test_a_forgotten_socket_does_not_wait_for_its_messages():
    """The finalizer closes and does not wait; the messages linger in the context, which is then ended without them."""
    check(
        COLLECT
        + """
import warnings
warnings.simplefilter("ignore")
context = zmq.Context()
context.linger = 0
for _ in range(5):
    socket = context.socket(zmq.PUSH)
    socket.connect("tcp://127.0.0.1:9")
    socket.send(b"for nobody")
    del socket
    collect()
context.term()
"""
    )
