"""Errors: the class follows from the errno, the text says what was wrong, and nothing of it is lost on the way."""

from __future__ import annotations

import copy
import errno
import pickle
import threading

import children
import pytest

import zmq_ctypes as zmq

TREE = [
    (zmq.ZMQBaseError, Exception),
    (zmq.ZMQError, zmq.ZMQBaseError),
    (zmq.ZMQBindError, zmq.ZMQBaseError),
    (zmq.NotDone, zmq.ZMQBaseError),
    (zmq.ContextTerminated, zmq.ZMQError),
    (zmq.Again, zmq.ZMQError),
    (zmq.InterruptedSystemCall, zmq.ZMQError),
    (zmq.InterruptedSystemCall, InterruptedError),
    (zmq.ZMQVersionError, NotImplementedError),
    (zmq.DraftFDWarning, RuntimeWarning),
]

NAMED = [(zmq.Again, errno.EAGAIN), (zmq.ContextTerminated, zmq.ETERM), (zmq.InterruptedSystemCall, errno.EINTR)]


@pytest.mark.parametrize(("derived", "base"), TREE)
def test_the_tree(derived, base):
    assert issubclass(derived, base)


@pytest.mark.parametrize("name", ["ZMQBaseError", "ZMQError", "ZMQBindError", "NotDone", "ContextTerminated", "Again"])
def test_the_module_and_the_package_share_the_classes(name):
    assert getattr(zmq.error, name) is getattr(zmq, name)


def test_an_errno_brings_its_text():
    error = zmq.ZMQError(errno.EINVAL)
    assert error.errno == errno.EINVAL
    assert error.strerror == zmq.strerror(errno.EINVAL) == str(error)
    assert error.args == (errno.EINVAL,)
    assert repr(error) == f"ZMQError({zmq.strerror(errno.EINVAL)!r})"


def test_a_message_of_ones_own_replaces_the_text():
    error = zmq.ZMQError(errno.EINVAL, "not like this")
    assert error.errno == errno.EINVAL
    assert str(error) == error.strerror == "not like this"


def test_a_text_instead_of_an_errno():
    error = zmq.ZMQError("only words")
    assert error.errno is None
    assert str(error) == error.strerror == "only words"


def test_without_an_errno_the_last_one_is_read(make_socket):
    with pytest.raises(zmq.Again):
        make_socket(zmq.PULL).recv(zmq.DONTWAIT)
    assert isinstance(zmq.ZMQError().errno, int)


@pytest.mark.parametrize(("kind", "number"), NAMED)
def test_a_class_with_one_errno_knows_it(kind, number):
    error = kind()
    assert error.errno == number
    assert error.strerror == zmq.strerror(number)
    assert str(error).startswith(zmq.strerror(number))


@pytest.mark.parametrize("kind", [zmq.Again, zmq.ContextTerminated])
def test_arguments_cannot_change_the_errno_of_such_a_class(kind):
    assert kind("anything", "else").errno == kind().errno
    assert isinstance(kind().errno, zmq.Errno)


