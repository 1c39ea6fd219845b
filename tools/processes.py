"""Child processes that cannot hang us and cannot outlive us: what ``tools/demo`` and ``tools/bench`` share.

A child talks in lines: it reads orders from its standard input and answers on its standard output.  Three
things are then true of it whatever it does:

* waiting for an answer has a limit, and a child that ended or fell silent becomes an exception which shows
  what it wrote to its standard error;
* leaving the ``with`` block ends it, politely first (its input is closed), by force a moment later;
* when we are killed, the pipe to its input closes; a child that watches that (``obey`` does) ends itself.
"""

from __future__ import annotations

import collections
import os
import queue
import signal
import subprocess
import sys
import threading
import time

#: Seconds that a child has to leave by itself once its input is closed.
POLITE = 2.0


class ChildFailed(Exception):
    """A child ended early, answered with an error, or did not answer in time."""


class Inbox:
    """The answers of one or more children.  The end of any of them is an exception for whoever waits."""

    def __init__(self):
        self._queue = queue.Queue()
        self._kept = collections.defaultdict(collections.deque)

    def put(self, child, line):
        """One answer, or None when there will be no more."""
        self._queue.put((child, line))

    def next(self, seconds):
        """``(child, line)``, whoever answers first; None when nobody does within so many seconds."""
        try:
            child, line = self._queue.get(timeout=max(seconds, 0))
        except queue.Empty:
            return None
        if line is None:
            raise ChildFailed(child.obituary())
        return child, line

    def wait_for(self, child, seconds):
        """The next line of this child; those of others are kept until they are asked for."""
        deadline = time.monotonic() + seconds
        while not self._kept[child]:
            answer = self.next(deadline - time.monotonic())
            if answer is None:
                raise ChildFailed(f"{child.name}: no answer within {seconds:g} s{child.quoted_errors()}")
            self._kept[answer[0]].append(answer[1])
        return self._kept[child].popleft()


class Child:
    """One process, its answers, and the last lines of its standard error.

    Parameters
    ----------
    name : str
        What messages call it.
    argv : list of str
        The command.
    env : dict, optional
        Its whole environment; ours when left out.
    inbox : Inbox
        Where its answers go.  Several children may share one.
    """

    def __init__(self, name, argv, env, inbox):
        self.name = name
        self._inbox = inbox
        self._errors = collections.deque(maxlen=40)
        self.process = subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            bufsize=1,
        )
        self._threads = [
            threading.Thread(target=self._read_answers, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read_answers(self):
        for line in self.process.stdout:
            self._inbox.put(self, line.rstrip("\n"))
        self._inbox.put(self, None)

    def _read_errors(self):
        for line in self.process.stderr:
            self._errors.append(line.rstrip("\n"))

    def say(self, line):
        """Give it one order."""
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except (OSError, ValueError):
            raise ChildFailed(self.obituary()) from None

    def obituary(self):
        """How it ended, with the end of its standard error."""
        try:
            status = self.process.wait(POLITE)
        except subprocess.TimeoutExpired:
            return f"{self.name}: closed its output and is still running{self.quoted_errors()}"
        # The pipe may still hold lines that the reading thread has not seen when the process is gone.
        self._threads[1].join(POLITE)
        return f"{self.name}: {describe_status(status)}{self.quoted_errors()}"

    def quoted_errors(self):
        """The end of its standard error, ready to follow a sentence."""
        lines = list(self._errors)
        return "".join("\n    " + line for line in lines) if lines else " (it wrote nothing to stderr)"

    def dismiss(self):
        """Close its input: the sign that nothing more is wanted."""
        try:
            self.process.stdin.close()
        except OSError:
            pass

    def end(self, deadline):
        """End it: by itself until `deadline` (``time.monotonic``), by force after that."""
        self.dismiss()
        try:
            self.process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for thread in self._threads:
            thread.join(POLITE)
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()


class Children:
    """Context manager around any number of children: none is left when it ends."""

    def __init__(self):
        self._all = []

    def start(self, name, argv, env, inbox):
        """Start one more; the arguments are those of `Child`."""
        child = Child(name, argv, env, inbox)
        self._all.append(child)
        return child

    def end(self, *children, patience=POLITE):
        """End these, or all."""
        ending = list(children or self._all)
        deadline = time.monotonic() + patience
        for child in ending:
            child.dismiss()
        for child in ending:
            child.end(deadline)
            self._all.remove(child)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.end(patience=POLITE if kind is None else 0.2)


def describe_status(status):
    """An exit status in words: ``exit status 1``, ``ended by SIGSEGV``."""
    if status is not None and status < 0:
        try:
            return f"ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"ended by signal {-status}"
    return f"exit status {status}"


def obey():
    """In a child: an iterator over the orders, and a promise to end with the one who gives them.

    A thread does the reading, so that the end of the input ends this process even in the middle of a call that waits.
    SIGINT is ignored: a terminal sends Ctrl-C to the whole group, and the one who started us decides what follows.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders = queue.Queue()

    def read():
        for line in sys.stdin:
            orders.put(line.rstrip("\n"))
        orders.put(None)
        time.sleep(POLITE / 2)
        os._exit(3)

    threading.Thread(target=read, daemon=True).start()
    return iter(orders.get, None)
