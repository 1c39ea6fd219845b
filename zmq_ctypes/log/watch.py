"""The log watcher: prints what a `PUBHandler` publishes, line by line, until it is interrupted.

1. What comes in was written by somebody else: a message that has not the two frames of a record is shown all the same,
   and control characters are shown as escapes, since a terminal would obey them.
2. The lines are for people and for pipes: each is written out at once, and a pipe whose reader has gone is an ordinary end.
3. Python's own ``print`` would end the watcher at the first character that the terminal's encoding lacks; such characters
   are shown as escapes, too.
"""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime
from logging import CRITICAL, DEBUG, ERROR, INFO, WARNING, getLevelName
from typing import TYPE_CHECKING

from ..constants import SocketType
from ..context import Context
from ..error import LibraryNotFound, ZMQError
from ..socket import Socket

if TYPE_CHECKING:
    from typing import Any, Sequence

__all__ = ["watch"]

#: Milliseconds to wait at a time.
_MOMENT = 500

_RESET = "\x1b[0m"
_COLOURS = {
    getLevelName(level): f"\x1b[{code}m"
    for level, code in {DEBUG: "96", INFO: "97", WARNING: "33", ERROR: "91", CRITICAL: "1;91"}.items()
}

# C0 and C1 without tab and line feed, and what turns the direction of writing round.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _readable(frame: bytes) -> str:
    text = frame.decode("utf-8", "backslashreplace").replace("\r\n", "\n").strip()
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


class Lines:
    """Makes a line of each message.

    Parameters
    ----------
    separator : str, optional
        What stands between topic and text.
    dateformat : str, optional
        How to write the time, as ``strftime`` takes it; None for no time.
    align : bool, optional
        Give each part of the topics the width of the widest so far.
    color : bool, optional
        Colour each line after its level.
    """

    def __init__(
        self, separator: str = " | ", dateformat: str | None = None, align: bool = False, color: bool = False
    ) -> None:
        self.separator = separator
        self.dateformat = dateformat
        self.color = color
        self._widths: list[int] | None = [] if align else None

    def line(self, frames: Sequence[bytes]) -> str:
        """The line for a message."""
        topic, *texts = (_readable(frame) for frame in frames)
        topic = topic.replace("\n", "\\n")
        parts = topic.split(".")
        shown = self._aligned(parts) + self.separator + self.separator.join(texts)
        if self.color:
            colour = next((_COLOURS[part] for part in parts if part in _COLOURS), "")
            shown = f"{colour}{shown}{_RESET}" if colour else shown
        if self.dateformat is not None:
            shown = f"{datetime.now().strftime(self.dateformat)} {shown}"
        return shown

    def _aligned(self, parts: list[str]) -> str:
        widths = self._widths
        if widths is None:
            return ".".join(parts)
        widths.extend([0] * (len(parts) - len(widths)))
        for column, part in enumerate(parts):
            widths[column] = max(widths[column], len(part))
        joined = ".".join(part.ljust(width) for part, width in zip(parts, widths))
        # As many dots as the longest topic has parts would be read as parts of this one.
        return joined.ljust(sum(widths) + len(widths) - 1)


def watch(arguments: Sequence[str]) -> int:
    """Print the records that are published at an endpoint until SIGINT.

    Parameters
    ----------
    arguments : sequence of str
        Those of the command line.

    Returns
    -------
    int
        The exit status.
    """
    options = _options(arguments)
    try:
        # Its end has nothing to wait for: there is nothing to send.
        with Context() as context, context.socket(SocketType.SUB, socket_class=Socket) as socket:
            for topic in options.topic or [""]:
                socket.subscribe(os.fsencode(topic))
            try:
                socket.connect(options.zmq_pub_url)
            except (ZMQError, ValueError) as error:
                options.parser.error(str(error))
            lines = Lines(
                options.separator, options.dateformat if options.timestamp else None, options.align, options.color
            )
            if options.color:
                _enable_colours()
            if hasattr(sys.stdout, "reconfigure"):
                sys.stdout.reconfigure(errors="backslashreplace")
            while True:
                # Windows serves Ctrl-C only in between.
                while not socket.poll(_MOMENT):
                    pass
                print(lines.line(socket.recv_multipart()), flush=True)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # The interpreter would try to write the rest once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except LibraryNotFound as error:
        print(error, file=sys.stderr)
        return 1


def _options(arguments: Sequence[str]) -> Any:
    from argparse import ArgumentParser

    parser = ArgumentParser(
        prog=f"python -m {__name__.rpartition('.')[0]}",
        description="Watch log messages: print those that a PUBHandler publishes, until interrupted.",
    )
    parser.add_argument("zmq_pub_url", help="the endpoint of the publisher, such as tcp://127.0.0.1:12345")
    parser.add_argument(
        "-t", "--topic", action="append", help="only messages whose topic begins so; may be given several times"
    )
    parser.add_argument("--timestamp", action="store_true", help="put the local time before each message")
    parser.add_argument("--separator", default=" | ", help="what to print between topic and message (%(default)r)")
    parser.add_argument(
        "--dateformat",
        default="%Y-%m-%d %H:%M",
        metavar="FORMAT",
        help="how to write the time with --timestamp, as strftime takes it (%(default)s)",
    )
    parser.add_argument("--align", action="store_true", help="align the messages by the width of their topics")
    parser.add_argument("--color", action="store_true", help="colour the lines after their level")
    options = parser.parse_args(arguments)
    options.parser = parser
    return options


def _enable_colours() -> None:
    """Have the console of Windows obey the escape sequences; other terminals do so anyway."""
    if sys.platform == "win32":
        from ctypes import WinDLL, byref, c_ulong, c_void_p

        kernel = WinDLL("kernel32")
        kernel.GetStdHandle.restype = c_void_p
        kernel.GetConsoleMode.argtypes = [c_void_p, c_void_p]
        kernel.SetConsoleMode.argtypes = [c_void_p, c_ulong]
        output, mode = kernel.GetStdHandle(c_ulong(-11)), c_ulong()
        # Not a console: a file or a pipe.
        if kernel.GetConsoleMode(output, byref(mode)):
            kernel.SetConsoleMode(output, mode.value | 4)