@pytest.mark.parametrize(
    "error",
    [zmq.ZMQError(errno.EADDRINUSE), zmq.ZMQError(errno.EINVAL, "text"), zmq.ZMQError("words"), zmq.Again()],
    ids=repr,
)
@pytest.mark.parametrize("way", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_errors_can_be_copied_and_pickled(error, way):
    other = way(error)
    assert type(other) is type(error)
    assert (other.errno, other.strerror, str(other)) == (error.errno, error.strerror, str(error))


def test_a_version_error_says_what_is_needed_and_what_is_there():
    error = zmq.ZMQVersionError("9.9.9", "Teleport")
    assert error.min_version == "9.9.9"
    assert error.msg == "Teleport"
    assert error.version == zmq.zmq_version()
    assert "Teleport" in str(error) and "9.9.9" in str(error) and zmq.zmq_version() in str(error)


@pytest.mark.parametrize("name", ["EAGAIN", "EINVAL", "ENOTSUP", "EADDRINUSE", "EHOSTUNREACH", "EMSGSIZE", "ENOTSOCK"])
def test_the_systems_errnos_keep_their_numbers(name):
    assert getattr(zmq, name) == getattr(errno, name)
    assert getattr(zmq, name) is getattr(zmq.Errno, name)


def test_libzmqs_own_errnos():
    assert (zmq.EFSM, zmq.ENOCOMPATPROTO, zmq.ETERM, zmq.EMTHREAD) == tuple(156384712 + n for n in (51, 52, 53, 54))


def test_strerror_knows_both_kinds():
    assert zmq.strerror(zmq.ETERM) == "Context was terminated"
    assert "current state" in zmq.strerror(zmq.EFSM)
    assert all(isinstance(zmq.strerror(number), str) and zmq.strerror(number) for number in zmq.Errno)
    assert isinstance(zmq.strerror(99999), str)


@pytest.mark.parametrize("wrong", ["EAGAIN", None, b"1"])
def test_strerror_wants_a_number(wrong):
    with pytest.raises(TypeError):
        zmq.strerror(wrong)


def test_zmq_errno_is_the_number_of_the_last_failure(make_socket):
    with pytest.raises(zmq.ZMQError):
        make_socket(zmq.PULL).bind("no-such-transport://x")
    assert isinstance(zmq.zmq_errno(), int)


def test_nothing_there_is_again(make_socket):
    with pytest.raises(zmq.Again) as caught:
        make_socket(zmq.PULL).recv(zmq.DONTWAIT)
    assert caught.value.errno == errno.EAGAIN


def test_a_terminated_context_is_told_by_its_class():
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    ended = threading.Thread(target=context.term, daemon=True)
    ended.start()
    try:
        with pytest.raises(zmq.ContextTerminated) as caught:
            socket.recv()
        assert caught.value.errno == zmq.ETERM
        with pytest.raises(zmq.ContextTerminated):
            socket.get(zmq.EVENTS)
        assert not socket.closed
    finally:
        socket.close(linger=0)
    ended.join(30)
    assert not ended.is_alive()


def test_the_wrong_turn_of_a_request(make_socket):
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.REQ).recv()
    assert caught.value.errno == zmq.EFSM


@pytest.mark.parametrize(
    ("kind", "act"), [(zmq.PULL, "send"), (zmq.PUSH, "recv"), (zmq.PUB, "recv"), (zmq.SUB, "send")]
)
def test_what_a_type_cannot_do_is_not_supported(make_socket, kind, act):
    socket = make_socket(kind)
    with pytest.raises(zmq.ZMQError) as caught:
        socket.send(b"x") if act == "send" else socket.recv()
    assert caught.value.errno == errno.ENOTSUP


ADDRESSES = [
    ("nothing", errno.EINVAL),
    ("", errno.EINVAL),
    ("foo://x", errno.EPROTONOSUPPORT),
    ("tcp://127.0.0.1", errno.EINVAL),
    ("tcp://127.0.0.1:nine", errno.EINVAL),
]


@pytest.mark.parametrize("way", ["bind", "connect"])
@pytest.mark.parametrize("spell", [str, str.encode], ids=["str", "bytes"])
@pytest.mark.parametrize(("address", "number"), ADDRESSES)
def test_a_wrong_address_is_named(make_socket, way, spell, address, number):
    with pytest.raises(zmq.ZMQError) as caught:
        getattr(make_socket(zmq.PUSH), way)(spell(address))
    assert caught.value.errno == number
    assert address in str(caught.value)
    assert zmq.strerror(number) in str(caught.value)


def test_a_taken_address(make_socket):
    first = make_socket(zmq.PULL)
    first.bind("tcp://127.0.0.1:*")
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.PULL).bind(first.last_endpoint)
    assert caught.value.errno == errno.EADDRINUSE
    assert first.last_endpoint.decode() in str(caught.value)


