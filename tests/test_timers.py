"""Timers: what is due is called, in order, by whom it should be, and never after it was cancelled."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest
from support import collected, until

import zmq_ctypes as zmq
from zmq_ctypes import loader
from zmq_ctypes.timers import Timers

with_timers = pytest.mark.skipif(
    not loader.load().functions.has("zmq_timers_new"), reason="about libzmq 4.3.0 and later, and draft builds of 4.2"
)


@pytest.fixture
def timers():
    with Timers() as made:
        yield made


def due(timers):
    """Wait until a timer is due."""
    time.sleep(max(0, timers.timeout()) / 1000 + 0.002)


@pytest.mark.skipif(loader.load().functions.has("zmq_timers_new"), reason="about libraries without timers")
def test_a_library_without_timers_says_what_it_would_need():
    with pytest.raises(zmq.ZMQVersionError, match=r"zmq_timers_new requires libzmq >= 4\.2\.0.*, have "):
        Timers()


@with_timers
def test_a_timer_is_called_when_it_is_due(timers):
    calls = []
    timers.add(5, lambda: calls.append("x"))
    timers.execute()
    assert calls == []
    due(timers)
    timers.execute()
    assert calls == ["x"]


@with_timers
def test_a_timer_is_due_again_and_again(timers):
    calls = []
    timers.add(2, lambda: calls.append("x"))
    for count in range(1, 4):
        due(timers)
        timers.execute()
        assert len(calls) == count


@with_timers
def test_nothing_to_wait_for_is_for_ever(timers):
    assert timers.timeout() == -1
    number = timers.add(1000, int)
    assert 0 < timers.timeout() <= 1000
    timers.cancel(number)
    assert timers.timeout() == -1


@with_timers
def test_the_timeout_is_one_that_pollers_take(timers, make_socket):
    timers.add(5, int)
    poller = zmq.Poller()
    poller.register(make_socket(zmq.PAIR), zmq.POLLIN)
    assert poller.poll(timers.timeout()) == []
    due(timers)
    assert timers.timeout() == 0


@with_timers
def test_they_are_called_in_the_order_in_which_they_were_due(timers):
    calls = []
    # Far enough from each other for a machine that takes its time between two of them.
    for interval in (700, 100, 400):
        timers.add(interval, lambda interval=interval: calls.append(interval))
    time.sleep(0.8)
    timers.execute()
    assert calls == [100, 400, 700]


@with_timers
def test_each_has_a_number(timers):
    first, second = timers.add(1000, int), timers.add(1000, int)
    assert first != second
    assert first in timers and second in timers and len(timers) == 2
    timers.cancel(first)
    assert first not in timers and second in timers and len(timers) == 1
    assert repr(timers).startswith("<Timers(1 timer) at ")


@with_timers
def test_a_cancelled_timer_is_not_called(timers):
    calls = []
    number = timers.add(1, lambda: calls.append("x"))
    due(timers)
    timers.cancel(number)
    timers.execute()
    assert calls == []


@with_timers
def test_set_interval_counts_from_now(timers):
    number = timers.add(1, int)
    timers.set_interval(number, 10_000)
    assert 9_000 < timers.timeout() <= 10_000


@with_timers
def test_reset_starts_the_interval_again(timers):
    calls = []
    number = timers.add(10_000, lambda: calls.append("x"))
    time.sleep(0.5)
    before = timers.timeout()
    timers.reset(number)
    assert timers.timeout() > before
    timers.execute()
    assert calls == []


@pytest.mark.parametrize("change", ["cancel", "reset", "set_interval"])
@with_timers
def test_a_callback_may_change_its_own_timer(timers, change):
    """C's own timers do not survive that."""
    calls = []

    def callback():
        calls.append("x")
        getattr(timers, change)(number, *((10_000,) if change == "set_interval" else ()))

    number = timers.add(20, callback)
    due(timers)
    timers.execute()
    timers.execute()
    assert calls == ["x"]


@with_timers
def test_a_callback_may_add_timers(timers):
    calls = []

    def callback():
        timers.cancel(number)
        for _ in range(100):
            timers.add(1, lambda: calls.append("x"))

    number = timers.add(1, callback)
    due(timers)
    timers.execute()
    assert len(timers) == 100
    due(timers)
    timers.execute()
    assert calls == ["x"] * 100


@with_timers
def test_a_callback_may_cancel_another_that_is_due(timers):
    calls = []
    numbers = []

    def callback(own):
        calls.append(own)
        timers.cancel(numbers[1 - own])

    numbers.extend(timers.add(1, lambda own=own: callback(own)) for own in (0, 1))
    time.sleep(0.01)
    timers.execute()
    assert len(calls) == 1


