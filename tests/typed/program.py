"""A user's program as a type checker sees it: read by mypy in the session ``types`` of .ci/noxfile.py, and never run.

`assert_type` fails where a hint says less, or something else, than here.  What must be an error has a ``type: ignore`` with
its code, which mypy reports as unused if the error is gone.  Written as a program for pyzmq; what pyzmq's own hints get
wrong, or do not know, is marked.
"""

# What follows something of type Never would go unseen.
# mypy: warn-unreachable

from __future__ import annotations

from asyncio import Future
from typing import TYPE_CHECKING, Any, List, Sequence, Tuple, Union

import zmq_ctypes as zmq
import zmq_ctypes.asyncio
import zmq_ctypes.auth
import zmq_ctypes.auth.thread
import zmq_ctypes.devices
from zmq_ctypes.decorators import context, socket
from zmq_ctypes.utils import jsonapi, z85
from zmq_ctypes.utils.monitor import recv_monitor_message

if TYPE_CHECKING:
    from typing_extensions import assert_type

    SyncSocket = zmq.Socket[bytes]
    SyncContext = zmq.Context[zmq.Socket[bytes]]


# -- contexts ---------------------------------------------------------------------------------------------------------


def contexts(address: int) -> None:
    ctx = zmq.Context()
    assert_type(ctx, SyncContext)
    assert_type(zmq.Context(2), SyncContext)
    assert_type(zmq.Context(io_threads=2), SyncContext)
    assert_type(zmq.Context(zmq.asyncio.Context()), SyncContext)
    assert_type(zmq.Context(shadow=address), SyncContext)
    assert_type(zmq.asyncio.Context(), zmq.asyncio.Context)
    assert_type(zmq.asyncio.Context(ctx), zmq.asyncio.Context)
    assert_type(zmq.asyncio.Context(shadow=ctx), zmq.asyncio.Context)
    # pyzmq: of sockets that cannot be.
    assert_type(zmq.Context.instance(), SyncContext)
    assert_type(zmq.Context.shadow(address), SyncContext)
    assert_type(zmq.asyncio.Context.instance(), zmq.asyncio.Context)
    assert_type(zmq.asyncio.Context.shadow(address), zmq.asyncio.Context)
    assert_type(ctx.closed, bool)
    assert_type(ctx.underlying, int)
    with zmq.Context() as entered:
        assert_type(entered, SyncContext)
    with zmq.asyncio.Context() as awaited:
        assert_type(awaited, zmq.asyncio.Context)
    ctx.setsockopt(zmq.LINGER, 0)
    ctx.destroy(linger=0)
    ctx.term()
    zmq.Context("2")  # type: ignore[call-overload]
    zmq.Context(2, shadow=ctx)  # type: ignore[call-overload]


class Mine(zmq.Socket[bytes]):
    """A program's own kind of sockets."""

    sent: int = 0

    def send_twice(self, data: bytes) -> None:
        self.send(data)
        self.send(data)


class MyContext(zmq.Context[Mine]):
    _socket_class = Mine


def sockets_of(ctx: SyncContext, awaited: zmq.asyncio.Context, mine: MyContext, any_context: zmq.Context[Any]) -> None:
    assert_type(ctx.socket(zmq.REQ), SyncSocket)
    assert_type(zmq.Context().socket(zmq.REQ), SyncSocket)
    assert_type(zmq.Context.instance().socket(zmq.REQ), SyncSocket)
    assert_type(awaited.socket(zmq.REQ), zmq.asyncio.Socket)
    assert_type(mine.socket(zmq.REQ), Mine)
    assert_type(MyContext.instance(), MyContext)
    # pyzmq: an error.
    assert_type(ctx.socket(zmq.REQ, socket_class=zmq.asyncio.Socket), zmq.asyncio.Socket)
    assert_type(ctx.socket(zmq.REQ, Mine), Mine)
    assert_type(awaited.socket(zmq.REQ, socket_class=zmq.Socket), SyncSocket)
    assert_type(zmq.Socket(ctx, zmq.REQ), SyncSocket)
    assert_type(zmq.Socket(awaited.socket(zmq.REQ)), SyncSocket)
    assert_type(zmq.Socket(shadow=ctx.socket(zmq.REQ)), SyncSocket)
    assert_type(zmq.asyncio.Socket(ctx.socket(zmq.REQ)), zmq.asyncio.Socket)
    assert_type(zmq.asyncio.Socket.from_socket(ctx.socket(zmq.REQ)), zmq.asyncio.Socket)
    assert_type(Mine.shadow(ctx.socket(zmq.REQ)), Mine)
    any_context.socket(zmq.REQ).whatever()
    z: int = ctx.socket(zmq.REQ)  # type: ignore[assignment]
    del z
    zmq.Socket(zmq.REQ)  # type: ignore[call-overload]
    ctx.socket("REQ")  # type: ignore[call-overload]


