"""Green contexts and sockets for the tests of this folder, and gevent where there is one."""

from __future__ import annotations

import pytest
from support import need_package

try:
    import gevent
except ImportError:
    pass  # has_gevent says so


@pytest.fixture(autouse=True)
def has_gevent():
    need_package("gevent")


@pytest.fixture
def green(has_gevent):
    """The green package."""
    from zmq_ctypes import green

    return green


@pytest.fixture
def context(green):
    """A green context; the base fixtures make their sockets in it."""
    made = green.Context()
    yield made
    with gevent.Timeout(10, AssertionError("the context did not terminate within 10 s")):
        made.term()


@pytest.fixture
def spawn(context):
    """Start greenlets that are killed at the end of the test, after its sockets were closed."""
    started = []

    def start(function, *args, **kwargs):
        started.append(gevent.spawn(function, *args, **kwargs))
        return started[-1]

    yield start
    gevent.killall(started)


@pytest.fixture(autouse=True)
def limit(has_gevent, request):
    """A wake-up that is missed is a failure and not a hang."""
    mark = request.node.get_closest_marker("timeout")
    seconds = mark.args[0] / 2 if mark else 30
    # An ordinary exception: pytest would not end the fixtures of a test well that ends with another.
    with gevent.Timeout(seconds, AssertionError(f"the test did not end within {seconds:g} s")):
        yield
