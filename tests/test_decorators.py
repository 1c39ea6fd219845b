"""Contexts and sockets as arguments: where they come, in which context, and that they are closed."""

from __future__ import annotations

import asyncio
import inspect

import pytest

import zmq_ctypes as zmq
from zmq_ctypes.decorators import context, socket


@pytest.fixture(autouse=True)
def own_instance(monkeypatch):
    monkeypatch.setattr(zmq.Context, "_instance", None)
    yield
    if zmq.Context._instance is not None:
        zmq.Context._instance.destroy(0)


def test_the_context_comes_last():
    @context()
    def work(first, ctx, *, other):
        assert type(ctx) is zmq.Context and not ctx.closed
        return first, ctx, other

    first, ctx, other = work(1, other=2)
    assert (first, other) == (1, 2)
    assert ctx.closed


@pytest.mark.parametrize("how", [context("ctx"), context(name="ctx")])
def test_the_context_under_a_name(how):
    @how
    def work(first, ctx=None):
        return first, ctx

    first, ctx = work(1)
    assert first == 1 and ctx.closed


def test_arguments_go_to_the_context():
    assert context(3)(lambda ctx: ctx.io_threads)() == 3
    assert context("ctx", io_threads=4)(lambda ctx: ctx.io_threads)() == 4


def test_each_call_has_its_own():
    work = context()(lambda ctx: ctx)
    assert work() is not work()


def test_sockets_in_the_context_above():
    @context()
    @socket(zmq.PUB)
    @socket(zmq.SUB, name="sub")
    def work(ctx, pub, sub):
        assert (pub.type, sub.type) == (zmq.PUB, zmq.SUB)
        assert pub.context is sub.context is ctx
        return ctx, pub, sub

    assert all(thing.closed for thing in work())


def test_the_context_by_name():
    @context("ctx")
    @socket("pub", zmq.PUB, context_name="ctx")
    def work(ctx, pub):
        return pub.context is ctx

    assert work()


def test_the_context_that_the_caller_gives(context):
    assert socket(zmq.PUB)(lambda ctx, pub: pub.context is ctx)(context)
    assert socket(zmq.PUB)(lambda pub, context: pub.context is context)(context=context)


@pytest.mark.parametrize("given", [5, None])
def test_the_instance_of_the_process_otherwise(given):
    @socket(zmq.PUB)
    def work(pub, context=None):
        return pub.context

    assert work(context=given) is zmq.Context.instance()


def test_methods():
    class Worker:
        @context()
        @socket(zmq.PUSH)
        def work(self, ctx, push):
            return self, ctx, push

    worker = Worker()
    me, ctx, push = worker.work()
    assert me is worker and ctx.closed and push.closed


def test_closed_after_an_exception():
    seen = []

    @context()
    @socket(zmq.PUSH)
    def work(ctx, push):
        seen.extend([ctx, push])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert all(thing.closed for thing in seen)


def test_coroutine_functions():
    @context()
    @socket("push", zmq.PUSH)
    async def work(ctx, push):
        await asyncio.sleep(0)
        assert not push.closed and not ctx.closed
        return ctx, push

    assert inspect.iscoroutinefunction(work)
    assert all(thing.closed for thing in asyncio.run(work()))


def test_the_name_of_the_function_stays():
    @context()
    def work(ctx):
        """Work."""

    assert work.__name__ == "work" and work.__doc__ == "Work."


@pytest.mark.parametrize("decorator", [context("it"), socket("it", zmq.PUB)])
def test_the_caller_has_given_it_too(decorator):
    with pytest.raises(TypeError, match="multiple values for argument 'it'"):
        decorator(lambda it: None)(it=5)


def test_no_type_of_socket():
    with pytest.raises(TypeError, match="socket_type"):
        socket()(lambda it: None)()


def test_two_names():
    with pytest.raises(TypeError, match="two names: 'a' and 'b'"):
        socket("a", zmq.PUB, name="b")


@pytest.mark.parametrize("decorator", [context, socket])
def test_without_parentheses(decorator):
    with pytest.raises(TypeError, match="parentheses"):

        @decorator
        def work(it):
            pass


def test_what_is_no_function():
    with pytest.raises(TypeError, match="must be a function"):
        context()(5)