# -- options ----------------------------------------------------------------------------------------------------------


def options(sock: SyncSocket, awaited: zmq.asyncio.Socket, ctx: SyncContext) -> None:
    assert_type(sock.linger, int)
    assert_type(sock.LINGER, int)
    assert_type(sock.rcvtimeo, int)
    assert_type(sock.last_endpoint, bytes)
    assert_type(sock.events, int)
    assert_type(sock.maxmsgsize, int)
    assert_type(sock.hwm, int)
    assert_type(sock.HWM, int)
    assert_type(sock.fd, int)
    assert_type(sock.FD, int)
    assert_type(sock.fileno(), int)
    assert_type(sock.type, int)
    assert_type(sock.TYPE, int)
    assert_type(sock.context, zmq.Context[Any])
    assert_type(sock.copy_threshold, int)
    assert_type(awaited.linger, int)
    assert_type(awaited.last_endpoint, bytes)
    sock.linger = 0
    sock.identity = b"name"
    sock.hwm = 5
    sock.curve_secretkey = b"..."
    sock.subscribe("topic")
    sock.subscribe(topic=b"topic")
    # pyzmq: an error.
    sock.subscribe = b"topic"
    sock.SUBSCRIBE = "topic"
    sock.set(zmq.LINGER, 0)
    sock.setsockopt(zmq.IDENTITY, b"name")
    sock.setsockopt_string(zmq.SUBSCRIBE, "")
    assert_type(sock.get_string(zmq.LAST_ENDPOINT), str)
    assert_type(ctx.io_threads, int)
    assert_type(ctx.MAX_SOCKETS, int)
    assert_type(ctx.thread_name_prefix, Union[int, bytes])
    assert_type(ctx.linger, int)
    ctx.linger = 0
    ctx.hwm = 5
    ctx.subscribe = b""
    sock.lingr  # type: ignore[attr-defined]  # noqa: B018
    sock.linger = "0"  # type: ignore[assignment]
    sock.identity = "name"  # type: ignore[assignment]
    sock.subscribe = 5  # type: ignore[assignment]
    ctx.io_thread  # type: ignore[attr-defined]  # noqa: B018
    sock.setsockopt_string(zmq.SUBSCRIBE, b"")  # type: ignore[arg-type]


# -- sending and receiving --------------------------------------------------------------------------------------------


def messages(sock: SyncSocket, copy: bool, parts: Sequence[bytes], mixed: list[bytes | zmq.Frame]) -> None:
    sock.send(b"data", zmq.SNDMORE)
    sock.send(memoryview(b"data"), flags=zmq.DONTWAIT | zmq.SNDMORE)
    sock.send(bytearray(b"data"), routing_id=1, group="group")
    sock.send(b"data", copy=False, track=True).wait()
    assert_type(sock.send(b"data", copy=False), zmq.MessageTracker)
    assert_type(sock.send(b"data", 0, False), zmq.MessageTracker)
    assert_type(sock.send(zmq.Frame(b"data")), zmq.MessageTracker)
    assert_type(sock.send(b"data", 0, copy), Union[zmq.MessageTracker, None])
    assert_type(sock.send_multipart(parts), Union[zmq.MessageTracker, None])
    assert_type(sock.send_multipart(mixed, copy=False, track=True), Union[zmq.MessageTracker, None])
    assert_type(sock.recv(), bytes)
    assert_type(sock.recv(zmq.DONTWAIT), bytes)
    assert_type(sock.recv(copy=True), bytes)
    assert_type(sock.recv(copy=False), zmq.Frame)
    assert_type(sock.recv(0, False, True), zmq.Frame)
    assert_type(sock.recv(0, copy), Union[bytes, zmq.Frame])
    assert_type(sock.recv_multipart(), List[bytes])
    assert_type(sock.recv_multipart(copy=False), List[zmq.Frame])
    assert_type(sock.recv_multipart(0, False), List[zmq.Frame])
    # pyzmq: an error.
    assert_type(sock.recv_multipart(copy=copy), Union[List[bytes], List[zmq.Frame]])
    assert_type(sock.recv_into(bytearray(10)), int)
    assert_type(sock.send_string("text"), Union[zmq.MessageTracker, None])
    assert_type(sock.recv_string(), str)
    assert_type(sock.recv_unicode(), str)
    sock.send_json({"key": [1, 2]}, zmq.SNDMORE, indent=1)
    assert_type(sock.recv_json(), Any)
    sock.send_pyobj({1, 2}, protocol=4)
    assert_type(sock.recv_pyobj(), Any)
    sock.send_serialized(3, lambda number: [b"%d" % number])
    assert_type(sock.recv_serialized(lambda frames: int(frames[0])), int)
    assert_type(sock.poll(1000), int)
    assert_type(sock.poll(flags=zmq.POLLOUT), int)
    sock.send("text")  # type: ignore[call-overload]
    sock.send(b"data").wait()  # type: ignore[attr-defined]
    sock.send_multipart(["text"])  # type: ignore[list-item]
    number: int = sock.recv()  # type: ignore[assignment]
    del number


