"""Devices: two sockets, made and configured in a thread or process of their own, that pass on what they receive.

A socket belongs to the thread that uses it, and none survives a fork.  So a device is told beforehand what its sockets
are to be, and its worker makes them.

1. ``start`` returns when the worker's sockets are bound and connected, or raises what went wrong there.  A device
   whose class replaces one of the methods in between (`Device.run_device`, ``run``) may never say that it is ready; such
   a one is not waited for, and its errors appear in its worker.
2. A device ends when its context is terminated or its sockets are closed, without an error; after anything else it closes
   its sockets, and the error goes on.
3. The worker of a process has a context of its own.  When the device ends by itself, what its sockets have not sent yet
   is kept for `LINGER` milliseconds, unless an option says otherwise; a process that is killed sends nothing more.
4. A process that is a daemon ends with the process that has started it, even if that is killed: `multiprocessing` ends
   it at the regular end, and otherwise a thread of its own does, as if its context were terminated.
5. A daemon thread is left behind at the interpreter's exit, with its context: nothing is waited for.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from multiprocessing import Process
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep

from ..constants import ENOTSOCK, ETERM, PUSH, QUEUE, SocketOption
from ..context import Context
from ..error import ZMQBindError, ZMQError
from ..interrupts import blocked
from ..options import integer
from ..proxying import proxy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

__all__ = ["Device", "ThreadDevice", "ProcessDevice"]

#: Milliseconds for which the process of a device that has ended keeps what was not sent yet.
LINGER = 1000

_INTERRUPTED = 130
# Seconds: what tells that the parent is gone may be kept open by others that it has forked; then this is asked, too.
_LOOK_EVERY = 1.0


class _Plan:
    """What is to be done to one socket."""

    def __init__(self) -> None:
        self.options: list[tuple[int, Any]] = []
        self.binds: list[str] = []
        self.connects: list[str] = []


class Device:
    """Passes on messages between two sockets, in the thread that starts it.

    Parameters
    ----------
    device_type : int, optional
        One of `constants.DeviceType`; libzmq has made no difference since 3.2.
    in_type, out_type : int
        The types of the sockets.  A negative ``out_type`` is one socket for both.

    Attributes
    ----------
    context_factory : callable
        Makes the context of the sockets: ``Context.instance`` where there are threads, ``Context`` in a process of its own.
    daemon : bool
        Whether the program may end while the device runs in a thread or process; True at first.
    done : bool
        Whether it has ended.
    bound_endpoints : dict of str to list of str
        Once it was started: the endpoints that its sockets are bound to, with the ports that the system chose, under
        ``"in"``, ``"out"``, and so on.

    Examples
    --------
    >>> device = ThreadDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    >>> device.bind_in("tcp://127.0.0.1:5555")
    >>> device.bind_out("tcp://127.0.0.1:5556")
    >>> device.start()
    """

    context_factory: Callable[[], Any] = Context.instance

    daemon: bool
    done: bool
    device_type: int
    in_type: int
    out_type: int

    #: The sockets, in the order in which the loop takes them.
    _names: tuple[str, ...] = ("in", "out")

    def __init__(self, device_type: int = QUEUE, in_type: int | None = None, out_type: int | None = None) -> None:
        self.device_type = device_type
        self.in_type = socket_type(in_type, "in_type")
        self.out_type = socket_type(out_type, "out_type")
        self.daemon = True
        self.done = False
        self.bound_endpoints: dict[str, list[str]] = {}
        self._plans = {name: _Plan() for name in self._names}
        self._random_addrs: list[str] = []
        self._sockets: list[Any] = []
        self._context: Any = None
        self._linger: int | None = None
        self._channel: Any = None

    def __getstate__(self) -> dict[str, Any]:
        # What lives in one process only.
        return {**self.__dict__, "_sockets": [], "_context": None, "_channel": None, "launcher": None}

    # -- the plan -----------------------------------------------------------------------------------------------------

    def bind_in(self, addr: str) -> None:
        """Bind the in socket to an endpoint when it is made."""
        self._plans["in"].binds.append(addr)

    def bind_in_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the in socket to a port that is free now.

        Parameters
        ----------
        addr : str
            The endpoint without its port: ``"tcp://127.0.0.1"``.
        *args, **kwargs
            ``min_port``, ``max_port`` and ``max_tries``, as for `Socket.bind_to_random_port`.

        Returns
        -------
        int
            The port.  Another program may take it until the device is started; with ``bind_in("tcp://127.0.0.1:*")``
            the system chooses then, and ``bound_endpoints`` tells.
        """
        return self._bind_to_random_port("in", addr, *args, **kwargs)

    def connect_in(self, addr: str) -> None:
        """Connect the in socket to an endpoint when it is made."""
        self._plans["in"].connects.append(addr)

    def setsockopt_in(self, opt: int, value: Any) -> None:
        """Set an option of the in socket before it binds and connects."""
        self._plans["in"].options.append((opt, value))

    def bind_out(self, addr: str) -> None:
        """Bind the out socket to an endpoint when it is made."""
        self._plans["out"].binds.append(addr)

    def bind_out_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the out socket to a port that is free now; see `bind_in_to_random_port`."""
        return self._bind_to_random_port("out", addr, *args, **kwargs)

    def connect_out(self, addr: str) -> None:
        """Connect the out socket to an endpoint when it is made."""
        self._plans["out"].connects.append(addr)

    def setsockopt_out(self, opt: int, value: Any) -> None:
        """Set an option of the out socket before it binds and connects."""
        self._plans["out"].options.append((opt, value))

    def _bind_to_random_port(self, name: str, addr: str, *args: int, **kwargs: int) -> int:
        port = self._reserve_random_port(addr, *args, **kwargs)
        self._plans[name].binds.append(f"{addr}:{port}")
        return port

    def _reserve_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """A port that is free, and that this device has not been given before."""
        with Context() as context, context.socket(PUSH) as trial:
            for _ in range(5):
                port: int = trial.bind_to_random_port(addr, *args, **kwargs)
                if f"{addr}:{port}" not in self._random_addrs:
                    self._random_addrs.append(f"{addr}:{port}")
                    return port
        raise ZMQBindError("Could not reserve random port.")

    # -- the work -----------------------------------------------------------------------------------------------------

    def _setup_sockets(self) -> tuple[Any, ...]:
        """Make the sockets; None stands for one that is not wanted."""
        context = self._context = self.context_factory()
        made: dict[str, Any] = {}
        for name in self._names:
            kind = getattr(self, f"{name}_type")
            if kind is None:
                made[name] = None
            elif kind < 0 and name == "out":
                made[name] = made["in"]
            else:
                made[name] = context.socket(kind)
                self._sockets.append(made[name])
        present = [(name, made[name], self._plans[name]) for name in self._names if made[name] is not None]
        # Options first: a routing id, and much else, counts for connections that are made later.
        for _, socket, plan in present:
            for option, value in plan.options:
                socket.setsockopt(option, value)
        self.bound_endpoints = {
            name: [socket.bind(endpoint).addr for endpoint in plan.binds] for name, socket, plan in present
        }
        for _, socket, plan in present:
            for endpoint in plan.connects:
                socket.connect(endpoint)
        return tuple(made[name] for name in self._names)

    def _ready(self) -> tuple[Any, ...]:
        """Make the sockets, and tell whoever has started the device."""
        sockets = self._setup_sockets()
        if self._channel is not None:
            channel, self._channel = self._channel, None
            channel.put(self.bound_endpoints)
        return sockets

    def run_device(self) -> None:
        """Make the sockets and pass on messages; ``start`` calls it in the right place."""
        frontend, backend = self._ready()
        proxy(frontend, backend)

    def _close_sockets(self) -> None:
        for name, socket in zip(self._names, self._sockets):
            if not socket.closed:
                asked = any(option == SocketOption.LINGER for option, _ in self._plans[name].options)
                socket.close(None if asked else self._linger)
        self._sockets = []

    def run(self) -> None:
        """Run the device here; returns when its context was terminated or its sockets closed.

        Raises
        ------
        ZMQError
            For anything else.
        """
        try:
            self.run_device()
        except ZMQError as error:
            if error.errno not in (ETERM, ENOTSOCK):
                raise
        finally:
            self.done = True
            self._close_sockets()

    def start(self) -> None:
        """Start the device; a plain one runs right here, and this returns when it has ended."""
        return self.run()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the device has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds; by default, as long as it takes.
        """
        end = None if timeout is None else monotonic() + timeout
        while not self.done and (end is None or monotonic() < end):
            sleep(0.005)


