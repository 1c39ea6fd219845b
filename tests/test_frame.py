"""Frames: libzmq's messages as objects, received without a copy and sent as they are."""

from __future__ import annotations

import array
import copy
import gc
import pickle
import threading

import pytest

import zmq_ctypes as zmq


@pytest.fixture
def pair(bound_pair):
    return bound_pair(zmq.PAIR, zmq.PAIR)


def passed(pair, data, **options):
    """Send `data` and return the frame that arrives."""
    a, b = pair
    a.send(data, **options)
    return b.recv(copy=False)


# --- making


@pytest.mark.parametrize("size", [0, 1, 29, 33, 34, 100, 65536, 1000000])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview], ids=["bytes", "bytearray", "memoryview"])
@pytest.mark.parametrize("way", [None, True, False], ids=["by size", "copy", "no copy"])
def test_data_goes_in_and_comes_out(size, kind, way):
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    frame = zmq.Frame(kind(data), copy=way)
    assert frame.bytes == bytes(frame) == data
    assert frame.buffer.tobytes() == data
    assert len(frame) == size
    assert frame.more is False


@pytest.mark.parametrize("frame", [zmq.Frame, lambda: zmq.Frame(None), lambda: zmq.Frame(data=b"")])
def test_an_empty_frame(frame):
    made = frame()
    assert made.bytes == b"" and len(made) == 0
    assert made.buffer.nbytes == 0


def test_items_larger_than_a_byte():
    data = array.array("d", [1.5, 2.5])
    frame = zmq.Frame(data)
    assert len(frame) == 16
    assert frame.bytes == data.tobytes()


@pytest.mark.parametrize("wrong", ["text", 5, 1.5, [b""], object()], ids=repr)
def test_what_is_no_data(wrong):
    with pytest.raises(TypeError):
        zmq.Frame(wrong)


def test_data_with_gaps():
    with pytest.raises(BufferError):
        zmq.Frame(memoryview(b"abcdef")[::2])


def test_unknown_arguments_are_passed_over():
    assert zmq.Frame(b"x", copy_threshold=5, whatever=1).bytes == b"x"


def test_message_is_its_old_name():
    assert zmq.Message is zmq.Frame


def test_a_copy_is_independent_of_the_data():
    data = bytearray(b"before" * 100)
    frame = zmq.Frame(data, copy=True)
    data[:] = b"after." * 100
    data.extend(b"more")
    assert frame.bytes == b"before" * 100


# --- received ones


@pytest.mark.parametrize("size", [0, 1, 29, 30, 33, 34, 255, 65536, 1000000])
@pytest.mark.parametrize("transport", ["inproc", "tcp", "ipc"])
def test_a_received_frame(bound_pair, transport, size):
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    frame = passed(bound_pair(zmq.PAIR, zmq.PAIR, transport), data)
    assert isinstance(frame, zmq.Frame)
    assert frame.bytes == bytes(frame) == frame.buffer.tobytes() == data
    assert len(frame) == size


def test_bytes_are_made_once(pair):
    for frame in (passed(pair, b"x" * 100), zmq.Frame(b"x" * 100)):
        assert type(frame.bytes) is bytes
        assert frame.bytes is frame.bytes


def test_what_is_written_to_the_memory_is_seen(pair):
    """By all but the bytes that are kept."""
    for frame in (passed(pair, b"abcdef"), zmq.Frame(b"abcdef")):
        assert frame.bytes == bytes(frame) == b"abcdef"
        frame.buffer[:3] = b"xyz"
        assert bytes(frame) == bytes(memoryview(frame)) == b"xyzdef"
        assert "xyzdef" in repr(frame)
        assert bytes(copy.copy(frame)) == copy.copy(frame).bytes == b"xyzdef"
        assert frame.bytes == b"abcdef"


def test_the_view_is_one_while_it_is_held(pair):
    frame = passed(pair, b"x" * 100)
    view = frame.buffer
    assert isinstance(view, memoryview)
    assert frame.buffer is view


@pytest.mark.parametrize("make", [lambda frame: frame.buffer, memoryview], ids=["buffer", "memoryview"])
def test_a_view_is_flat_writable_bytes(pair, make):
    view = make(passed(pair, b"abcdef"))
    assert (view.ndim, view.itemsize, view.nbytes, view.shape) == (1, 1, 6, (6,))
    assert view.contiguous and not view.readonly
    assert view[2:4].tobytes() == b"cd"


@pytest.mark.parametrize("size", [0, 1, 29, 30, 33, 34, 255, 65536])
@pytest.mark.parametrize("received", [True, False], ids=["received", "made"])
def test_a_frame_is_a_buffer_itself(pair, size, received):
    data = b"x" * size
    frame = passed(pair, data) if received else zmq.Frame(data)
    assert memoryview(frame).tobytes() == bytearray(frame) == b"".join([frame]) == data
    assert memoryview(frame).nbytes == size


