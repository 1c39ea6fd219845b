"""Rows of what is sent as text, JSON or a pickle."""

from __future__ import annotations

from itertools import repeat

from . import Pair, row

VALUES = {
    "string": "x" * 10,
    "json": {"name": "value", "number": 7},
    "pyobj": {"name": "value", "number": 7},
}


def serialized(zmq, name):
    pair, value = Pair(zmq), VALUES[name]
    send, recv = getattr(pair.a, f"send_{name}"), getattr(pair.b, f"recv_{name}")

    def loop(n):
        for _ in repeat(None, n):
            send(value)
            recv()

    yield loop
    pair.close()


for _name, _what in (
    ("string", "a text of 10 characters"),
    ("json", "a dict of two entries as JSON"),
    ("pyobj", "a dict of two entries as a pickle"),
):
    row(
        f"{_name}",
        f"send_{_name} and recv_{_name} of {_what} over inproc",
        "ns",
        arguments=(_name,),
        least=10_000,
    )(serialized)
