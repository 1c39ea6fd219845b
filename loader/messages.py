"""The ``zmq_msg_t`` of the frames, used again: making one and preparing its address costs more than receiving into it.

An entry is a prepared argument, a view of the byte that tells small messages and what it then is, and the list of the used
ones, which is where it most often goes.  Who takes one owns it until he gives it back.

1. A *fresh* entry is initialised and holds nothing at all; libzmq leaves a message like that when it has sent it.  It may be made
   into anything.
2. A *used* entry holds a small message, bytes and all (see `inline`).  It may be received into, because that closes what
   was there, and nothing else.  What it holds is smaller than itself, but for the properties of its connection.
3. Everything else is closed when it is given back: memory of the caller, and large messages.
4. Lists of a few hundred are all that is kept.  Taking from and adding to a list is one step in every Python, so threads
   need no lock, and a list that another thread has just emptied only means that a new entry is made.
"""

from __future__ import annotations

from ctypes import byref

from .structs import zmq_msg_t

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Tuple  # noqa: UP035

    from .direct import DirectCalls
    from .inline import Inline

    Entry = Tuple[Any, Any, int, "list[Any]"]

__all__ = ["Messages"]

#: Entries of each kind that are kept.
MOST = 256


class Messages:
    """The entries of one library.

    Parameters
    ----------
    calls : DirectCalls
        Those that keep the GIL.
    inline : Inline or None
        Where the library keeps small messages, and how they are known.
    """

    __slots__ = ("_close", "_init", "_mark", "_small", "fresh", "used")

    def __init__(self, calls: DirectCalls, inline: Inline | None) -> None:
        self._init = calls.msg_init
        self._close = calls.msg_close
        self.fresh: list[Entry] = []
        self.used: list[Entry] = []
        # The byte that tells small messages, and its value; 256 is none.
        self._mark, self._small = (0, 256) if inline is None else (inline.mark, inline.value)

    def take(self) -> Entry:
        """A fresh entry."""
        try:
            return self.fresh.pop()
        except IndexError:
            message = zmq_msg_t()
            argument = byref(message)
            self._init(argument)
            # The argument keeps the message alive.
            mark = memoryview(message).cast("B")[self._mark : self._mark + 1]
            return argument, mark, self._small, self.used

    def give(self, entry: Entry) -> None:
        """Take an entry back, whatever it holds."""
        if entry[1][0] == self._small and len(self.used) < MOST:
            self.used.append(entry)
        else:
            self._close(entry[0])
            if len(self.fresh) < MOST:
                self._init(entry[0])
                self.fresh.append(entry)

    def give_fresh(self, entry: Entry) -> None:
        """Take an entry back that libzmq has sent."""
        if len(self.fresh) < MOST:
            self.fresh.append(entry)
        else:
            self._close(entry[0])
