"""Run a device from the shell: ``python -m``, the name of this package, and what it is to be.

What is shown live is counted from the copies that a monitored queue makes of each message, so that the loop that passes
them on does nothing else.  With ``--quiet`` and without ``--mon`` it is libzmq's own loop.

The loop runs in a thread, so that signals find the main thread doing next to nothing.  To stop, the context is
terminated: the loop ends, its sockets are closed, and what they have not sent yet gets the time that ``--linger`` says.

Passing on messages is the purpose, and showing how many is not: where nothing can be written any more, because whoever
read it has gone, the device goes on without.
"""

from __future__ import annotations

import os
import signal
import sys
from ctypes import byref
from threading import Thread
from time import monotonic, sleep

from ..constants import PUB, SUB, Errno, Flag, SocketType
from ..context import Context
from ..error import LibraryNotFound, ZMQError
from ..loader.direct import flags_argument
from ..loader.structs import zmq_msg_t
from ..proxying import proxy
from .monitoredqueue import monitored_queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any, Sequence

    from ..socket import Socket

__all__ = ["main"]

#: What a device is called -> the types of its sockets, and what it is for.
KINDS = {
    "queue": (SocketType.ROUTER, SocketType.DEALER, "requests to workers, replies back"),
    "forwarder": (SocketType.XSUB, SocketType.XPUB, "publishers to subscribers, subscriptions back"),
    "streamer": (SocketType.PULL, SocketType.PUSH, "work from many to many"),
    "monitor": (SocketType.ROUTER, SocketType.DEALER, "a queue whose messages are published, too: needs --mon"),
}

#: Seconds between two looks at the copies, and at whether it is time to stop.
STEP = 0.05

_COPIES = "inproc://copies"
# Their lengths tell them apart.
_PREFIXES = (b"in", b"out")
_DONTWAIT = flags_argument(int(Flag.DONTWAIT))


def endpoints(text: str) -> list[tuple[str, str]]:
    """What to do with a socket: ``"@tcp://*:5555,>tcp://host:5556"`` binds to the first and connects to the second."""
    found = []
    for part in text.split(","):
        action = "connect" if part.startswith(">") else "bind"
        endpoint = part[1:] if part[:1] in ("@", ">") else part
        if "://" not in endpoint:
            raise ValueError(f"{part!r} is no endpoint, such as @tcp://*:5555 or >tcp://localhost:5555")
        found.append((action, endpoint))
    return found


class Counter:
    """Counts the copies that a monitored queue makes of its messages.

    Attributes
    ----------
    messages, bytes : list of int
        Of what came in at the in socket, and of what came in at the out socket.
    """

    def __init__(self, socket: Socket[Any]) -> None:
        self.messages = [0, 0]
        self.bytes = [0, 0]
        self._calls = socket._library.nowait
        self._handle = socket._h
        self._structure = zmq_msg_t()
        self._message = byref(self._structure)
        self._calls.msg_init(self._message)

    def count(self) -> None:
        """Take all that is there."""
        receive, more, message, handle = self._calls.msg_recv, self._calls.msg_more, self._message, self._handle
        while True:
            size = receive(message, handle, _DONTWAIT)
            if size < 0:
                return
            side, total = int(size != len(_PREFIXES[0])), 0
            while more(message):
                total += receive(message, handle, _DONTWAIT)
            self.messages[side] += 1
            self.bytes[side] += total

    def close(self) -> None:
        """Give the message back."""
        self._calls.msg_close(self._message)


class Display:
    """The live line: one that is rewritten on a terminal, and one after the other elsewhere."""

    def __init__(self, counter: Counter, interval: float) -> None:
        self._counter = counter
        self._interval = interval
        self._terminal = is_terminal()
        self._width = 0
        self._last = (monotonic(), [0, 0], [0, 0])

    def step(self) -> None:
        """Count, and show the rates of the last interval when it is over."""
        counter, (then, messages, sizes) = self._counter, self._last
        counter.count()
        passed = monotonic() - then
        if passed < self._interval:
            return
        parts = [
            f"{name} {(counter.messages[i] - messages[i]) / passed:,.0f} msg/s"
            f" {scaled((counter.bytes[i] - sizes[i]) / passed)}/s"
            for i, name in enumerate(("in", "out"))
        ]
        self._show(" | ".join(parts))
        self._last = (monotonic(), list(counter.messages), list(counter.bytes))

    def _show(self, line: str) -> None:
        if self._terminal:
            say("\r" + line.ljust(self._width), end="")
            self._width = len(line)
        else:
            say(line)

    def end(self) -> None:
        """Show what it has been in all."""
        counter = self._counter
        counter.count()
        if self._terminal:
            say("")
        for i, name in enumerate(("in", "out")):
            say(f"{name}: {counter.messages[i]} messages, {counter.bytes[i]} bytes")


def scaled(size: float) -> str:
    """A number of bytes in a unit that suits it."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def is_terminal() -> bool:
    """Whether what is printed is seen on a terminal."""
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):  # there is none, or it was closed
        return False


def say(line: str, end: str = "\n") -> None:
    """Print a line at once, if that is possible."""
    try:
        print(line, end=end, flush=True)
    except (OSError, ValueError):
        discard()


def discard() -> None:
    """Let what is printed go nowhere from now on, and what was not written yet, which Python would try again at exit."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, sys.stdout.fileno())
        finally:
            os.close(nowhere)
    except (OSError, ValueError):
        pass  # no file of the system's


