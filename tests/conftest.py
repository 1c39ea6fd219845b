"""Fixtures that cannot hang: every socket is closed, every context terminated within a limit, whatever a test did.

``ZMQ_CTYPES_TEST_PACKAGE_PATH`` names a folder (or zip file) that has the package in it: the suite then runs against
that copy.  Without it the checkout is what is tested.

``ZMQ_CTYPES_TEST_MESSAGES`` is the number of messages that each stress test of the event loops (asyncio, uvloop, tornado,
gevent) passes on: ``ZMQ_CTYPES_TEST_MESSAGES=1000000 python3 tools/test -k stress``.  By default it is as many as a suite has time for.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import shutil
import signal
import sys
import tempfile
import time
import uuid

import pytest
import wheels
from support import PATIENCE, need, terminate

__all__ = ["need"]

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE_PATH = os.path.abspath(os.environ.get("ZMQ_CTYPES_TEST_PACKAGE_PATH") or ROOT)
#: The files whose tests collect the garbage most often.
COLLECTING = ("test_leaks.py", "test_lending.py", "test_frame.py")
#: Beyond the limit of a test, when even the signal that should end it is not served: the process itself is ended then.
GRACE = 60

sys.path.insert(0, PACKAGE_PATH)

# What a shell runs in the background ignores Ctrl-C, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    # Output is captured from the collection on; what is said about a process that hangs has to be seen.
    config.uncaptured_stderr = os.dup(2)
    config.empty_folder = None


def pytest_unconfigure(config):
    os.close(config.uncaptured_stderr)
    if config.empty_folder:
        os.chdir(config.invocation_params.dir)
        shutil.rmtree(config.empty_folder, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item, nextitem):
    limit = max(
        [float(item.config.getini("timeout") or 0), *(float(mark.args[0]) for mark in item.iter_markers("timeout"))]
    )
    watched = limit and not item.config.getoption("usepdb")
    if watched:
        faulthandler.dump_traceback_later(limit + GRACE, exit=True, file=item.config.uncaptured_stderr)
    yield
    if watched:
        faulthandler.cancel_dump_traceback_later()
    if nextitem and file_of(nextitem) != file_of(item):
        keep_what_there_is()


def file_of(item):
    return item.nodeid.partition("::")[0]


def keep_what_there_is():
    """Let no collection look through what pytest holds of thousands of tests: it stays anyway, and many tests collect."""
    if hasattr(gc, "freeze"):
        gc.collect()
        gc.freeze()


def pytest_report_header(config):
    try:
        import zmq_ctypes

        library = zmq_ctypes.loader.load()
    except ImportError as error:
        # The tests will say the same; here it is seen first.
        return f"libzmq: {error}"
    version = ".".join(map(str, library.version))
    return f"libzmq: {version}, {library.path or library.origin}; package: {os.path.dirname(zmq_ctypes.__file__)}"


def pytest_collection_finish(session):
    keep_what_there_is()
    if PACKAGE_PATH != ROOT:
        # A child that has its program from -c looks for modules in the working directory first, where the checkout may be.
        session.config.empty_folder = tempfile.mkdtemp(prefix="zmqtest")
        os.chdir(session.config.empty_folder)


def pytest_collection_modifyitems(items):
    # PyPy looks through everything all the same, and there is more of it after each test: so what collects most is first.
    items.sort(key=lambda item: os.path.basename(file_of(item)) not in COLLECTING)
    for item in items:
        mark = item.get_closest_marker("libzmq")
        if mark:
            from zmq_ctypes import loader

            least = tuple(int(number) for number in mark.args[0].split("."))
            if loader.load().version < least:
                item.add_marker(pytest.mark.skip(reason=f"about libzmq {mark.args[0]} and later"))
        for draft, reason in ((True, "about draft builds, on which test_drafts.py runs it"), (False, "about stock builds")):
            if item.get_closest_marker("draft" if draft else "stock"):
                from zmq_ctypes import loader

                if loader.load().draft != draft:
                    item.add_marker(pytest.mark.skip(reason=reason))


try:
    from hypothesis import settings
except ImportError:
    pass
else:
    # Two cores may be busy with something else: how long an example took says nothing.
    settings.register_profile("suite", deadline=None, print_blob=True)
    settings.load_profile("suite")


@pytest.fixture
def context():
    """A context, terminated at the end of the test; one that cannot be terminated fails the test."""
    import zmq_ctypes

    made = zmq_ctypes.Context()
    yield made
    terminate(made)


@pytest.fixture
def make_socket(context):
    """Make sockets that are closed at the end of the test, and that wait ten seconds at most.

    ``make_socket(kind, context=None, timeout=10_000, **options)``; `timeout` (milliseconds) None leaves libzmq's own,
    which is to wait for ever.
    """
    made = []

    def make(kind, context=context, timeout=PATIENCE, **options):
        socket = context.socket(kind)
        made.append(socket)
        socket.linger = 0
        if timeout is not None:
            socket.rcvtimeo = socket.sndtimeo = timeout
        for name, value in options.items():
            setattr(socket, name, value)
        return socket

    make.made = made
    yield make
    for socket in reversed(made):
        if not socket.closed:
            socket.close(0)


@pytest.fixture
def sockets(make_socket):
    """The sockets that the test has made so far with `make_socket`."""
    return make_socket.made


@pytest.fixture
def short_folder():
    """A folder whose path leaves room for the name of a Unix socket (about 100 bytes in all)."""
    folder = tempfile.mkdtemp(prefix="z", dir="/tmp" if os.path.isdir("/tmp") else None)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def endpoint(short_folder):
    """Endpoints to bind to: ``endpoint("tcp")``, ``"ipc"`` or ``"inproc"``, each call a fresh one."""
    templates = {"inproc": "inproc://{unique}", "tcp": "tcp://127.0.0.1:*", "ipc": "ipc://{folder}/{unique}"}

    def make(transport):
        if transport == "ipc":
            need(sys.platform != "win32", "a system with Unix sockets")
        return templates[transport].format(unique=uuid.uuid4().hex[:12], folder=short_folder)

    return make


@pytest.fixture
def bound_pair(make_socket, endpoint):
    """Make two sockets, the first bound and the second connected to it: ``bound_pair(zmq.PUSH, zmq.PULL, "tcp")``."""

    def make(bound, connected, transport="inproc", **options):
        first, second = make_socket(bound, **options), make_socket(connected, **options)
        first.bind(endpoint(transport))
        second.connect(first.last_endpoint.rstrip(b"\0").decode())
        return first, second

    return make


@pytest.fixture(scope="session")
def draft_library():
    """The file of a libzmq with the draft API, downloaded once through pip into ``build/wheels``."""
    try:
        return wheels.draft_library()
    except wheels.Unavailable as reason:
        need(False, f"a draft build of libzmq out of a wheel: {reason}")


@pytest.fixture(scope="session")
def wheel_library():
    """The file of another libzmq: ``wheel_library("4.2.5")``, downloaded once through pip into ``build/wheels``."""

    def get(version):
        try:
            return wheels.wheel_library(version)
        except wheels.Unavailable as reason:
            need(False, f"libzmq {version} out of a wheel: {reason}")

    return get


@pytest.fixture
def before_lending(monkeypatch):
    """Have something done when a thread-safe socket is about to lend its descriptor, and have its message arrive before."""
    from zmq_ctypes.thread_safe import LentDescriptor

    actions = []
    lend = LentDescriptor.__init__

    def act_and_lend(self, socket):
        for action in actions:
            action()
        # Looking whether it has arrived would take the news away that the test is about.
        time.sleep(0.2)
        lend(self, socket)

    monkeypatch.setattr(LentDescriptor, "__init__", act_and_lend)
    return actions.append
