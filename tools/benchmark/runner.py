"""Has the sides take turns: many short rounds, one of each side after the other, in an order that changes.

Machines drift (clock rates, neighbours, caches), so two long runs one after the other compare two moments rather than
two programs.  Here the rounds of a row lie next to each other, each gives one ratio, and the median of those is the
result; a disturbance spoils a round, not the outcome.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

from processes import ChildFailed, Inbox

from benchmark import worker
from benchmark.environment import variables
from benchmark.floors import FLOORS, FRESH_FLOORS
from benchmark.goals import goal_of
from benchmark.rows import ROWS, UNITS

HERE = os.path.dirname(os.path.abspath(__file__))
#: Seconds within which any one order must be answered.
ANSWER_WITHIN = 60.0
#: A round is made no longer than this many operations, however fast they are.
MOST = 5_000_000


class Pace(NamedTuple):
    """How often and how long a row is measured."""

    rounds: int
    #: What a round should take.  `Row.least` is made for a tenth of a second.
    seconds: float
    #: The rounds of a row are run by so many sets of processes.  How fast large messages are, for one, depends by a factor
    #: of three on where the heap of a process happens to end, and stays so for the whole of its life.
    generations: int
    #: `Row.stretch` counts up to this.
    stretch: int

    def rounds_of(self, row):
        """The rounds of this row: memory is the same each time, within a few pages."""
        return min(self.rounds, STEADY) if row.take == "memory" and row.fresh not in TIMED else self.rounds

    def least(self, row):
        """The smallest number of operations of a round; the first message of a round of throughput is not timed."""
        return max(2, round(row.least * min(1.0, self.seconds / 0.1)))


FULL = Pace(25, 0.1, 3, 4)
#: Starting processes is a third of the time: two sets are enough to notice when chance decides.
QUICK = Pace(8, 0.025, 2, 2)

#: Rounds that are enough for memory.
STEADY = 3
#: Sources of fresh processes that are also timed.
TIMED = {row.fresh for row in ROWS.values() if row.take in ("wall", "inside")}

#: What is divided by what.
RATIOS = (("ours", "pyzmq"), ("ours", "floor"), ("ours", "C"), ("pyzmq", "C"))


class RowFailed(Exception):
    """A side could not run a row."""


#: A row of one process, for a side that is only to say what it is.
FIRST = next(row for row in ROWS.values() if row.near and not row.far)


class Side:
    """Ours, pyzmq, C or the floor: one or two processes that stay for many rounds."""

    def __init__(self, name, command, env, children):
        self.name = name
        self.hello = {}
        self._command = command
        self._env = env
        self._children = children
        self._halves = {}
        #: Halves that have not said hello.
        self._silent = set()
        self._inbox = Inbox()

    def takes_part(self, row):
        """Whether this side can run the row."""
        return {"C": bool(row.native), "floor": row.name in FLOORS}.get(self.name, True)

    def start(self, row):
        """Start the processes for a row without waiting for them, so that those of all sides start at the same time."""
        for which in ("near", "far") if row.far else ("near",):
            if which not in self._halves:
                name = f"{self.name} ({which})"
                self._halves[which] = self._children.start(name, self._command, self._env, self._inbox)
                self._silent.add(which)

    def greet(self):
        """Wait until one process is there and has said what it is."""
        self.start(FIRST)
        self.half("near")

    def half(self, which):
        """The process of this half, which has been started."""
        child = self._halves[which]
        if which in self._silent:
            self.hello = json.loads(self._hear(child, "hello"))
            self._silent.discard(which)
        return child

    def _hear(self, child, word):
        answer = self._inbox.wait_for(child, ANSWER_WITHIN)
        kind, _, rest = answer.partition(" ")
        if kind != word:
            raise RowFailed(f"{child.name}: {rest if kind == 'error' else answer}")
        return rest

    def _order(self, which, words, answer):
        child = self.half(which)
        child.say(words)
        return self._hear(child, answer)

    def open(self, row):
        """Set a row up."""
        self.start(row)
        name = row.native if self.name == "C" else row.name
        endpoint = self._order("near", f"open {name} near -", "ready")
        if row.far:
            self._order("far", f"open {name} far {endpoint}", "ready")

    def run(self, row, count):
        """One round; seconds (or bytes) for one operation."""
        near = self.half("near")
        # The near half first: it takes the time, and must be waiting when the first message comes.
        near.say(f"run {count}")
        if row.far:
            self.half("far").say(f"run {count}")
        spent = float(self._hear(near, "took"))
        if row.far:
            self._hear(self.half("far"), "took")
        return spent / count

    def close(self, row):
        """Tidy up after a row."""
        for which in ("far", "near") if row.far else ("near",):
            self._order(which, "close", "closed")

    def restart(self):
        """Give up the processes; the next row gets new ones.  They have nothing to lose, so nobody waits for them."""
        halves, self._halves = self._halves, {}
        self._silent.clear()
        self._inbox = Inbox()
        if halves:
            self._children.end(*halves.values(), patience=0)


class Runner:
    """Measures rows.

    Parameters
    ----------
    sides : list of Side
        The first is ours, the second pyzmq; C and the floor follow, if they are there.
    pace : Pace
        How often and how long.
    fresh : callable
        ``fresh(source)`` -> command and environment of a fresh process that runs it.
    progress : callable
        Is given one line of text at a time.
    """

    def __init__(self, sides, pace, fresh, progress):
        self.sides = sides
        self.pace = pace
        self.fresh = fresh
        self.progress = progress
        #: Several rows show different numbers of the same processes: what was measured for a source, and its errors.
        self._known = {}

    def measure(self, row):
        """All rounds of one row, as the dict that ``--json`` shows."""
        started = time.monotonic()
        result = {"name": row.name, "what": row.what, "unit": row.unit, "goal": goal_of(row.name), "errors": {}}
        costs = self._fresh_rounds(row, result) if row.fresh else self._rounds(row, result)
        unit = UNITS[row.unit]
        result["sides"] = {
            name: summary([unit.of(cost) for cost in values]) for name, values in costs.items() if valid(values)
        }
        result["ratios"] = {
            f"{one}/{other}": summary([a / b for a, b in zip(costs[one], costs[other]) if min(a, b) > 0])
            for one, other in RATIOS
            if valid(costs.get(one)) and valid(costs.get(other))
        }
        result["seconds"] = round(time.monotonic() - started, 3)
        return result

    def _rounds(self, row, result):
        working = [side for side in self.sides if side.takes_part(row)]
        costs = {side.name: [] for side in working}
        generation, count = -1, 0
        rounds, generations = self.pace.rounds, self.pace.generations
        for number in range(rounds):
            if number * generations // rounds > generation:
                generation = number * generations // rounds
                count = self._begin(working, row, result, count)
            self.progress(f"{row.name}: round {number + 1} of {rounds}")
            for side in turn(working, number):
                cost = self._guarded(side, result, side.run, row, count)
                if cost is None:
                    working.remove(side)
                else:
                    costs[side.name].append(cost[0])
        for side in working:
            self._guarded(side, result, side.close, row)
        result["count"] = count
        return {side.name: costs[side.name] for side in working}

    def _begin(self, working, row, result, count):
        """New processes for every side that works, warmed up; how many operations make a round, the same for all."""
        for side in self.sides:
            side.restart()
        for side in working:
            side.start(row)
        for side in list(working):
            if self._guarded(side, result, side.open, row) is None:
                working.remove(side)
        found = count
        for side in list(working):
            if count:
                outcome = self._guarded(side, result, side.run, row, count)
            else:
                outcome = self._guarded(side, result, self._calibrate, side, row, found or self.pace.least(row))
            if outcome is None:
                working.remove(side)
            elif not count and (side.name == "pyzmq" or not found):
                found = outcome[0]
        return found

    def _guarded(self, side, result, action, *arguments):
        """``(what the action returns,)``, or None and a note when it failed."""
        try:
            return (action(*arguments),)
        except (RowFailed, ChildFailed) as error:
            result["errors"][side.name] = str(error)
            side.restart()
            return None

    def _calibrate(self, side, row, count):
        """A number of operations that takes about as long as a round should, but never fewer than the row asks for."""
        wanted = self.pace.seconds * min(row.stretch, self.pace.stretch)
        while True:
            spent = side.run(row, count) * count
            if spent >= wanted / 2 or count >= MOST:
                return min(max(int(count * wanted / spent), self.pace.least(row)), MOST)
            count = min(int(count * min(max(1.2 * wanted / max(spent, 1e-9), 2), 10)), MOST)

    def _fresh_rounds(self, row, result):
        if row.fresh not in self._known:
            self._known[row.fresh] = self._fresh_processes(row)
        taken, errors = self._known[row.fresh]
        result["errors"].update(errors)
        result["count"] = 1
        return {name: [numbers[row.take] for numbers in rounds] for name, rounds in taken.items()}

    def _fresh_processes(self, row):
        """What was taken by each side in each round, and what went wrong."""
        result = {"errors": {}}
        sources = {"ours": row.fresh, "pyzmq": row.fresh}
        if row.name in FRESH_FLOORS and any(side.name == "floor" for side in self.sides):
            sources["floor"] = FRESH_FLOORS[row.name]
        # Only the time of a whole process is compared with that of a bare one.
        with_bare = any(other.take == "wall" for other in (row, *ROWS.values()) if other.fresh == row.fresh)
        # Once in advance, so that the compiled modules are there and the files in memory.
        taken = {name: [] for name in sources if self._start_fresh(name, sources[name], result)}
        rounds = self.pace.rounds_of(row)
        for number in range(rounds):
            self.progress(f"{row.name}: round {number + 1} of {rounds}")
            bare = self._start_fresh("bare", "pass", result) if with_bare else {"wall": 0.0}
            for name in turn(list(taken), number):
                numbers = bare and self._start_fresh(name, sources[name], result)
                if numbers is None:
                    del taken[name]
                else:
                    numbers["wall"] -= bare["wall"]
                    taken[name].append(numbers)
        return taken, result["errors"]

    def _start_fresh(self, name, source, result):
        """Seconds and bytes that a source takes in a process of its own, or None and a note when it failed."""
        argv, env = self.fresh(source.format(module=worker.MODULES.get(name)))
        begin = time.perf_counter()
        try:
            done = subprocess.run(argv, env=env, capture_output=True, timeout=ANSWER_WITHIN)
        except subprocess.TimeoutExpired:
            result["errors"][name] = f"not finished within {ANSWER_WITHIN:g} s"
            return None
        wall = time.perf_counter() - begin
        if done.returncode:
            result["errors"][name] = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            return None
        inside, memory = map(float, done.stdout.split())
        return {"wall": wall, "inside": inside, "memory": memory}


def turn(sides, number):
    """The order of this round: each side is first equally often, each follows each."""
    shift = number // 2 % len(sides) if sides else 0
    order = sides[shift:] + sides[:shift]
    return order[::-1] if number % 2 else order


def valid(values):
    """Whether there is anything to show: a cost of nothing is one that could not be measured."""
    return bool(values) and statistics.median(values) > 0


def summary(values):
    """Median and quartiles of some values, and the values."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": middle, "low": low, "high": high, "values": values}


def sides_for(python, library, program, children, floors=False):
    """The sides that this machine has, on this library."""
    env = variables(library)
    command = [python, os.path.join(HERE, "worker.py")]
    sides = [Side(name, [*command, name], env, children) for name in ("ours", "pyzmq")]
    if program:
        sides.append(Side("C", [program, library], env, children))
    # The prepared arguments are CPython's; there is no such thing elsewhere.
    if floors and sys.implementation.name == "cpython":
        sides.append(Side("floor", [*command, "floor"], env, children))
    return sides


def fresh_for(python, library):
    """How a fresh process is started: nothing of either side is imported before the source under measure."""
    env = variables(library)
    return lambda source: ([python, os.path.join(HERE, "fresh.py"), source], env)
