"""What each row is to reach: our time (or memory) divided by pyzmq's, at most.

A row's floor, where `floors` has one, tells whether a goal that is missed can be reached at all.
"""

from __future__ import annotations

import fnmatch

#: The first pattern that fits counts; rows that fit none only inform.
GOALS = (
    ("import*", 0.5),
    ("inproc-10", 1.0),
    ("multipart-3", 0.33),
    ("frame-*", 1.0),
    ("poll*", 0.5),
    ("getsockopt", 0.3),
    ("attribute", 0.3),
    ("create-close", 1.0),
    ("connect-disconnect", 1.0),
    ("tcp-throughput-*", 0.9),
    ("tcp-latency-*", 1.0),
    ("tcp-zero-copy-*", 0.95),
    ("string", 0.9),
    ("json", 0.9),
    ("pyobj", 0.9),
    ("proxy-*", 1.0),
    ("monitored-queue-*", 0.8),
    ("asyncio-round-trip-*", 0.5),
    ("asyncio-*", 0.2),
    ("stream-*", 0.5),
    ("green-*", 0.5),
    ("threads-*", 1.0),
    ("busy-*", 0.05),
    ("idle-sockets-*", 1.0),
    ("queued-*", 1.0),
)


def goal_of(name):
    """The goal of this row, or None."""
    return next((goal for pattern, goal in GOALS if fnmatch.fnmatchcase(name, pattern)), None)


def reached(ratio, goal):
    """Whether a ratio, shown with two digits, is as good as its goal."""
    return goal is None or round(ratio, 2) <= goal