@with_timers
def test_a_callback_may_execute(timers):
    calls = []

    def callback(name):
        calls.append(name)
        timers.execute()

    timers.add(1, lambda: callback("a"))
    timers.add(2, lambda: callback("b"))
    time.sleep(0.01)
    timers.execute()
    assert calls[:2] == ["a", "b"]


@with_timers
def test_a_callback_may_close_them(timers):
    calls = []

    def callback():
        calls.append("x")
        timers.close()

    timers.add(1, callback)
    timers.add(1, callback)
    time.sleep(0.01)
    with pytest.raises(zmq.ZMQError) as caught:
        timers.execute()
        timers.execute()
    assert caught.value.errno == zmq.EINVAL
    assert calls == ["x"]
    assert timers.closed


@with_timers
def test_an_exception_comes_out_of_execute_and_the_rest_is_not_lost(timers):
    calls = []

    def failing():
        calls.append("failing")
        raise LookupError("mine")

    timers.add(1, failing)
    timers.add(3, lambda: calls.append("after"))
    time.sleep(0.02)
    with pytest.raises(LookupError, match="mine"):
        timers.execute()
    assert calls == ["failing"]
    assert timers.timeout() == 0
    with pytest.raises(LookupError):
        # The timer that fails is due again by then, after the one that was waiting.
        time.sleep(0.02)
        timers.execute()
    assert calls[:2] == ["failing", "after"]


@with_timers
def test_keyboard_interrupt_comes_through(timers):
    def stop():
        raise KeyboardInterrupt

    timers.add(1, stop)
    due(timers)
    with pytest.raises(KeyboardInterrupt):
        timers.execute()


class Callback:
    def __call__(self):
        pass


@pytest.mark.parametrize("end", ["cancel", "close"])
@with_timers
def test_callbacks_are_kept_as_long_as_they_are_needed(timers, end):
    callback = Callback()
    watched = weakref.ref(callback)
    number = timers.add(1000, callback)
    del callback
    gc.collect()
    assert watched() is not None
    timers.cancel(number) if end == "cancel" else timers.close()
    until(lambda: collected(lambda: watched() is None), "something holds it")


@with_timers
def test_timers_that_nobody_closed_go_with_their_callbacks():
    callback = Callback()
    watched = weakref.ref(callback)
    timers = Timers()
    timers.add(1, callback)
    del callback, timers
    until(lambda: collected(lambda: watched() is None), "something holds it")


@with_timers
def test_closing_twice_is_fine():
    timers = Timers()
    assert not timers.closed
    timers.close()
    timers.close()
    assert timers.closed and len(timers) == 0
    assert repr(timers).startswith("<Timers(closed) at ")


@pytest.mark.parametrize(
    "call",
    [
        lambda timers: timers.add(1, int),
        lambda timers: timers.cancel(1),
        lambda timers: timers.reset(1),
        lambda timers: timers.set_interval(1, 1),
        lambda timers: timers.timeout(),
        lambda timers: timers.execute(),
    ],
    ids=["add", "cancel", "reset", "set_interval", "timeout", "execute"],
)
@with_timers
def test_closed_timers_refuse(call):
    timers = Timers()
    timers.close()
    with pytest.raises(zmq.ZMQError) as caught:
        call(timers)
    assert caught.value.errno == zmq.EINVAL


@pytest.mark.parametrize("change", ["cancel", "reset", "set_interval"])
@with_timers
def test_a_timer_that_is_not_there(timers, change):
    number = timers.add(1000, int)
    timers.cancel(number)
    with pytest.raises(zmq.ZMQError, match=f"no timer {number}") as caught:
        getattr(timers, change)(number, *((1,) if change == "set_interval" else ()))
    assert caught.value.errno == zmq.EINVAL


@pytest.mark.parametrize("interval", [0, -1, 2**31, 2**64], ids=str)
@with_timers
def test_intervals_that_c_cannot_count(timers, interval):
    """0 keeps libzmq busy for ever."""
    number = timers.add(1000, int)
    with pytest.raises((ValueError, OverflowError)):
        timers.add(interval, int)
    with pytest.raises((ValueError, OverflowError)):
        timers.set_interval(number, interval)
    assert len(timers) == 1


@pytest.mark.parametrize(("interval", "callback"), [(1.5, int), ("1", int), (None, int), (1, None), (1, 5)], ids=repr)
@with_timers
def test_wrong_types(timers, interval, callback):
    with pytest.raises(TypeError):
        timers.add(interval, callback)
    assert len(timers) == 0


@with_timers
def test_many_threads_may_use_them(timers):
    calls = []
    lock = threading.Lock()

    def use():
        numbers = [timers.add(1, lambda: calls.append("x")) for _ in range(50)]
        for number in numbers[::2]:
            timers.cancel(number)
        with lock:
            timers.execute()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(timers) == 100
    calls.clear()
    time.sleep(0.01)
    timers.execute()
    assert len(calls) == 100