def test_the_buffer_has_plain_bytes(pair):
    view = passed(pair, b"abcdef").buffer
    assert view.format == "B"
    assert view[0] == ord("a") and list(view[1:3]) == [98, 99]
    assert view == b"abcdef"


def test_writing_into_a_received_frame(pair):
    for size in (10, 100):
        frame = passed(pair, b"." * size)
        frame.buffer[:3] = b"abc"
        assert frame.bytes == b"abc" + b"." * (size - 3)


@pytest.mark.parametrize("size", [5, 33, 34, 100, 100000])
@pytest.mark.parametrize("make", [lambda frame: frame.buffer, memoryview], ids=["buffer", "memoryview"])
def test_a_view_keeps_the_message(pair, make, size):
    a, b = pair
    views = []
    for number in range(20):
        views.append(make(passed(pair, b"%c" % (number + 65) * size)))
    gc.collect()
    for _ in range(20):  # would take the memory again if it had been given back
        a.send(b"-" * size)
        b.recv()
    assert [view.tobytes() for view in views] == [b"%c" % (number + 65) * size for number in range(20)]


def test_slices_keep_the_message_too(pair):
    part = memoryview(passed(pair, b"." * 1000 + b"end"))[-3:]
    gc.collect()
    for _ in range(20):
        passed(pair, b"-" * 1003)
    assert part.tobytes() == b"end"


def test_views_may_be_released_in_any_order(pair):
    frame = passed(pair, b"x" * 100)
    first, second = frame.buffer, memoryview(frame)
    del frame
    first.release()
    gc.collect()
    assert second.tobytes() == b"x" * 100
    second.release()


def test_a_frame_outlives_its_socket_and_its_context():
    context = zmq.Context()
    with context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
        a.bind("inproc://there")
        b.connect("inproc://there")
        a.send(b"x" * 100)
        frame = b.recv(copy=False)
    context.term()
    assert frame.bytes == b"x" * 100
    assert frame.more is False


def test_frames_do_not_share(pair):
    frames = [passed(pair, b"%d" % number * (number % 60)) for number in range(200)]
    assert [frame.bytes for frame in frames] == [b"%d" % number * (number % 60) for number in range(200)]


# --- properties


def test_more(pair):
    a, b = pair
    a.send_multipart([b"a", b"b"])
    first, last = b.recv(copy=False), b.recv(copy=False)
    assert first.more is True and last.more is False
    assert first.get(zmq.MORE) == first[zmq.MORE] == 1
    assert last.get(zmq.MORE) == last[zmq.MORE] == 0
    assert first.MORE == 1
    last.more = True
    assert last.more is True


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_metadata(bound_pair, transport):
    a, b = bound_pair(zmq.DEALER, zmq.DEALER, transport)
    b.send(b"x")
    frame = a.recv(copy=False)
    if zmq.zmq_version_info() >= (4, 1):
        assert frame["Socket-Type"] == frame.get("Socket-Type") == "DEALER"
        if transport == "tcp":
            assert frame["Peer-Address"] == "127.0.0.1"
        with pytest.raises(zmq.ZMQError) as caught:
            frame["No-Such-Property"]
        assert caught.value.errno == zmq.EINVAL
    else:
        with pytest.raises(zmq.ZMQVersionError):
            frame["Socket-Type"]


def test_a_made_frame_has_no_metadata():
    with pytest.raises((zmq.ZMQError, zmq.ZMQVersionError)):
        zmq.Frame(b"x")["Peer-Address"]


@pytest.mark.parametrize("wrong", [None, 1.5, [1]], ids=repr)
def test_a_property_is_a_number_or_a_name(wrong):
    with pytest.raises(TypeError):
        zmq.Frame(b"x").get(wrong)


def test_unknown_properties():
    frame = zmq.Frame(b"x")
    with pytest.raises(zmq.ZMQError) as caught:
        frame.get(9999)
    assert caught.value.errno == zmq.EINVAL
    with pytest.raises(zmq.ZMQError) as caught:
        frame.set(zmq.MORE, 1)
    assert caught.value.errno == zmq.EINVAL
    with pytest.raises(AttributeError):
        frame.no_such_thing  # noqa: B018
    with pytest.raises(AttributeError):
        frame.no_such_thing = 1


def test_drafts_without_drafts():
    """pyzmq 27.3 dies of ``get("group")`` and answers 0 or nothing for the others."""
    frame = zmq.Frame(b"x")
    if zmq.DRAFT_API:
        assert (frame.group, frame.routing_id) == ("", 0)
        return
    for act in (
        lambda: frame.group,
        lambda: frame.routing_id,
        lambda: setattr(frame, "group", "a"),
        lambda: setattr(frame, "routing_id", 1),
    ):
        with pytest.raises(RuntimeError):
            act()
    for act in (
        lambda: frame.get("group"),
        lambda: frame.get("routing_id"),
        lambda: frame.set("group", "a"),
        lambda: frame.set("routing_id", 1),
    ):
        with pytest.raises((RuntimeError, zmq.ZMQError)):
            act()