def socket_type(kind: Any, argument: str) -> int:
    """Check the type of a socket to be made; a member of `constants.SocketType` stays one.

    Raises
    ------
    TypeError
        If it is not an integer, or was left out.
    """
    if kind is None:
        raise TypeError(f"{argument} must be specified")
    integer(kind, argument)
    checked: int = kind
    return checked


class BackgroundDevice(Device):
    """A device in a worker of its own."""

    #: The worker, once it was started.
    launcher: Any = None
    _launch_class: Any = None

    def start(self) -> None:
        """Start the worker; returns when its sockets are made.

        Raises
        ------
        ZMQError
            What binding, connecting or an option was answered with; then no worker is left behind.
        RuntimeError
            If the worker is gone without a word, or has been started before.
        """
        if self.launcher is not None and self.launcher.is_alive():
            raise RuntimeError("the device has been started, and has not ended yet")
        self.done = False
        receiver, sender = self._open_channel()
        # Who replaces these may do it in another order, or never tell.
        known = all(
            getattr(type(self), name).__module__.startswith(_HERE) for name in ("run", "run_device", "_setup_sockets")
        )
        self.launcher = self._launch_class(target=partial(self._work, sender, known))
        self.launcher.daemon = self.daemon
        self.launcher.start()
        told = self._hear(receiver, sender) if known else None
        if isinstance(told, BaseException):
            self.launcher.join()
            raise told
        if told is not None:
            self.bound_endpoints = told

    def _open_channel(self) -> tuple[Any, Any]:
        raise NotImplementedError

    def _hear(self, receiver: Any, sender: Any) -> Any:
        """Wait for the endpoints that the worker has bound, or for its error; None if it has ended without either."""
        raise NotImplementedError

    def _work(self, sender: Any, awaited: bool) -> None:
        """What the worker does; the first thing that it tells is what ``start`` waits for."""
        self._channel = sender
        try:
            self.run()
        except BaseException as error:
            if not awaited or self._channel is None:
                raise
            sender.put(error)
        else:
            sender.put(None)
        finally:
            self._channel = None

    def join(self, timeout: float | None = None) -> None:
        """Wait until the worker has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds; by default, as long as it takes.

        Raises
        ------
        RuntimeError
            If it was not started.
        """
        if self.launcher is None:
            raise RuntimeError("the device was not started")
        self.launcher.join(timeout=timeout)


