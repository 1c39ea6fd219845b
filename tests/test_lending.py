"""Memory that is lent to libzmq: where it is, who holds it, and when it comes back, through both kinds of function."""

from __future__ import annotations

import array
import copy
import ctypes
import gc
import mmap
import os
import sys
import threading

import pytest
from support import need, until
from zmq_ctypes.loader.messages import Messages

import zmq_ctypes as zmq
from zmq_ctypes import content as content_module
from zmq_ctypes import context as context_module
from zmq_ctypes import frame as frame_module
from zmq_ctypes import lending, receiving, sending
from zmq_ctypes.lending import CAN_LEND, Ledger
from zmq_ctypes.loader import load

try:
    import numpy
except ImportError:
    numpy = None

#: Seconds in which I/O threads and the reaper give everything back; they need milliseconds.
LIMIT = 20
SIZE = 100_000
#: How many messages of a megabyte go through TCP for each of the two functions; 100000 for a long look.
SENDS = int(os.environ.get("ZMQ_CTYPES_TEST_SENDS", "1500"))

copies = pytest.mark.skipif(CAN_LEND, reason="about interpreters that move objects")


@pytest.fixture(params=["native", "callback"])
def ledger(request, monkeypatch):
    """A ledger of its own for the test, which at the end must have everything back."""
    if not CAN_LEND:
        pytest.skip("this interpreter moves objects, so libzmq gets a copy")
    made = Ledger(native=request.param == "native")
    for module in (lending, content_module, frame_module, receiving, sending, context_module):
        monkeypatch.setattr(module, "ledger", made)
    yield made
    gc.collect()
    comes_back(made)


@pytest.fixture
def exports(monkeypatch):
    """Counts how often memory was exported and given back: ``[exported, given back]``, whichever threads do it."""
    counts, lock = [0, 0], threading.RLock()
    get, release = getattr(lending, "_get_buffer", None), getattr(lending, "_release_buffer", None)

    def count(which):
        # A thread may be stopped between reading and writing; a collection that releases may begin in here.
        with lock:
            counts[which] += 1

    def counted_get(*arguments):
        result = get(*arguments)
        count(0)
        return result

    def counted_release(*arguments):
        count(1)
        return release(*arguments)

    monkeypatch.setattr(lending, "_get_buffer", counted_get, raising=False)
    monkeypatch.setattr(lending, "_release_buffer", counted_release, raising=False)
    return counts


@pytest.fixture
def pair(bound_pair):
    return bound_pair(zmq.PAIR, zmq.PAIR)


@pytest.fixture
def tcp(bound_pair):
    """A PULL and a PUSH that is connected to it."""
    return bound_pair(zmq.PULL, zmq.PUSH, "tcp")


def comes_back(ledger):
    """Wait until libzmq has let go of everything."""

    def empty():
        ledger.sweep()
        return not ledger.loans

    until(empty, f"still lent: {ledger.loans}")


def locked(data):
    """Whether a bytearray cannot be resized."""
    try:
        data.append(0)
    except BufferError:
        return True
    del data[-1:]
    return False