def make_parser() -> ArgumentParser:
    """The options."""
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    parser = ArgumentParser(
        prog=f"python -m {__spec__.parent}" if __spec__ is not None else None,
        description="Pass on messages between two sockets until SIGINT or SIGTERM comes.\n\n"
        + "\n".join(f"  {name:10} {kinds[0].name}/{kinds[1].name}: {kinds[2]}" for name, kinds in KINDS.items()),
        epilog="An endpoint that begins with @ is bound to, as is one with neither mark; > connects (quote it in a shell)."
        " Several are separated by commas.",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("kind", choices=KINDS, help="what it is to be")
    for name, what in (("in", "of the clients"), ("out", "of the workers")):
        parser.add_argument(f"--{name}", dest=f"{name}_", metavar="ENDPOINT", required=True, help=f"the side {what}")
    parser.add_argument("--mon", metavar="ENDPOINT", help="publish each message there, behind a frame 'in' or 'out'")
    parser.add_argument("--quiet", action="store_true", help="do not count, and show nothing after the start")
    parser.add_argument("--interval", metavar="SECONDS", type=float, default=1.0, help="between two live lines (1)")
    parser.add_argument("--linger", metavar="MS", type=int, default=1000, help="for what is unsent at the end (1000)")
    return parser


class Shell:
    """One device, from its sockets to its end."""

    def __init__(self, options: Namespace) -> None:
        self._options = options
        self._context: Context[Any] = Context()
        self._sockets: list[Socket[Any]] = []
        self._copies: Socket[Any] | None = None
        self.error: BaseException | None = None
        self.stopping = False

    def _socket(self, name: str, kind: int, wanted: str | None) -> Socket[Any]:
        socket: Socket[Any] = self._context.socket(kind)
        self._sockets.append(socket)
        socket.linger = self._options.linger
        if name == "mon" and not self._options.quiet:
            # What is counted here is counted completely; subscribers elsewhere have the limit that they always have.
            limit, socket.sndhwm = socket.sndhwm, 0
            socket.bind(_COPIES)
            self._copies = self._context.socket(SUB)
            self._copies.rcvhwm = 0
            self._copies.subscribe = b""
            self._copies.connect(_COPIES)
            # The subscription takes effect when the publisher next looks.
            self._copies.poll(0)
            socket.sndhwm = limit
        for action, endpoint in endpoints(wanted) if wanted else ():
            made = getattr(socket, action)(endpoint)
            say(f"{name}: {action} {made.addr}")
        return socket

    def open(self) -> None:
        """Make the sockets, and say what they are bound and connected to."""
        options = self._options
        in_type, out_type, _ = KINDS[options.kind]
        self._socket("in", in_type, options.in_)
        self._socket("out", out_type, options.out_)
        if options.mon or not options.quiet:
            self._socket("mon", PUB, options.mon)

    def _pass_on(self) -> None:
        try:
            if len(self._sockets) == 3:
                front, back, mon = self._sockets
                monitored_queue(front, back, mon, *_PREFIXES)
            else:
                front, back = self._sockets
                proxy(front, back)
        except BaseException as error:
            if not (isinstance(error, ZMQError) and error.errno == Errno.ETERM):
                self.error = error
        finally:
            self._close()

    def _close(self) -> None:
        for socket in self._sockets:
            socket.close()

    def run(self) -> None:
        """Pass on messages until it is time to stop."""
        thread = Thread(target=self._pass_on, name="device")
        counter = None if self._copies is None else Counter(self._copies)
        display = None if counter is None else Display(counter, self._options.interval)
        thread.start()
        try:
            while not self.stopping and thread.is_alive():
                sleep(STEP)
                if display is not None:
                    display.step()
        finally:
            if display is not None:
                display.end()
            self.close()
            thread.join()
            if counter is not None:
                counter.close()

    def close(self) -> None:
        """Terminate the context, and with it the loop."""
        if self._copies is not None:
            self._copies.close(0)
        self._context.term()

    def give_up(self) -> None:
        """Close what was made although the loop never ran."""
        self._close()
        self.close()

    def stop(self, number: int, frame: Any) -> None:
        """As a signal handler: stop soon; the second time, at once."""
        if self.stopping:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.stopping = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a device until a signal comes.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        The exit status: 0 after a signal, 1 after an error.
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.kind == "monitor" and not options.mon:
        parser.error("a monitor needs --mon")
    if options.interval <= 0:
        parser.error("--interval must be greater than 0")
    if not -1 <= options.linger < 2**31:
        parser.error("--linger is a number of milliseconds, or -1 for ever")
    try:
        for wanted in (options.in_, options.out_, options.mon):
            if wanted is not None:
                endpoints(wanted)
    except ValueError as error:
        parser.error(str(error))
    try:
        shell = Shell(options)
    except LibraryNotFound as missing:
        print(missing, file=sys.stderr)
        return 1
    # Signals that come in while the sockets are made are for what comes then.
    former = {
        number: signal.signal(number, shell.stop)
        for number in (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGBREAK"))
        if number is not None
    }
    try:
        try:
            shell.open()
        except BaseException as error:
            shell.give_up()
            if not isinstance(error, ZMQError):
                raise
            print(f"{parser.prog}: {error}", file=sys.stderr)
            return 1
        shell.run()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if shell.error is not None:
        print(f"{parser.prog}: {shell.error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
