"""Trackers: done when libzmq has let go of everything that they follow, and not before."""

from __future__ import annotations

import gc
import threading
import time

import pytest

import zmq_ctypes as zmq
from zmq_ctypes.lending import CAN_LEND

LIMIT = 20
SIZE = 100_000

lends = pytest.mark.skipif(not CAN_LEND, reason="this interpreter moves objects, so libzmq gets a copy")


@pytest.fixture
def pair(bound_pair):
    return bound_pair(zmq.PAIR, zmq.PAIR)


# --- events, and trackers of trackers


def test_a_tracker_of_nothing_is_done():
    tracker = zmq.MessageTracker()
    assert tracker.done
    assert tracker.wait() is None and tracker.wait(0) is None
    assert tracker.events == tracker.peers == set()


def test_the_finished_tracker_is_one():
    assert zmq._FINISHED_TRACKER.done
    assert zmq.Frame(b"small", track=True).tracker is zmq._FINISHED_TRACKER


def test_events():
    one, other = threading.Event(), threading.Event()
    tracker = zmq.MessageTracker(one, other)
    assert tracker.events == {one, other} and not tracker.peers
    assert not tracker.done
    one.set()
    assert not tracker.done
    with pytest.raises(zmq.NotDone):
        tracker.wait(0)
    other.set()
    assert tracker.done
    tracker.wait(0)


def test_trackers_of_trackers():
    event = threading.Event()
    inner = zmq.MessageTracker(event)
    middle = zmq.MessageTracker(inner, zmq.MessageTracker())
    outer = zmq.MessageTracker(middle, inner, zmq._FINISHED_TRACKER)
    assert inner in middle.peers and middle in outer.peers and not outer.events
    assert not outer.done
    with pytest.raises(zmq.NotDone):
        outer.wait(0.01)
    event.set()
    assert inner.done and middle.done and outer.done
    outer.wait(0)


@lends
def test_frames():
    frames = [zmq.Frame(bytes(SIZE), copy=False, track=True) for _ in range(2)]
    tracker = zmq.MessageTracker(*frames)
    assert tracker.peers == {frame.tracker for frame in frames}
    assert frames[0].tracker.events == {frames[0].tracker_event}
    assert not frames[0].tracker_event.is_set()
    with pytest.raises(zmq.NotDone):
        tracker.wait(0.01)
    del frames[0]
    assert not tracker.done
    frames.clear()
    tracker.wait(LIMIT)
    assert tracker.done


@pytest.mark.parametrize("way", [True, False], ids=["copy", "no copy"])
def test_a_frame_that_is_not_tracked(way):
    frame = zmq.Frame(bytes(SIZE), copy=way)
    assert frame.tracker is None
    with pytest.raises(ValueError, match="Not a tracked message"):
        zmq.MessageTracker(frame)


@pytest.mark.parametrize("wrong", [None, 1, "text", b"bytes", [], object()], ids=repr)
def test_what_cannot_be_followed(wrong):
    with pytest.raises(TypeError):
        zmq.MessageTracker(wrong)


# --- waiting


def test_waiting_ends_when_it_is_done():
    event = threading.Event()
    tracker = zmq.MessageTracker(zmq.MessageTracker(event))
    waiting = threading.Thread(target=tracker.wait)
    waiting.start()
    time.sleep(0.05)
    assert waiting.is_alive()
    event.set()
    waiting.join(LIMIT)
    assert not waiting.is_alive()


@lends
def test_waiting_for_libzmq():
    frame = zmq.Frame(bytes(SIZE), copy=False, track=True)
    waiting = threading.Thread(target=frame.tracker.wait)
    waiting.start()
    time.sleep(0.05)
    assert waiting.is_alive()
    del frame
    waiting.join(LIMIT)
    assert not waiting.is_alive()


@pytest.mark.parametrize("limit", [-1, -0.5, False, float("inf"), 10**9], ids=repr)
def test_limits_that_are_none(limit):
    event = threading.Event()
    tracker = zmq.MessageTracker(event)
    ended = []

    def wait():
        tracker.wait(limit)
        ended.append(True)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.03)
    assert waiting.is_alive()
    event.set()
    waiting.join(LIMIT)
    assert ended


