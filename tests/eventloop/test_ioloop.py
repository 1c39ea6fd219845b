"""The older names of tornado's loop, and what warns."""

from __future__ import annotations

import importlib
import sys
import time

import pytest
from children import check
from support import need_package

import zmq_ctypes as zmq

OLD = "zmq_ctypes.eventloop.ioloop"


@pytest.fixture
def anew(monkeypatch):
    """Import a module of the package as if for the first time."""

    def load(name, *others):
        for old in (name, *others):
            monkeypatch.delitem(sys.modules, old, raising=False)
        return importlib.import_module(name)

    return load


@pytest.fixture
def ioloop():
    with pytest.warns() if OLD not in sys.modules else _nothing():
        return importlib.import_module(OLD)


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *args):
        return False


def test_importing_it_warns_at_the_line_that_does(anew):
    with pytest.warns(DeprecationWarning, match="any loop of tornado's") as caught:
        module = anew(OLD)
    assert [warning.filename for warning in caught] == [importlib.__file__] or [w.filename for w in caught] == [__file__]
    with pytest.warns(DeprecationWarning, match="any loop of tornado's") as caught:
        module.install()
    assert [warning.filename for warning in caught] == [__file__]


def test_everything_of_tornados_is_there(ioloop):
    import tornado.ioloop

    import zmq_ctypes.eventloop

    assert ioloop.IOLoop is ioloop.ZMQIOLoop is tornado.ioloop.IOLoop is zmq_ctypes.eventloop.IOLoop
    assert ioloop.PeriodicCallback is tornado.ioloop.PeriodicCallback
    assert zmq_ctypes.eventloop.__all__ == ["IOLoop"]


@pytest.mark.parametrize("path", ("green.eventloop", "green.eventloop.ioloop"))
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_green_ones_are_the_same(path):
    need_package("gevent")
    import tornado.ioloop

    assert importlib.import_module(f"zmq_ctypes.{path}").IOLoop is tornado.ioloop.IOLoop


def test_a_poller_in_tornados_words(ioloop, bound_pair):
    READ, WRITE, ERROR = ioloop.IOLoop.READ, ioloop.IOLoop.WRITE, ioloop.IOLoop.ERROR
    one, other = bound_pair(zmq.PAIR, zmq.PAIR, "inproc")
    poller = ioloop.ZMQPoller()
    poller.register(one, READ | ERROR)
    assert poller.poll(0.01) == []
    other.send(b"x")
    assert poller.poll(5) == [(one, READ)]
    assert poller.poll(None) == [(one, READ)]
    poller.modify(one, READ | WRITE)
    assert poller.poll(-1) == [(one, READ | WRITE)]
    poller.unregister(one)
    assert poller.poll(0) == []
    poller.close()


def test_a_delayed_callback(ioloop, caplog):
    from tornado.ioloop import IOLoop

    loop = IOLoop(make_current=False)
    calls = []
    with pytest.warns(DeprecationWarning, match="call_later"):
        delayed = ioloop.DelayedCallback(lambda: (calls.append(1), loop.stop()), 5, loop)
        never = ioloop.DelayedCallback(lambda: calls.append(2), 1, loop)
    assert not delayed.is_running()
    delayed.start()
    delayed.start()
    never.start()
    never.stop()
    assert delayed.is_running() and not never.is_running()
    began = time.monotonic()
    loop.start()
    assert calls == [1] and not delayed.is_running() and time.monotonic() - began >= 0.004
    with pytest.warns(DeprecationWarning):
        wrong = ioloop.DelayedCallback(lambda: (loop.stop(), 1 / 0), 0, loop)
    wrong.start()
    loop.start()
    assert caplog.records[-1].getMessage() == "Error in delayed callback"
    caplog.clear()
    with pytest.warns(DeprecationWarning), pytest.raises(TypeError, match="callback"):
        ioloop.DelayedCallback(1, 1, loop)
    loop.close()


@pytest.mark.parametrize(
    "path, name, today",
    (
        ("minitornado.ioloop", "IOLoop", "tornado.ioloop:IOLoop"),
        ("minitornado.ioloop", "TimeoutError", "tornado.ioloop:TimeoutError"),
        ("minitornado.log", "gen_log", "tornado.log:gen_log"),
        ("minitornado.concurrent", "Future", "tornado.concurrent:Future"),
        ("minitornado.util", "Configurable", "tornado.util:Configurable"),
        ("_deprecated", "ZMQPoller", f"{OLD}:ZMQPoller"),
        ("_deprecated", "ZMQIOLoop", "tornado.ioloop:IOLoop"),
        ("_deprecated", "DelayedCallback", f"{OLD}:DelayedCallback"),
    ),
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_paths_that_pyzmq_has_removed(path, name, today):
    module, _, attribute = today.partition(":")
    found = getattr(importlib.import_module(f"zmq_ctypes.eventloop.{path}"), name)
    assert found is getattr(importlib.import_module(module), attribute)


def test_without_tornado():
    code = """
        sys.modules["tornado"] = None
        for module in ("eventloop", "eventloop.zmqstream", "eventloop.future", "eventloop.ioloop"):
            try:
                __import__(f"zmq_ctypes.{module}")
            except ImportError as error:
                print(error.name, "-", error)
        """
    assert check(code) == "tornado - zmq_ctypes.eventloop needs tornado 6.1 or later: pip install tornado\n" * 4


def test_another_import_that_fails_is_told_as_it_is():
    code = """
        import types
        broken = sys.modules["tornado"] = types.ModuleType("tornado")
        broken.__path__ = []
        try:
            import zmq_ctypes.eventloop
        except ImportError as error:
            print(error)
        """
    assert "needs tornado" in check(code)
