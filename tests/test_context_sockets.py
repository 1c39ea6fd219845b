"""Contexts and their sockets: the options that new ones begin with, who holds whom, shadows and classes of one's own."""

from __future__ import annotations

import copy
import gc
import warnings
import weakref

import pytest
from support import collected, until

import zmq_ctypes as zmq


@pytest.fixture
def make_context():
    made = []

    def make(*args, kind=zmq.Context, **kwargs):
        result = kind(*args, **kwargs)
        made.append(result)
        return result

    yield make
    for context in made:
        if not context.closed:
            context.destroy(linger=0)


# --- options that new sockets begin with


def test_socket_options_of_a_context_go_to_new_sockets(make_context):
    context = make_context()
    with context.socket(zmq.PUB) as before:
        context.linger = 5
        context.setsockopt(zmq.RCVTIMEO, 77)
        with context.socket(zmq.PUB) as after:
            assert (after.linger, after.rcvtimeo) == (5, 77)
        assert before.linger != 5
    assert context.linger == context.LINGER == 5
    assert context.getsockopt(zmq.RCVTIMEO) == 77
    assert context.sockopts == {zmq.LINGER: 5, zmq.RCVTIMEO: 77}


def test_an_option_that_does_not_suit_a_type_is_passed_over(make_context):
    context = make_context()
    context.subscribe = b"topic"
    context.linger = 0
    with context.socket(zmq.PUB) as socket:
        assert socket.linger == 0
    with context.socket(zmq.SUB) as socket:
        assert socket.linger == 0


def test_a_default_can_be_taken_back(make_context):
    context = make_context()
    context.linger = 5
    del context.linger
    assert context.sockopts == {}
    with pytest.raises(AttributeError):
        context.linger  # noqa: B018
    with pytest.raises(AttributeError):
        del context.linger


def test_a_default_that_was_never_set(make_context):
    context = make_context()
    with pytest.raises(AttributeError):
        context.linger  # noqa: B018
    with pytest.raises(KeyError):
        context.getsockopt(zmq.LINGER)


def test_defaults_belong_to_one_context(make_context):
    one, other = make_context(), make_context()
    one.linger = 5
    assert other.sockopts == {}


@pytest.mark.parametrize("name", ["no_such_option", "lingerr"])
def test_an_unknown_name_is_an_attribute_error(make_context, name):
    context = make_context()
    with pytest.raises(AttributeError, match="(?i)" + name):
        getattr(context, name)
    with pytest.raises(AttributeError, match="(?i)" + name):
        setattr(context, name, 1)


# --- references


def test_sockets_hold_their_context(make_socket, context):
    socket = make_socket(zmq.PULL)
    assert socket.context is context


def test_a_context_does_not_hold_its_sockets():
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    gone = weakref.ref(socket)
    socket.close()
    del socket
    until(lambda: collected(lambda: gone() is None), "something holds it")
    context.term()


def test_contexts_can_be_weakly_referenced():
    context = zmq.Context()
    gone = weakref.ref(context)
    assert gone() is context
    context.term()
    del context
    until(lambda: collected(lambda: gone() is None), "something holds it")


def test_a_forgotten_context_warns_and_ends():
    context = zmq.Context()
    with pytest.warns(ResourceWarning, match="(?i)unclosed context") as caught:
        del context
        until(lambda: collected(lambda: len(caught)), "no warning")


def test_a_failed_constructor_leaves_no_noise():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for wrong in (-1, "x"):
            with pytest.raises((zmq.ZMQError, TypeError)):
                zmq.Context(wrong)
        gc.collect()


# --- shadows and copies


@pytest.mark.parametrize(
    "shadow",
    [
        zmq.Context.shadow,
        lambda context: zmq.Context.shadow(context.underlying),
        zmq.Context,
        copy.copy,
        copy.deepcopy,
    ],
    ids=["shadow", "shadow of an address", "constructor", "copy", "deepcopy"],
)
def test_a_shadow_is_the_same_context_underneath(context, shadow):
    other = shadow(context)
    assert type(other) is zmq.Context
    assert other is not context
    assert other.underlying == context.underlying
    with context.socket(zmq.PAIR) as a, other.socket(zmq.PAIR) as b:
        a.bind("inproc://shadow")
        b.connect("inproc://shadow")
        a.send(b"x")
        assert b.recv() == b"x"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del other
        gc.collect()
    with context.socket(zmq.PAIR) as socket:
        assert not socket.closed
    assert not context.closed


def test_a_context_that_its_shadow_terminated_is_closed(make_context):
    """pyzmq 27.3 believes it to be open, and answers "Bad address" when it is destroyed later."""
    context = make_context()
    shadow = zmq.Context.shadow(context)
    shadow.term()
    assert shadow.closed and context.closed and context.underlying == 0
    context.term()
    context.destroy()
    with pytest.raises(zmq.ZMQError) as caught:
        context.socket(zmq.PAIR)
    assert caught.value.errno == zmq.ENOTSUP


# --- what it looks like


def test_repr_counts_the_sockets(make_context):
    context = make_context()
    assert repr(context).startswith("<zmq.Context() at 0x")
    socket = context.socket(zmq.PULL)
    assert repr(context).startswith("<zmq.Context(1 socket) at 0x")
    with context.socket(zmq.PULL):
        assert repr(context).startswith("<zmq.Context(2 sockets) at 0x")
    socket.close()
    context.term()
    assert repr(context).endswith(" closed>")


def test_repr_of_a_subclass_names_it(make_context):
    class Mine(zmq.Context):
        pass

    assert "Mine(" in repr(make_context(kind=Mine))


# --- sockets of a context


def test_a_class_of_sockets_of_ones_own(make_context):
    class MySocket(zmq.Socket):
        pass

    class MyContext(zmq.Context):
        _socket_class = MySocket

    context = make_context(kind=MyContext)
    with context.socket(zmq.PUB) as socket:
        assert type(socket) is MySocket
        assert socket.type == zmq.PUB
    with context.socket(zmq.PUB, socket_class=zmq.Socket) as socket:
        assert type(socket) is zmq.Socket


def test_arguments_go_on_to_the_socket(context):
    class Named(zmq.Socket):
        name = None

        def __init__(self, context, kind, name, **kwargs):
            super().__init__(context, kind, **kwargs)
            self.name = name

    with context.socket(zmq.PUB, Named, name="mine", copy_threshold=7) as socket:
        assert socket.name == "mine"
        assert socket.copy_threshold == 7


def test_attributes_of_a_subclass_are_its_own(make_context):
    class Mine(zmq.Context):
        label = "none"
        later: int

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.label = "one"

    context = make_context(kind=Mine)
    assert context.label == "one"
    context.later = 3
    assert context.later == 3
    with pytest.raises(AttributeError):
        context.never = 3