@pytest.mark.parametrize("limit", ["1", None, [], 1j, float("nan")], ids=repr)
def test_limits_that_are_no_time(limit):
    """NaN compares to nothing: a loop that waits for it would not end."""
    for tracked in (threading.Event(), zmq.Frame(bytes(SIZE), copy=False, track=True)):
        with pytest.raises((TypeError, ValueError)):
            zmq.MessageTracker(tracked).wait(limit)


@lends
def test_an_event_of_the_package_waits_like_any():
    frame = zmq.Frame(bytes(SIZE), copy=False, track=True)
    event = frame.tracker_event
    assert event.wait(0) is False and event.wait(0.01) is False
    del frame
    assert event.wait(0) is True and event.wait() is True and event.is_set()


# --- what libzmq does with it


@lends
def test_copies_of_a_frame_share_the_tracker():
    from copy import copy

    frame = zmq.Frame(bytes(SIZE), copy=False, track=True)
    other = copy(frame)
    assert other.tracker is frame.tracker and other.tracker_event is frame.tracker_event
    tracker = frame.tracker
    del frame
    assert not tracker.done
    del other
    tracker.wait(LIMIT)


@lends
def test_every_message_has_to_be_done_with(pair):
    a, b = pair
    frame = zmq.Frame(bytes(SIZE), copy=False, track=True)
    tracker = a.send(frame, copy=False, track=True)
    assert tracker is frame.tracker
    a.send(frame)
    first, second = b.recv(copy=False), b.recv(copy=False)
    del frame, first
    gc.collect()
    assert not tracker.done
    del second
    tracker.wait(LIMIT)


@lends
@pytest.mark.parametrize("size", [32, 100, 8192, 8193, SIZE])
def test_done_as_soon_as_the_receiver_has_its_bytes(pair, size):
    """Whatever the size: a socket must not keep the last message that it received."""
    a, b = pair
    a.copy_threshold = 0
    for receive in (b.recv, b.recv_multipart, lambda: b.recv_into(bytearray(size))):
        tracker = a.send(bytes(size), copy=False, track=True)
        assert not tracker.done
        receive()
        assert tracker.done


@pytest.mark.parametrize("size", [0, 1, 100, SIZE])
@pytest.mark.parametrize("track", [True, False])
def test_what_send_returns(pair, size, track):
    a, b = pair
    assert a.send(bytes(size), track=track) is None
    tracker = a.send(bytes(size), copy=False, track=track)
    if size < a.copy_threshold:
        assert tracker is zmq._FINISHED_TRACKER
    elif track:
        assert isinstance(tracker, zmq.MessageTracker)
    else:
        assert tracker is None
    assert [len(b.recv()) for _ in range(2)] == [size, size]
    if tracker is not None:
        tracker.wait(LIMIT)


@lends
def test_a_multipart_message_is_tracked_by_its_last_frame(pair):
    a, b = pair
    tracker = a.send_multipart([bytes(SIZE), bytes(SIZE + 1)], copy=False, track=True)
    assert not tracker.done
    parts = b.recv_multipart(copy=False)
    del parts[0]
    assert not tracker.done
    parts.clear()
    tracker.wait(LIMIT)


def test_received_frames(pair):
    a, b = pair
    a.send(b"x")
    frame = b.recv(copy=False, track=True)
    assert frame.tracker is zmq._FINISHED_TRACKER
    a.send(b"x")
    assert b.recv(copy=False).tracker is None


@pytest.mark.parametrize("frame", [lambda: zmq.Frame(b"x"), lambda: zmq.Frame(bytes(SIZE), copy=False)])
def test_a_frame_that_is_not_tracked_cannot_be_sent_with_a_tracker(pair, frame):
    a, b = pair
    with pytest.raises(ValueError, match="Not a tracked message"):
        a.send(frame(), copy=False, track=True)
    assert b.poll(0) == 0