def endpoints(sock: SyncSocket) -> None:
    assert_type(sock.bind_to_random_port("tcp://127.0.0.1"), int)
    with sock.bind("tcp://127.0.0.1:*") as bound, sock.connect("inproc://a") as connected:
        assert_type(bound, SyncSocket)
        assert_type(connected, SyncSocket)
    with sock as entered:
        assert_type(entered, SyncSocket)
    sock.unbind(sock.last_endpoint)
    sock.disconnect("inproc://a")
    assert_type(sock.closed, bool)
    sock.close(linger=0)
    sock.bind(5555)  # type: ignore[arg-type]


def frames_and_trackers(frame: zmq.Frame) -> None:
    made = zmq.Frame(b"data", track=True, copy=False)
    assert_type(made.bytes, bytes)
    assert_type(made.buffer, memoryview)
    assert_type(bytes(made), bytes)
    assert_type(len(made), int)
    assert_type(frame.more, bool)
    assert_type(frame.get(zmq.MORE), int)
    assert_type(frame.get("routing_id"), int)
    assert_type(frame.get("group"), str)
    assert_type(frame["User-Id"], Union[int, str])
    assert_type(frame.group, str)
    assert_type(frame.routing_id, int)
    assert_type(frame.shared, int)
    frame.set("group", "name")
    view = memoryview(frame)
    tracker = zmq.MessageTracker(made, zmq.MessageTracker())
    assert_type(tracker.done, bool)
    tracker.wait(timeout=1.5)
    frame.set("group", 5)  # type: ignore[call-overload]
    frame.mor  # type: ignore[attr-defined]  # noqa: B018
    del view


def polling(first: SyncSocket, second: zmq.asyncio.Socket) -> None:
    poller = zmq.Poller()
    poller.register(first, zmq.POLLIN)
    poller.register(0, zmq.POLLIN | zmq.POLLOUT)
    poller.modify(first)
    assert_type(poller.poll(1000), List[Tuple[Any, int]])
    events: dict[Any, int] = dict(poller.poll())
    assert_type(events[first], int)
    readable, _, _ = zmq.select([first], [], [], timeout=0.5)
    assert_type(readable, List[Any])
    assert_type(zmq.zmq_poll([(first, zmq.POLLIN)], 0), List[Tuple[Any, int]])
    poller.unregister(first)


# -- event loops ------------------------------------------------------------------------------------------------------


async def awaiting(sock: zmq.asyncio.Socket, plain: SyncSocket, copy: bool) -> None:
    data: bytes = await sock.recv()
    assert_type(await sock.recv(), bytes)
    assert_type(await sock.recv(flags=zmq.DONTWAIT), bytes)
    assert_type(await sock.recv(copy=False), zmq.Frame)
    assert_type(await sock.recv(0, False), zmq.Frame)
    assert_type(await sock.recv(copy=copy), Union[bytes, zmq.Frame])
    assert_type(await sock.recv_multipart(), List[bytes])
    assert_type(await sock.recv_multipart(copy=False), List[zmq.Frame])
    assert_type(await sock.recv_multipart(copy=copy), Union[List[bytes], List[zmq.Frame]])
    assert_type(await sock.recv_into(bytearray(10)), int)
    assert_type(await sock.recv_string(), str)
    # pyzmq: an error, the next one as well.
    assert_type(await sock.recv_unicode(), str)
    assert_type(await sock.recv_serialized(lambda frames: int(frames[0])), int)
    assert_type(await sock.recv_json(), Any)
    assert_type(await sock.recv_pyobj(), Any)
    await sock.send(data, copy=False, track=True)
    assert_type(await sock.send(data), Union[zmq.MessageTracker, None])
    assert_type(await sock.send_multipart([data, zmq.Frame(data)]), Union[zmq.MessageTracker, None])
    # pyzmq: a frame.
    assert_type(await sock.send_string("text"), Union[zmq.MessageTracker, None])
    await sock.send_json({"key": 1})
    await sock.send_pyobj({1, 2})
    await sock.send_serialized(3, lambda number: [b"%d" % number])
    # pyzmq: what a poller returns.
    assert_type(await sock.poll(1000, zmq.POLLIN), int)
    poller = zmq.asyncio.Poller()
    poller.register(plain, zmq.POLLIN)
    assert_type(await poller.poll(1000), List[Tuple[Any, int]])
    with sock.bind("inproc://a") as bound, zmq.asyncio.Context() as ctx, ctx.socket(zmq.PULL) as pull:
        assert_type(bound, zmq.asyncio.Socket)
        assert_type(pull, zmq.asyncio.Socket)
    as_any_socket: zmq.Socket[Future[Any]] = sock
    text: str = sock.recv_string()  # type: ignore[assignment]
    number: int = await sock.recv()  # type: ignore[assignment]
    not_plain: SyncSocket = sock  # type: ignore[assignment]
    await plain.recv()  # type: ignore[misc]
    del as_any_socket, text, number, not_plain


