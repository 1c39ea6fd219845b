"""Other Python processes for the tests: short programs that import the same zmq_ctypes as the tests do.

Exit behaviour, signals and real transports cannot be watched from inside one process. A child gets the whole ``sys.path``
of the suite, so it runs what is being tested whether that is a checkout, a wheel or a copy; it has a time limit and is
killed with its output shown, so a hang is a failure that tells where it stopped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

#: Seconds after which a child counts as hung. Generous: some machines of the matrix are slow and all of them are shared.
LIMIT = 45

PRELUDE = """
import sys
import zmq_ctypes as zmq
"""

# Shows where a child hangs and ends it.  Not for programs that fork: its thread is missing in the forked process, which
# then waits for it at exit.
WATCH = """
import faulthandler
faulthandler.enable()
faulthandler.dump_traceback_later({seconds}, exit=True)
"""


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a child: ours with `changes`, the suite's ``sys.path``, and unbuffered output."""
    result = dict(os.environ)
    result["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    result["PYTHONUNBUFFERED"] = "1"
    result.update(changes)
    return result


def command(code: str, *arguments: str, flags: tuple[str, ...] = (), watch: bool = True) -> list[str]:
    """Return the command line that runs `code` in which ``zmq`` is the package under test."""
    program = (WATCH.format(seconds=LIMIT - 10) if watch else "") + PRELUDE + textwrap.dedent(code)
    return [sys.executable, *flags, "-c", program, *arguments]


def run(
    code: str, *arguments: str, flags: tuple[str, ...] = (), watch: bool = True, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run `code` to its end, with `changes` of the environment, and return what came of it, with text of both streams."""
    return subprocess.run(
        command(code, *arguments, flags=flags, watch=watch),
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
    )


def check(code: str, *arguments: str, flags: tuple[str, ...] = (), watch: bool = True, **changes: str) -> str:
    """Run `code`, demand exit status 0 and nothing on stderr, and return what it printed."""
    done = run(code, *arguments, flags=flags, watch=watch, **changes)
    told = f"exit status {done.returncode}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
    assert done.returncode == 0, told
    assert done.stderr == "", told
    return done.stdout


def start(code: str, *arguments: str, watch: bool = True) -> subprocess.Popen[str]:
    """Start `code` and return the running process; its three streams are pipes of text."""
    return subprocess.Popen(
        command(code, *arguments, watch=watch),
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def finish(child: subprocess.Popen[str], status: int = 0) -> str:
    """Wait for `child`, demand its exit `status`, and return the rest of what it printed."""
    try:
        out, err = child.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        raise AssertionError(f"the child hung\n--- stdout\n{out}\n--- stderr\n{err}") from None
    assert child.returncode == status, f"exit status {child.returncode}\n--- stdout\n{out}\n--- stderr\n{err}"
    return out