@pytest.mark.parametrize("way", ["unbind", "disconnect"])
def test_an_address_that_is_not_in_use(make_socket, way):
    with pytest.raises(zmq.ZMQError) as caught:
        getattr(make_socket(zmq.PUSH), way)("tcp://127.0.0.1:5")
    assert caught.value.errno == errno.ENOENT


@pytest.mark.parametrize("spell", [str, str.encode], ids=["str", "bytes"])
def test_a_missing_folder_for_ipc(make_socket, tmp_path, spell):
    """bytes: pyzmq 27.3 answers TypeError instead."""
    path = str(tmp_path / "no" / "s")
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.PULL).bind(spell("ipc://" + path))
    assert caught.value.errno == errno.ENOENT
    assert path in str(caught.value)


@pytest.mark.parametrize("spell", [str, str.encode], ids=["str", "bytes"])
def test_a_path_too_long_for_ipc(make_socket, spell):
    """bytes: pyzmq 27.3 answers TypeError instead."""
    path = "/tmp/" + "x" * 200
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.PULL).bind(spell("ipc://" + path))
    assert caught.value.errno == errno.ENAMETOOLONG
    assert path in str(caught.value)
    assert str(zmq.IPC_PATH_MAX_LEN) in str(caught.value)


def test_each_thread_reads_its_own_errno(context):
    """Two threads fail in different ways at the same time; neither sees the other's number."""
    wrong = []

    def fail(kind, expected):
        socket = context.socket(kind)
        try:
            for _ in range(2000):
                try:
                    socket.recv(zmq.DONTWAIT)
                except zmq.ZMQError as error:
                    if error.errno != expected:
                        wrong.append((kind, error.errno))
        finally:
            socket.close(linger=0)

    plans = [(zmq.PULL, errno.EAGAIN), (zmq.PUSH, errno.ENOTSUP), (zmq.REQ, zmq.EFSM)]
    threads = [threading.Thread(target=fail, args=plan) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_number_is_the_first_argument_whatever_the_class(context):
    """Programs of old look at ``error.args[0]``."""
    with context.socket(zmq.PULL) as socket, pytest.raises(zmq.Again) as caught:
        socket.recv(zmq.DONTWAIT)
    assert caught.value.args == (errno.EAGAIN,)
    assert zmq.error.from_errno(errno.EAGAIN).args == (errno.EAGAIN,)
    assert zmq.error.from_errno(zmq.ETERM).args == (zmq.ETERM,)


def test_the_texts_of_libzmq_without_a_libzmq():
    """As in a process that only unpickles errors."""
    said = children.check(
        """
        import os
        texts = [str(zmq.ContextTerminated()), str(zmq.ZMQError(zmq.EFSM)), zmq.strerror(zmq.EMTHREAD)]
        texts += [zmq.strerror(zmq.ENOCOMPATPROTO)]
        assert zmq.strerror(zmq.EAGAIN) == os.strerror(zmq.EAGAIN)
        assert zmq.loader.loaded() is None
        zmq.loader.load()
        print(texts == [zmq.strerror(number) for number in (zmq.ETERM, zmq.EFSM, zmq.EMTHREAD, zmq.ENOCOMPATPROTO)])
        """
    )
    assert said == "True\n"


def test_what_pyzmq_keeps_to_itself(make_socket):
    zmq.error._check_rc(0)
    zmq.error._check_rc(-1, 0, error_without_errno=False)
    with pytest.raises(zmq.Again):
        zmq.error._check_rc(-1, errno.EAGAIN)
    with pytest.raises(zmq.ZMQError, match="nvalid") as caught:
        zmq.error._check_rc(-1, errno.EINVAL)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.PULL).bind("no-such-transport://x")
    with pytest.raises(zmq.ZMQError) as again:
        zmq.error._check_rc(-1)
    assert again.value.errno == caught.value.errno
    zmq.error._check_version((3, 2))
    with pytest.raises(zmq.ZMQVersionError, match="9.1.2") as caught:
        zmq.error._check_version((9, 1, 2), "flying")
    assert caught.value.msg == "flying"