_HERE = __name__.rpartition(".")[0] + "."


class ThreadDevice(BackgroundDevice):
    """A `Device` that runs in a thread.

    It ends when its context is terminated: ``device.context_factory().term()`` after all other sockets were closed.
    """

    _launch_class = Thread

    def _open_channel(self) -> tuple[Any, Any]:
        channel: SimpleQueue[Any] = SimpleQueue()
        return channel, channel

    def _hear(self, receiver: Any, sender: Any) -> Any:
        return receiver.get()


class _Sender:
    """The worker's end of a pipe."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def put(self, message: Any) -> None:
        """Send something; what cannot be pickled becomes an error that shows it."""
        try:
            self.connection.send(message)
        except OSError:
            pass  # nobody listens any more
        except Exception:
            self.connection.send(RuntimeError(f"{type(message).__name__}: {message}"))


class ProcessDevice(BackgroundDevice):
    """A `Device` that runs in a process.

    It is started by the current start method of `multiprocessing`; with ``spawn`` and ``forkserver`` the program's main
    module must be one that can be imported.  It ends with ``launcher.terminate()``, or with the program if it is a daemon,
    however that ends.
    """

    _launch_class = Process
    context_factory = Context
    _done = False

    @property
    def done(self) -> bool:
        """Whether it has ended, as seen from where this is asked."""
        return self._done or (self.launcher is not None and self.launcher.exitcode is not None)

    @done.setter
    def done(self, value: bool) -> None:
        self._done = value

    def _open_channel(self) -> tuple[Any, Any]:
        # Not everywhere can processes be started; threads can.
        from multiprocessing import Pipe

        receiver, sender = Pipe(duplex=False)
        return receiver, _Sender(sender)

    def _hear(self, receiver: Any, sender: Any) -> Any:
        from multiprocessing.connection import wait

        sender.connection.close()
        with receiver:
            # The process may be gone before it could say anything, and others may have inherited its end of the pipe.
            wait([receiver, self.launcher.sentinel])
            if receiver.poll():
                try:
                    return receiver.recv()
                except EOFError:
                    pass
        self.launcher.join()
        return RuntimeError(
            f"the process of the device ended (exit code {self.launcher.exitcode}) before its sockets were made"
        )

    def _work(self, sender: Any, awaited: bool) -> None:
        self.launcher = None
        self._linger = LINGER
        if self.daemon:
            Thread(target=self._end_with_parent, args=(awaited,), daemon=True).start()
        try:
            super()._work(sender, awaited)
            if self._context is not None:
                # Everything here belongs to this process; what is unsent has got its time.
                self._context.term()
        except KeyboardInterrupt:
            # Ctrl-C on a terminal goes to everybody: whoever has started the device says what there is to say.
            sys.exit(_INTERRUPTED)

    def _end_with_parent(self, known: bool) -> None:
        """End the device when the process that has started it is gone; in a thread of its own."""
        from multiprocessing import parent_process
        from multiprocessing.connection import wait

        parent = parent_process()
        if parent is None:
            return
        with blocked():
            # With a fork server it is the grandparent.
            near = os.getppid() == parent.pid
            while not wait([parent.sentinel], _LOOK_EVERY if near else None):
                if near and os.getppid() != parent.pid:
                    break
        context = None if self._done else self._context
        ends = False
        if context is not None and not context.closed:
            functions = context._library.functions
            if functions.has("zmq_ctx_shutdown"):
                functions.zmq_ctx_shutdown(context.underlying)
                ends = known
        if not ends:
            # What the class makes of a context that has ended, if it has one, is not known; nor can 3.2 be ended from here.
            sleep(LINGER / 1000)
            os._exit(1)