async def monitoring(sock: zmq.asyncio.Socket, plain: SyncSocket) -> None:
    monitor = plain.get_monitor_socket(zmq.EVENT_CONNECTED)
    assert_type(monitor, SyncSocket)
    assert_type(recv_monitor_message(monitor)["endpoint"], bytes)
    assert_type(sock.get_monitor_socket(), zmq.asyncio.Socket)
    assert_type((await recv_monitor_message(sock.get_monitor_socket()))["value"], int)
    plain.monitor(None)
    plain.disable_monitor()


# -- what is built of sockets -----------------------------------------------------------------------------------------


@context()
@socket("push", zmq.PUSH)
def decorated(amount: int, ctx: SyncContext, push: SyncSocket) -> float:
    return amount / 2


def devices(first: SyncSocket, second: SyncSocket) -> None:
    for device in (
        zmq.devices.ThreadDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER),
        zmq.devices.ProcessDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH),
        zmq.devices.ThreadProxy(zmq.PULL, zmq.PUSH, zmq.PUB),
        zmq.devices.ThreadMonitoredQueue(zmq.PULL, zmq.PUSH, zmq.PUB, b"in", b"out"),
        zmq.devices.ThreadProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, zmq.PAIR),
    ):
        device.bind_in("tcp://127.0.0.1:5555")
        device.connect_out("tcp://127.0.0.1:5556")
        device.setsockopt_in(zmq.LINGER, 0)
        assert_type(device.bind_in_to_random_port("tcp://127.0.0.1"), int)
        device.start()
        device.join(timeout=1.5)
    assert_type(zmq.proxy(first, second), int)
    assert_type(zmq.proxy_steerable(first, second, None, first), int)
    zmq.devices.monitored_queue(first, second, first, b"in", b"out")
    zmq.proxy(first)  # type: ignore[call-arg]


def others(ctx: SyncContext) -> None:
    assert_type(decorated(3, ctx, ctx.socket(zmq.PUSH)), float)
    public, secret = zmq.curve_keypair()
    assert_type(public, bytes)
    assert_type(zmq.curve_public(secret), bytes)
    assert_type(zmq.auth.create_certificates(".", "name"), Tuple[str, str])
    assert_type(zmq.auth.load_certificate("name.key"), Tuple[bytes, Union[bytes, None]])
    authenticator = zmq.auth.thread.ThreadAuthenticator(ctx)
    authenticator.configure_curve(domain="*", location=zmq.auth.CURVE_ALLOW_ANY)
    assert_type(jsonapi.dumps({"key": 1}), bytes)
    assert_type(z85.encode(b"12345678"), bytes)
    assert_type(zmq.has("curve"), bool)
    assert_type(zmq.zmq_version_info(), Tuple[int, int, int])
    assert_type(zmq.LINGER, zmq.SocketOption)
    assert_type(zmq.PUSH, zmq.SocketType)
    assert_type(zmq.POLLIN | zmq.POLLOUT, zmq.PollEvent)
    assert_type(zmq.DRAFT_API, bool)
    try:
        ctx.socket(zmq.PUSH).send(b"")
    except zmq.Again as error:
        assert_type(error.errno, Union[int, None])
    except zmq.ZMQError as error:
        assert_type(error.strerror, str)
    decorated("3", ctx)  # type: ignore[arg-type,call-arg]
    zmq.zmq_vresion()  # type: ignore[attr-defined]
    zmq.asyncio.Sockets  # type: ignore[attr-defined]  # noqa: B018
