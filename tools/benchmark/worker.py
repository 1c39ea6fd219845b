"""A process of one side: it is told which row to set up and how often to go round, and answers with the time.

    python worker.py ours|pyzmq|floor

    open ROW near|far ENDPOINT   ->  ready ENDPOINT
    run N                        ->  took SECONDS        (or bytes, for the rows that measure those)
    close                        ->  closed
    anything that goes wrong     ->  error TEXT

The process stays for many rounds: both sides are warm, and rounds of the two can follow each other within the same
milliseconds.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from time import perf_counter

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from processes import obey  # noqa: E402

from benchmark.rows import ROWS  # noqa: E402

MODULES = {"ours": "zmq_ctypes", "pyzmq": "zmq", "floor": "benchmark.bare"}


def mapped_libraries():
    """The files of libzmq in this process, where the system tells (Linux)."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            paths = {line.split(None, 5)[5].strip() for line in maps if "libzmq" in line.rpartition("/")[2]}
    except OSError:
        return []
    return sorted(path for path in paths if path.startswith("/"))


class Worker:
    """The row that is open at the moment."""

    def __init__(self, side):
        self.side = side
        self.zmq = importlib.import_module(MODULES[side])
        self.running = None
        self.loop = None

    def hello(self):
        version = getattr(self.zmq, "__version__", "")
        facts = {"version": version, "libzmq": self.zmq.zmq_version(), "files": mapped_libraries()}
        return "hello " + json.dumps(facts)

    def open(self, name, half, endpoint):
        near, far, arguments = self.halves(name)
        if half == "near":
            self.running = near(self.zmq, *arguments)
        else:
            self.running = far(self.zmq, endpoint, *arguments)
        ready = next(self.running)
        self.loop, endpoint = ready if isinstance(ready, tuple) else (ready, "-")
        return f"ready {endpoint}"

    def halves(self, name):
        """The generator functions of a row, and their arguments."""
        if self.side == "floor":
            return importlib.import_module("benchmark.floors").FLOORS[name]
        row = ROWS[name]
        return row.near, row.far, row.arguments

    def run(self, count):
        begin = perf_counter()
        measured = self.loop(int(count))
        spent = perf_counter() - begin
        return f"took {spent if measured is None else measured!r}"

    def close(self):
        running, self.running, self.loop = self.running, None, None
        if running is not None:
            for _ in running:
                raise RuntimeError("a row yields only once")
        return "closed"


def main():
    answers, sys.stdout = sys.stdout, sys.stderr
    orders = obey()
    worker = Worker(sys.argv[1])
    print(worker.hello(), file=answers, flush=True)
    for order in orders:
        word, *arguments = order.split()
        try:
            answer = {"open": worker.open, "run": worker.run, "close": worker.close}[word](*arguments)
        except Exception as error:
            traceback.print_exc()
            answer = f"error {type(error).__name__}: {error}".replace("\n", " ")
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