# --- sending


@pytest.mark.parametrize("way", [True, False], ids=["copy", "no copy"])
@pytest.mark.parametrize("size", [0, 5, 33, 34, 100000])
def test_a_frame_survives_being_sent(pair, way, size):
    a, b = pair
    frame = zmq.Frame(b"x" * size)
    for _ in range(3):
        a.send(frame, copy=way)
        assert b.recv() == b"x" * size
        assert len(frame) == size
        assert frame.bytes == b"x" * size


def test_a_received_frame_goes_on(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    c, d = bound_pair(zmq.PAIR, zmq.PAIR, "tcp")
    for size in (0, 5, 100, 100000):
        a.send(b"x" * size)
        frame = b.recv(copy=False)
        c.send(frame)
        c.send(frame, copy=False)
        assert d.recv() == d.recv() == frame.bytes == b"x" * size


def test_a_frame_sent_with_more(pair):
    a, b = pair
    frame = zmq.Frame(b"x")
    a.send(frame, zmq.SNDMORE)
    a.send(frame)
    assert b.recv_multipart() == [b"x", b"x"]


def test_sending_does_not_pass_more_on(pair):
    a, b = pair
    a.send_multipart([b"a", b"b"])
    first = b.recv(copy=False)
    b.recv()
    assert first.more
    a.send(first)
    assert b.recv() == b"a"
    assert not b.rcvmore


def test_tracking_needs_a_tracked_frame(pair):
    a, b = pair
    with pytest.raises(ValueError):
        a.send(zmq.Frame(b"x", track=False), copy=False, track=True)
    frame = zmq.Frame(b"x" * 10, track=True)
    tracker = a.send(frame, copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    assert b.recv() == b"x" * 10
    del frame
    gc.collect()
    tracker.wait(60)


# --- objects


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "b''"),
        (16, "b'xxxxxxxxxxxxxxxx'"),
        (17, "b'xxxxxxxxxxxx'...17B"),
        (2000, "b'xxxxxxxxxxxx'...2kB"),
        (3000000, "b'xxxxxxxxxxxx'...3MB"),
    ],
)
def test_repr(size, shown):
    frame = zmq.Frame(b"x" * size)
    assert repr(frame) == str(frame) == f"<zmq.Frame({shown})>"


def test_repr_of_a_received_frame(pair):
    assert repr(passed(pair, b"abc")) == "<zmq.Frame(b'abc')>"


def test_frames_are_their_own():
    one, other = zmq.Frame(b"x"), zmq.Frame(b"x")
    assert one != other and one == one
    assert len({one, other, one}) == 2


@pytest.mark.parametrize("size", [5, 100, 100000])
def test_a_copied_frame_is_a_frame(pair, size):
    """pyzmq 27.3 returns an object of an inner class."""
    a, b = pair
    for frame in (zmq.Frame(b"x" * size), passed(pair, b"x" * size)):
        other = copy.copy(frame)
        assert isinstance(other, zmq.Frame) and other is not frame
        del frame
        gc.collect()
        assert other.bytes == b"x" * size
        a.send(other)
        assert b.recv() == b"x" * size


@pytest.mark.parametrize("way", [copy.deepcopy, pickle.dumps], ids=["deepcopy", "pickle"])
def test_frames_stay_in_their_process(way):
    with pytest.raises(TypeError):
        way(zmq.Frame(b"x"))


def test_attributes_are_those_that_are_declared(pair):
    """A misspelt one is no silent new attribute, in subclasses either."""

    class Mine(zmq.Frame):
        note = None
        other: int

    class Slotted(zmq.Frame):
        __slots__ = ("note",)

    a, b = pair
    a.send(b"x")
    for frame in (zmq.Frame(b"x"), b.recv(copy=False), copy.copy(zmq.Frame(b"x")), Mine(b"x"), copy.copy(Mine()), Slotted(b"x")):
        for name in ("trakcer", "x", "NOTE"):
            with pytest.raises(AttributeError):
                setattr(frame, name, 1)
        assert frame.tracker is None and frame.tracker_event is None and frame.more is False
        frame.tracker, frame.tracker_event, frame.more = zmq.MessageTracker(), threading.Event(), True
        assert frame.tracker.done and not frame.tracker_event.is_set() and frame.more is True
        assert copy.copy(frame).more is True and copy.copy(frame).tracker is frame.tracker
    mine = Mine(b"x")
    mine.note, mine.other = 1, 2
    assert (mine.note, mine.other, Mine.note) == (1, 2, None)
    slotted = Slotted(b"x")
    slotted.note = 3
    assert slotted.note == 3 and bytes(slotted) == b"x"


def test_a_subclass(pair):
    class Mine(zmq.Frame):
        label = "none"

    a, b = pair
    frame = Mine(b"x" * 100)
    frame.label = "one"
    assert (frame.label, frame.bytes) == ("one", b"x" * 100)
    assert isinstance(frame, Mine)
    a.send(frame)
    assert b.recv() == b"x" * 100