def pattern(size=SIZE):
    return bytes(range(256)) * (size // 256) + b"x" * (size % 256)


def mapped(access):
    file = mmap.mmap(-1, SIZE)
    file.write(pattern())
    if access == "read":
        return memoryview(file).toreadonly()
    return file


def rows(order):
    block = numpy.frombuffer(pattern(), dtype=numpy.uint8).reshape(100, SIZE // 100)
    return numpy.asarray(block, order=order)


PROVIDERS = {
    "bytes": pattern,
    "bytearray": lambda: bytearray(pattern()),
    "bytes subclass": lambda: type("Mine", (bytes,), {})(pattern()),
    "memoryview": lambda: memoryview(pattern()),
    "writable memoryview": lambda: memoryview(bytearray(pattern())),
    "slice of bytes": lambda: memoryview(b"ab" + pattern() + b"cd")[2:-2],
    "slice of a bytearray": lambda: memoryview(bytearray(b"ab" + pattern() + b"cd"))[2:-2],
    "two dimensions": lambda: memoryview(pattern()).cast("B", (10, SIZE // 10)),
    "items of four": lambda: memoryview(pattern()).cast("I"),
    "array of bytes": lambda: array.array("B", pattern()),
    "array of doubles": lambda: array.array("d", pattern()),
    "mmap": lambda: mapped("write"),
    "read-only mmap": lambda: mapped("read"),
    "ctypes array": lambda: (ctypes.c_char * SIZE)(*[bytes([byte]) for byte in pattern()]),
    "ctypes array of ints": lambda: (ctypes.c_uint32 * (SIZE // 4)).from_buffer_copy(pattern()),
    "frame": lambda: zmq.Frame(pattern(), copy=True),
    "lent frame": lambda: zmq.Frame(bytearray(pattern()), copy=False),
}


def of_numpy(make):
    """A provider that numpy makes."""

    def provide():
        need(numpy is not None, "numpy (pip install numpy)")
        return make()

    return provide


if sys.implementation.name == "cpython":
    PROVIDERS.update(
        {
            "numpy bytes": of_numpy(lambda: numpy.frombuffer(pattern(), dtype=numpy.uint8)),
            "numpy writable": of_numpy(lambda: numpy.frombuffer(bytearray(pattern()), dtype=numpy.float32)),
            "numpy own memory": of_numpy(lambda: numpy.frombuffer(pattern(), dtype=numpy.int64).copy()),
            "numpy records": of_numpy(lambda: numpy.frombuffer(pattern(), dtype=[("a", "u1"), ("b", "<u4")])),
            "numpy rows": of_numpy(lambda: rows("C")),
            "numpy columns": of_numpy(lambda: rows("F")),
        }
    )


def memory_of(data):
    """The bytes as they lie in memory, whatever their shape."""
    view = memoryview(data)
    return view.tobytes() if view.c_contiguous else view.tobytes("A")


def collect():
    """Let every object die that nobody uses; PyPy takes several rounds."""
    for _ in range(1 if sys.implementation.name == "cpython" else 4):
        gc.collect()


# --- what can be lent


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_of_memory_arrives(ledger, exports, tcp, provider):
    pull, push = tcp
    data = PROVIDERS[provider]()
    expected = memory_of(data)
    assert len(expected) == SIZE
    if provider != "lent frame":  # which is out already
        assert not ledger.loans
    before = len(ledger.loans)
    frame = zmq.Frame(data, copy=False)
    assert len(ledger.loans) == before + 1
    push.send(data, copy=False)
    push.send(frame)
    del frame, data
    gc.collect()
    assert [pull.recv() for _ in range(2)] == [expected, expected]
    comes_back(ledger)
    assert exports[0] == exports[1]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_of_memory_arrives_where_it_is_copied(tcp, provider):
    """On every interpreter, those that do not lend included."""
    pull, push = tcp
    data = PROVIDERS[provider]()
    expected = memory_of(data)
    for way in (True, False):
        push.send(data, copy=way)
        push.send(zmq.Frame(data, copy=way))
    assert [pull.recv() for _ in range(4)] == [expected] * 4


@copies
def test_where_objects_move_libzmq_gets_a_copy():
    data = bytearray(SIZE)
    frame = zmq.Frame(data, copy=False, track=True)
    assert frame.tracker.done and frame.tracker_event is None
    data[:3] = b"new"
    assert frame.bytes == bytes(SIZE)


def test_the_memory_is_not_copied(ledger, pair):
    """What the receiver in the same process sees is the sender's own memory."""
    a, b = pair
    data = bytearray(SIZE)
    a.send(data, copy=False)
    data[:5] = b"later"
    assert b.recv()[:6] == b"later\0"


@pytest.mark.parametrize("size", [0, 1, 31])
def test_short_memory_is_copied(ledger, size):
    data = bytearray(size)
    frame = zmq.Frame(data, copy=False, track=True)
    assert not locked(data)
    assert frame.tracker.done and frame.tracker_event is None
    assert not ledger.loans


@pytest.mark.parametrize("size", [32, 33, 4096, SIZE])
def test_a_bytearray_is_locked_while_it_is_lent(ledger, size):
    """pyzmq 27.3 lets it be resized, and libzmq sends whatever lies there then."""
    data = bytearray(size)
    frame = zmq.Frame(data, copy=False)
    assert locked(data)
    del frame
    assert not locked(data)


def test_a_bytearray_is_locked_until_it_was_sent(ledger, tcp):
    pull, push = tcp
    data = bytearray(10_000_000)  # more than the system's buffers take
    push.send(data, copy=False)
    assert locked(data)
    assert len(pull.recv()) == 10_000_000
    until(lambda: not locked(data), "it is locked for ever")


def test_a_bytearray_that_was_refused_is_free_at_once(ledger, make_socket):
    alone = make_socket(zmq.PUSH)
    data = bytearray(SIZE)
    for _ in range(10):
        with pytest.raises(zmq.Again):
            alone.send(data, zmq.DONTWAIT, copy=False)
        assert not locked(data)
        assert not ledger.loans


def test_released_memory_is_no_data(ledger):
    view = memoryview(bytearray(SIZE))
    view.release()
    with pytest.raises(ValueError):
        zmq.Frame(view, copy=False)
    assert not ledger.loans


def test_memory_in_pieces_is_no_data(ledger, pair):
    gaps = memoryview(bytearray(SIZE))[::2]
    for act in (lambda: zmq.Frame(gaps, copy=False), lambda: pair[0].send(gaps, copy=False)):
        with pytest.raises(BufferError, match="not contiguous"):
            act()
    assert not ledger.loans


# --- counts of references, as pyzmq has them


@pytest.mark.parametrize(
    "make", [bytes, bytearray, lambda size: array.array("B", bytes(size))], ids=["bytes", "bytearray", "array"]
)
def test_references_of_a_frame(ledger, make):
    data = make(SIZE)
    before = sys.getrefcount(data)
    frame = zmq.Frame(data, copy=False)
    assert sys.getrefcount(data) == before + 2
    view = frame.buffer
    other = memoryview(frame)
    assert sys.getrefcount(data) == before + 2
    copied = copy.copy(frame)
    assert sys.getrefcount(data) == before + 3
    assert frame.bytes is not data
    assert sys.getrefcount(data) == before + 3
    del frame, view, other
    assert sys.getrefcount(data) == before + 2  # the copy, and libzmq through it
    del copied
    comes_back(ledger)
    assert sys.getrefcount(data) == before


def test_references_of_a_send(ledger, pair):
    a, b = pair
    data = bytes(SIZE)
    before = sys.getrefcount(data)
    a.send(data, copy=False)
    assert sys.getrefcount(data) == before + 1
    b.recv()
    comes_back(ledger)
    assert sys.getrefcount(data) == before


def test_references_of_a_copy(ledger):
    data = bytes(SIZE)
    before = sys.getrefcount(data)
    frame = zmq.Frame(data, copy=True)
    assert sys.getrefcount(data) == before
    assert frame.bytes is not data


# --- from which size on


def test_the_threshold_of_the_package(ledger, monkeypatch, context):
    assert zmq.COPY_THRESHOLD == 65536
    assert zmq.Frame(bytes(65535), track=True).tracker.done
    assert not zmq.Frame(bytes(65536), track=True).tracker.done
    monkeypatch.setattr(zmq, "COPY_THRESHOLD", 1000)
    assert zmq.Frame(bytes(999), track=True).tracker.done
    assert not zmq.Frame(bytes(1000), track=True).tracker.done
    with context.socket(zmq.PAIR) as socket:
        assert socket.copy_threshold == 1000


def test_the_threshold_of_a_socket(ledger, pair, context):
    a, b = pair
    assert a.copy_threshold == 65536
    a.copy_threshold = 500
    small = a.send(bytes(499), copy=False, track=True)
    large = a.send(bytes(500), copy=False, track=True)
    assert small.done and not large.done
    assert a.send(bytes(499), copy=False) is zmq._FINISHED_TRACKER
    assert a.send(bytes(500), copy=False) is None
    for wrong in ("x", None, 1.5, -1, 2**63):
        with pytest.raises((TypeError, ValueError, OverflowError), match="copy_threshold"):
            a.copy_threshold = wrong
    assert a.copy_threshold == 500
    for _ in range(4):
        b.recv()
    large.wait(LIMIT)
    with zmq.Socket(context, zmq.PAIR, copy_threshold=7) as other:
        assert other.copy_threshold == 7


def test_the_threshold_of_a_frame(ledger):
    assert zmq.Frame(bytes(99), copy_threshold=100, track=True).tracker.done
    assert not zmq.Frame(bytes(100), copy_threshold=100, track=True).tracker.done
    assert not zmq.Frame(bytes(32), copy_threshold=0, track=True).tracker.done
    # An explicit choice counts more.
    assert not zmq.Frame(bytes(50), copy=False, copy_threshold=100, track=True).tracker.done
    assert zmq.Frame(bytes(500), copy=True, copy_threshold=100, track=True).tracker.done


def test_the_threshold_zero_of_a_socket(ledger, pair):
    a, b = pair
    a.copy_threshold = 0
    tracker = a.send(bytes(32), copy=False, track=True)
    assert not tracker.done
    b.recv()
    tracker.wait(LIMIT)


# --- where it comes back


def test_it_comes_back_through_an_io_thread(ledger, exports, tcp):
    pull, push = tcp
    for _ in range(200):
        push.send(bytearray(SIZE), copy=False)
        assert len(pull.recv()) == SIZE
    comes_back(ledger)
    assert exports == [200, 200]


def test_it_comes_back_when_the_receiver_lets_go(ledger, exports, pair):
    a, b = pair
    tracker = a.send(bytearray(SIZE), copy=False, track=True)
    frame = b.recv(copy=False)
    view = memoryview(frame)[10:]
    assert not tracker.done
    del frame
    gc.collect()
    assert not tracker.done
    assert view.tobytes() == bytes(SIZE - 10)
    del view
    tracker.wait(LIMIT)
    assert exports == [1, 1]


@pytest.mark.parametrize("transport", ["inproc", "tcp", "ipc"])
def test_it_comes_back_when_sockets_close(ledger, exports, bound_pair, transport):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR, transport)
    trackers = [a.send(bytearray(SIZE), copy=False, track=True) for _ in range(20)]
    b.close(0)
    a.close(0)
    zmq.MessageTracker(*trackers).wait(LIMIT)
    comes_back(ledger)
    assert exports == [20, 20]


def test_it_comes_back_when_nobody_ever_listened(ledger, exports, make_socket):
    push = make_socket(zmq.PUSH)
    push.connect("tcp://127.0.0.1:9")
    for _ in range(20):
        push.send(bytearray(SIZE), copy=False)
    assert len(ledger.loans) == 20 and exports == [20, 0]
    push.close(linger=0)
    comes_back(ledger)
    assert exports == [20, 20]


def test_it_is_back_when_the_context_has_ended(ledger, exports):
    context = zmq.Context()
    push = context.socket(zmq.PUSH)
    push.connect("tcp://127.0.0.1:9")
    for _ in range(20):
        push.send(bytearray(SIZE), copy=False)
    push.close(linger=0)
    context.term()
    assert not ledger.loans
    assert exports == [20, 20]


def test_it_comes_back_through_the_garbage_collector(ledger, exports):
    class Knot:
        pass

    gc.collect()
    gc.disable()
    try:
        knot = Knot()
        knot.frame, knot.self = zmq.Frame(bytearray(SIZE), copy=False), knot
        del knot
        assert ledger.loans and exports == [1, 0]
        gc.collect()
        assert not ledger.loans and exports == [1, 1]
    finally:
        gc.enable()


def test_it_comes_back_when_the_mark_is_full(ledger, exports, make_socket):
    push = make_socket(zmq.PUSH, sndhwm=5)
    push.connect("tcp://127.0.0.1:9")
    sent = refused = 0
    for _ in range(50):
        try:
            push.send(bytearray(SIZE), zmq.DONTWAIT, copy=False)
            sent += 1
        except zmq.Again:
            refused += 1
    assert sent < 20 and sent + refused == 50
    assert exports == [50, refused]
    assert len(ledger.loans) == sent


def test_what_a_publisher_drops_comes_back(ledger, exports, make_socket):
    publisher = make_socket(zmq.PUB)
    for _ in range(50):
        publisher.send(bytearray(SIZE), copy=False)
    assert not ledger.loans and exports == [50, 50]


def test_one_frame_for_many_receivers(ledger, exports, bound_pair):
    pairs = [bound_pair(zmq.PAIR, zmq.PAIR, "tcp") for _ in range(3)]
    frame = zmq.Frame(bytearray(pattern()), copy=False, track=True)
    tracker = frame.tracker
    for a, _ in pairs:
        a.send(frame)
    del frame
    for _, b in pairs:
        assert b.recv() == pattern()
    tracker.wait(LIMIT)
    assert exports == [1, 1]


def test_one_frame_in_two_contexts(ledger, exports):
    frame = zmq.Frame(bytearray(pattern()), copy=False, track=True)
    tracker = frame.tracker
    contexts = [zmq.Context(), zmq.Context()]
    received = []
    for context in contexts:
        with context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
            b.rcvtimeo = LIMIT * 1000
            a.bind("inproc://there")
            b.connect("inproc://there")
            a.send(frame)
            received.append(b.recv(copy=False))
    del frame
    contexts[0].term()
    assert not tracker.done
    contexts[1].term()
    assert [part.bytes for part in received] == [pattern(), pattern()]
    del received[0]
    assert not tracker.done
    received.clear()
    tracker.wait(LIMIT)
    assert exports == [1, 1]


def test_several_threads_at_once(ledger, context):
    """Each counts what came back of its own."""
    COUNT, THREADS = 200, 4
    back, lock, errors = [0], threading.Lock(), []

    class Counted(bytearray):
        def __del__(self):
            with lock:
                back[0] += 1

    def work():
        try:
            with context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
                pull.rcvtimeo = push.sndtimeo = LIMIT * 1000
                push.linger = 0
                port = pull.bind_to_random_port("tcp://127.0.0.1")
                push.connect(f"tcp://127.0.0.1:{port}")
                for number in range(COUNT):
                    push.send(Counted(bytes([number]) * SIZE), copy=False)
                    message = pull.recv()
                    assert message == bytes([number]) * SIZE
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    comes_back(ledger)
    until(lambda: back[0] == COUNT * THREADS, f"{back[0]} of {COUNT * THREADS} came back")


def test_one_ledger_lent_from_by_many_threads(ledger, exports):
    errors = []

    def work():
        try:
            for _ in range(300):
                zmq.Frame(bytearray(64), copy=False)
                frames = [zmq.Frame(bytearray(64), copy=False) for _ in range(5)]
                del frames[::2]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    comes_back(ledger)
    assert exports[0] == exports[1]


@pytest.mark.timeout(60 + SENDS // 100)
def test_thousands_through_tcp(ledger, exports, context):
    """A megabyte each: memory stays as it is, and each comes back once."""
    COUNT, size = SENDS, 1_000_000
    need(os.path.exists("/proc/self/statm"), "/proc/self/statm, which tells the memory of a process")

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    data = bytearray(size)
    done = threading.Event()

    def drain():
        with context.socket(zmq.PULL) as pull:
            pull.rcvtimeo = LIMIT * 1000
            pull.rcvhwm = 4
            ports.append(pull.bind_to_random_port("tcp://127.0.0.1"))
            ready.set()
            target = bytearray(size)
            for _ in range(COUNT):
                assert pull.recv_into(target) == size
        done.set()

    ports, ready = [], threading.Event()
    thread = threading.Thread(target=drain)
    thread.start()
    assert ready.wait(LIMIT)
    with context.socket(zmq.PUSH) as push:
        push.sndhwm, push.sndtimeo, push.linger = 4, LIMIT * 1000, 0
        push.connect(f"tcp://127.0.0.1:{ports[0]}")
        most = 0
        for number in range(COUNT):
            push.send(data, copy=False)
            if number == COUNT // 10:
                before = resident()
            elif number % 500 == 499:
                most = max(most, resident())
        thread.join(LIMIT * 2)
        assert done.is_set()
    comes_back(ledger)
    assert not locked(data)
    assert exports == [COUNT, COUNT]
    assert most - before < 60_000_000


# --- the ledger itself


def test_the_native_function_serves_where_it_should(ledger):
    zmq.Frame(bytes(SIZE), copy=False)
    wanted = ledger._wants_native
    try:
        ctypes.CDLL(None)["gnu_get_libc_version"]
    except (AttributeError, TypeError, OSError):
        wanted = False
    assert ledger.native == ("ether_ntoa_r" if wanted else None)


@pytest.mark.parametrize(
    "native",
    [
        lending._Native("getpid", offset=10),
        lending._Native("there_is_no_such_function", offset=10),
        lending._Native("ether_ntoa_r", offset=10, proof="there_is_no_such_function"),
        lending._Native("ether_ntoa_r", offset=23),
    ],
    ids=["writes nothing", "missing", "another library", "another place"],
)
def test_a_native_function_that_fails_its_trial_is_not_used(ledger, monkeypatch, native):
    monkeypatch.setattr(lending, "_NATIVES", {sys.platform: (native,)})
    data = bytearray(SIZE)
    frame = zmq.Frame(data, copy=False)
    assert ledger.native is None
    assert locked(data)
    del frame
    assert not locked(data) and not ledger.loans


def test_slots_are_used_again(ledger):
    for _ in range(3):
        frames = [zmq.Frame(bytes(64), copy=False) for _ in range(600)]
        assert len(ledger.loans) == 600
        frames.clear()
        assert not ledger.loans
    if ledger.native:
        assert len(ledger._slots._free) == len(set(map(id, ledger._slots._free))) == 3 * 256
        assert all(view[place] == 0 for _, view, place in ledger._slots._free)


def test_a_loan_that_stays_out_holds_nothing_up(ledger, exports):
    """Such as a frame that is sent again and again; the ledger must not remember all that came after it."""
    stays = zmq.Frame(bytearray(64), copy=False)
    for _ in range(1000):
        zmq.Frame(bytearray(64), copy=False)
    ledger.sweep()
    assert exports == [1001, 1000]
    assert len(ledger.loans) == 1 and len(ledger._queue) < 100
    del stays


def test_any_bytes_leave_a_mark(ledger):
    """The native function writes down what it reads: the mark must not depend on that."""
    for filling in range(256):
        frame = zmq.Frame(bytes([filling]) * 64, copy=False)
        assert ledger.loans
        del frame
        assert not ledger.loans, filling


def test_the_reaper_comes_and_goes(ledger, monkeypatch):
    monkeypatch.setattr(Ledger, "IDLE", 0.05)
    for _ in range(3):
        frame = zmq.Frame(bytearray(SIZE), copy=False)
        if ledger.native:
            reaper = ledger._reaper
            assert reaper.is_alive() and reaper.daemon
        else:
            assert ledger._reaper is None
        del frame
        until(lambda: ledger._reaper is None, "the reaper stays for nothing")


def test_the_reaper_notices_without_being_asked(ledger, tcp):
    pull, push = tcp
    finished = threading.Event()

    class Data(bytearray):
        def __del__(self):
            finished.set()

    push.send(Data(SIZE), copy=False)
    pull.recv()
    assert finished.wait(LIMIT)


def test_a_failed_loan_leaves_nothing(ledger, exports, monkeypatch):
    zmq.Frame(bytearray(64), copy=False)

    class Calls:
        def __init__(self, calls):
            self.calls = calls

        def __getattr__(self, name):
            return getattr(self.calls, name)

        def msg_init_data(self, *arguments):
            return -1

    library = load()

    class Library:
        nowait = Calls(library.nowait)

    data = bytearray(64)
    with pytest.raises(zmq.ZMQError):
        ledger.lend(Library, None, data)
    assert not locked(data) and not ledger.loans
    assert exports == [2, 2]


def test_destructors_that_fail_stay_where_they_are(ledger, monkeypatch, tcp):
    """An exception may not get into libzmq."""
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: seen.append(what.exc_type))

    class Bad(bytearray):
        def __del__(self):
            raise KeyError("on purpose")

    pull, push = tcp
    for _ in range(10):
        push.send(Bad(SIZE), copy=False)
        assert len(pull.recv()) == SIZE
    comes_back(ledger)
    until(lambda: seen == [KeyError] * 10, seen)


# --- received memory


@pytest.mark.parametrize("size", [1, 33, 34, 65536])
@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_views_of_received_frames_outlive_everything(transport, size):
    """The memory of the message is valid while any view of it lives, with frame, sockets and context long gone."""
    context = zmq.Context()
    with context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
        b.rcvtimeo = LIMIT * 1000
        a.bind("inproc://there" if transport == "inproc" else "tcp://127.0.0.1:*")
        b.connect(a.last_endpoint.rstrip(b"\0").decode())
        a.send(pattern(size), copy=False)
        frame = b.recv(copy=False)
    context.term()
    views = [memoryview(frame), frame.buffer, frame.buffer[:], (ctypes.c_char * size).from_buffer(frame.buffer)]
    if sys.implementation.name == "cpython":
        need(numpy is not None, "numpy (pip install numpy)")
        views.append(numpy.frombuffer(frame, dtype=numpy.uint8))
        views.append(numpy.asarray(frame.buffer))
    del frame
    while views:
        collect()
        assert all(bytes(view) == pattern(size) for view in views)
        views.pop(0)


def test_a_message_is_closed_once(monkeypatch):
    """Counted where libzmq is asked to: frames, their views and their copies, in any order."""
    library = load()
    closed = []
    real = library.nowait.msg_close

    class Calls:
        def __getattr__(self, name):
            return getattr(library.nowait, name)

        def msg_close(self, argument):
            closed.append(argument)
            return real(argument)

    class Library:
        nowait = Calls()
        messages = Messages(nowait, library.inline)

        def __getattr__(self, name):
            return getattr(library, name)

    frames = [zmq.Frame.__new__(zmq.Frame) for _ in range(3)]
    for frame in frames:
        content_module.Content.__init__(frame, Library())
        frame._fill(memoryview(pattern(1000)))
    closed.clear()  # filling closes what was there
    del frame
    views = [memoryview(frames[0]), frames[1].buffer, frames[1].buffer[10:]]
    other = copy.copy(frames[2])
    frames.clear()
    collect()
    assert len(closed) == 1  # the third frame's, whose bytes the copy has
    assert other.bytes == pattern(1000)
    del other
    collect()
    assert len(closed) == 2
    views.clear()
    collect()
    assert len(closed) == 4


@pytest.mark.parametrize("size", [0, 10, 33, 34, 65536] if sys.implementation.name == "cpython" else [0, 65536])
def test_a_received_message_is_given_back_once(pair, size):
    """To the store that it came from: closed there, or kept for the next one if it is small."""
    a, b = pair
    store = b._library.messages
    for _ in range(3):
        a.send(pattern(size))
        frame = b.recv(copy=False)
        entry = frame._entry
        view, other = frame.buffer, copy.copy(frame)
        assert all(kept is not entry for kept in [*store.used, *store.fresh])
        del frame
        collect()
        assert bytes(view) == other.bytes == pattern(size)
        if size:
            # Nothing shows an empty view whose it is.
            assert all(kept is not entry for kept in [*store.used, *store.fresh])
        del view
        collect()
        assert sum(kept is entry for kept in [*store.used, *store.fresh]) == 1
        assert other.bytes == pattern(size)
        del other
    collect()
    kept = [id(entry) for entry in [*store.used, *store.fresh]]
    assert len(kept) == len(set(kept))


def test_a_receive_that_fails_gives_its_message_back(pair):
    store = pair[0]._library.messages
    collect()
    with pytest.raises(zmq.Again):
        pair[0].recv(zmq.DONTWAIT, copy=False)
    collect()
    before = len(store.used) + len(store.fresh)
    for _ in range(3):
        with pytest.raises(zmq.Again):
            pair[0].recv(zmq.DONTWAIT, copy=False)
        collect()
    assert len(store.used) + len(store.fresh) == before


def test_what_is_half_made_goes_quietly():
    """An error of a signal handler may come between any two steps."""
    zmq.Frame.__new__(zmq.Frame)
    content_module.Content.__new__(content_module.Content)
    collect()  # an error in a destructor would be a warning, and so fail


# --- as programs written for pyzmq see it


def test_the_registry_from_outside(ledger):
    from zmq_ctypes.utils.garbage import gc as registry
    from zmq_ctypes.utils.garbage import gcref

    assert not registry.refs and len(registry.refs) == 0
    for size in (32, SIZE):
        for data in (bytes(size), bytearray(size)):
            frame = zmq.Frame(data, copy=False)
            (key,) = registry.refs
            entry = registry.refs[key]
            assert isinstance(entry, gcref)
            assert entry.obj is data
            assert not entry.event.is_set()
            del frame
            assert not registry.refs
            assert entry.event.is_set()
            del entry
