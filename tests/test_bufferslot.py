"""Classes written in Python that offer a buffer, on CPython before 3.12 as well."""

from __future__ import annotations

import ctypes
import gc
import sys
import weakref

import pytest

from zmq_ctypes.bufferslot import fill_buffer_slot

CPYTHON = sys.implementation.name == "cpython"

pytestmark = pytest.mark.skipif(not CPYTHON, reason="about CPython; PyPy calls __buffer__ by itself")


class Exporter:
    def __init__(self, data):
        self.data = data
        self.asked = []

    def __buffer__(self, flags):
        self.asked.append(flags)
        return memoryview(self.data)


FILLED = fill_buffer_slot(Exporter)


def test_it_works_here():
    assert FILLED is True


@pytest.mark.parametrize(
    "read", [bytes, bytearray, lambda thing: memoryview(thing).tobytes(), lambda thing: b"".join([thing])]
)
def test_everything_that_reads_buffers_reads_it(read):
    assert read(Exporter(b"abc")) == b"abc"


def test_it_can_be_written_through():
    data = bytearray(b"abc")
    view = memoryview(Exporter(data))
    assert not view.readonly
    view[0] = ord("x")
    assert data == b"xbc"
    with open("/dev/null", "rb") as file:
        assert file.readinto(Exporter(bytearray(3))) == 0


def test_read_only_stays_read_only():
    view = memoryview(Exporter(b"abc"))
    assert view.readonly
    with pytest.raises((BufferError, TypeError)):
        (ctypes.c_char * 3).from_buffer(Exporter(b"abc"))


def test_the_memory_is_held_and_let_go():
    data = bytearray(b"abc")
    exporter = Exporter(data)
    view = memoryview(exporter)
    del exporter
    gc.collect()
    with pytest.raises(BufferError):
        data.append(0)
    assert view.tobytes() == b"abc"
    view.release()
    data.append(0)


def test_no_references_are_lost():
    data = bytearray(1000)
    exporter = Exporter(data)
    before = sys.getrefcount(data), sys.getrefcount(exporter)
    for _ in range(100):
        memoryview(exporter).release()
        bytes(exporter)
    exporter.asked.clear()
    assert (sys.getrefcount(data), sys.getrefcount(exporter)) == before
    watched = weakref.ref(exporter)
    del exporter
    gc.collect()
    assert watched() is None


#: Before 3.12 the interpreter sees that the method failed, but ctypes lets no exception out of a callback.
FAILURES = (TypeError, BufferError, KeyError) if sys.version_info >= (3, 12) else (SystemError,)


def test_errors_are_errors():
    exporter = Exporter(b"abc")
    exporter.data = 5
    for _ in range(10):
        with pytest.raises(FAILURES):
            memoryview(exporter)
    exporter.data = b"def"
    assert bytes(exporter) == b"def"

    class Refusing(Exporter):
        def __buffer__(self, flags):
            raise KeyError("on purpose")

    with pytest.raises(FAILURES):
        memoryview(Refusing(b""))


@pytest.mark.parametrize("answer", [None, 5, b"bytes", "text"], ids=repr)
def test_an_answer_that_is_no_memoryview(answer):
    """An exception or its bytes; nothing worse."""

    class Odd(Exporter):
        def __buffer__(self, flags):
            return answer

    try:
        result = bytes(memoryview(Odd(b"")))
    except FAILURES:
        pass
    else:
        assert result == answer


def test_classes_derived_later_offer_it_too():
    class Later(Exporter):
        pass

    class Slotted(Exporter):
        __slots__ = ("extra",)

    assert bytes(Later(b"abc")) == bytes(Slotted(b"abc")) == b"abc"


def test_other_classes_do_not():
    class Other:
        pass

    with pytest.raises(TypeError):
        memoryview(Other())


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="since 3.12 the interpreter does it")
@pytest.mark.parametrize("builtin", [int, str, list, object], ids=repr)
def test_types_of_the_interpreter_are_left_alone(builtin):
    assert fill_buffer_slot(builtin) is False
    with pytest.raises(TypeError):
        memoryview(builtin())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before 3.12 it has to be done")
def test_nothing_is_done_where_the_interpreter_does_it():
    assert fill_buffer_slot(int) is True
    with pytest.raises(TypeError):
        memoryview(1)
