"""MessageTracker: tells when libzmq has let go of the memory of messages.

A message that was copied into libzmq's own memory is done with at once.
"""

from __future__ import annotations

import time

from .error import NotDone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Event
    from typing import Any

    from .frame import Frame
    from .lending import Loan

__all__ = ["MessageTracker", "_FINISHED_TRACKER"]

_WEEK = 7 * 24 * 3600.0


class MessageTracker:
    """Follows one or several messages until libzmq does not use their memory any more.

    Parameters
    ----------
    *towatch : Event, MessageTracker or Frame
        What to follow: an event that is set when libzmq lets go, another tracker, or a frame made with ``track=True``.

    Attributes
    ----------
    events, peers : set
        The events and trackers that are followed.

    Raises
    ------
    ValueError
        If a frame was not made with ``track=True``.
    TypeError
        For anything else.
    """

    events: set[Any]
    peers: set[Any]

    def __init__(self, *towatch: MessageTracker | Event | Loan | Frame) -> None:
        self.events = set()
        self.peers = set()
        for item in towatch:
            if isinstance(item, MessageTracker):
                self.peers.add(item)
            elif hasattr(item, "is_set") and hasattr(item, "wait"):
                self.events.add(item)
            elif hasattr(item, "tracker_event"):
                if not item.tracker:
                    raise ValueError("Not a tracked message")
                self.peers.add(item.tracker)
            else:
                raise TypeError(f"expected an Event, a MessageTracker or a Frame to watch, got: {type(item).__name__}")

    @property
    def done(self) -> bool:
        """Whether libzmq has let go of everything that is followed."""
        return all(event.is_set() for event in self.events) and all(peer.done for peer in self.peers)

    def wait(self, timeout: float | int = -1) -> None:
        """Wait until everything is done with.

        Parameters
        ----------
        timeout : float
            Seconds; negative or False: as long as it takes (a week).

        Raises
        ------
        NotDone
            If something is still in use after that time.
        TypeError, ValueError
            If the time is not a number.
        """
        if isinstance(timeout, str) or timeout is None:
            raise TypeError(f"timeout must be a number of seconds, got: {timeout!r}")
        if timeout != timeout:
            raise ValueError("timeout must be a number of seconds, got: nan")
        limit = time.monotonic() + (_WEEK if timeout is False or timeout < 0 else min(timeout, _WEEK))
        for event in self.events:
            event.wait(timeout=max(limit - time.monotonic(), 0))
            if not event.is_set():
                raise NotDone
        for peer in self.peers:
            peer.wait(timeout=max(limit - time.monotonic(), 0))


#: The tracker of messages that were copied.
_FINISHED_TRACKER = MessageTracker()
