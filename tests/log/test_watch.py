"""``python -m zmq_ctypes.log``: what it prints for which message, and how it ends."""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import signal
import subprocess
import sys
import threading
from datetime import datetime

import pytest
from children import LIMIT, environment

import zmq_ctypes as zmq
from zmq_ctypes.log.handlers import PUBHandler
from zmq_ctypes.log.watch import Lines

READY = "the watcher listens"


class Watcher:
    """The command, running; its lines."""

    def __init__(self, socket, topic, arguments, **variables):
        endpoint = socket.last_endpoint.decode()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zmq_ctypes.log", endpoint, *arguments],
            env=environment(**{"PYTHONIOENCODING": "utf-8", **variables}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        # What is published before the subscription has arrived is lost.
        while self._lines.empty():
            assert self.process.poll() is None, self.process.stderr.read()
            socket.send_multipart([topic, READY.encode()])
            self._reader.join(0.02)

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self):
        while True:
            line = self._lines.get(timeout=LIMIT)
            if READY not in line:
                return line

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(LIMIT)
        self._reader.join(LIMIT)
        return status, self.process.stderr.read()

    def end(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def watch(make_socket):
    """Start the command on a new PUB socket: ``watch(arguments..., topic=b"")`` gives the socket and the watcher."""
    started = []

    def start(*arguments, topic=b"", **variables):
        socket = make_socket(zmq.PUB)
        socket.bind("tcp://127.0.0.1:*")
        started.append(Watcher(socket, topic, arguments, **variables))
        return socket, started[-1]

    yield start
    for watcher in started:
        watcher.end()


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "zmq_ctypes.log", *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for another process")
def test_records(watch):
    socket, watcher = watch()
    logger = logging.Logger("test")
    logger.addHandler(PUBHandler(socket, root_topic="worker"))
    logger.info("hello")
    assert watcher.line() == "worker.INFO | hello"
    logger.info("sub.topic::grüß dich")
    assert watcher.line() == "worker.INFO.sub.topic | grüß dich"
    try:
        raise ValueError("of this kind")
    except ValueError:
        logger.exception("failed")
    assert watcher.line().startswith("worker.ERROR | ERROR test_watch.py:")
    assert "ValueError: of this kind" in iter(watcher.line, None)
    assert watcher.interrupt() == (0, "")


def test_all_options(watch):
    socket, watcher = watch("--timestamp", "--dateformat", "<%Y>", "--separator", " ~ ", "--align", "--color")
    socket.send_multipart([b"worker.WARNING.disk", b"full\n"])
    socket.send_multipart([b"worker.INFO", b"less"])
    year = datetime.now().year
    assert re.fullmatch(f"<{year}> \x1b\\[33mworker.WARNING.disk ~ full\x1b\\[0m", watcher.line())
    assert re.fullmatch(f"<{year}> \x1b\\[97mworker.INFO         ~ less\x1b\\[0m", watcher.line())


def test_topics(watch):
    socket, watcher = watch("-t", "worker.ERROR", "--topic", "other", topic=b"worker.ERROR")
    for topic in (b"worker.INFO", b"other.INFO", b"third.ERROR", b"worker.ERROR.disk"):
        socket.send_multipart([topic, b"text"])
    assert watcher.line() == "other.INFO | text"
    assert watcher.line() == "worker.ERROR.disk | text"


def test_messages_that_are_no_records(watch):
    socket, watcher = watch(PYTHONIOENCODING="ascii")
    socket.send(b"one frame")
    assert watcher.line() == "one frame | "
    socket.send_multipart([b"three", b"of", b"them"])
    assert watcher.line() == "three | of | them"
    socket.send_multipart([b"INFO", b"\xff \x1b[31m \xe2\x82\xac"])
    assert watcher.line() == r"INFO | \xff \x1b[31m \u20ac"


def test_the_reader_goes(make_socket):
    """As in ``... | head -n 1``: no traceback, no complaint."""
    socket = make_socket(zmq.PUB)
    socket.bind("tcp://127.0.0.1:*")
    process = subprocess.Popen(
        [sys.executable, "-m", "zmq_ctypes.log", socket.last_endpoint.decode()],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    try:
        while process.poll() is None:
            socket.send_multipart([b"INFO", b"text"])
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        assert (process.returncode, process.stderr.read()) == (0, b"")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_wrong_endpoint():
    done = command("nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nonsense" in done.stderr and "Traceback" not in done.stderr


def test_help():
    done = command("--help")
    assert done.returncode == 0
    for option in ("--topic", "--timestamp", "--separator", "--dateformat", "--align", "--color"):
        assert option in done.stdout
    assert "-m zmq_ctypes.log" in done.stdout


# -- lines ------------------------------------------------------------------------------------------------------------


def test_alignment():
    lines = Lines(align=True)
    assert [lines.line(frames) for frames in ([b"a.INFO", b"1"], [b"bcd.WARNING.x", b"2"], [b"a.INFO", b"3"])] == [
        "a.INFO | 1",
        "bcd.WARNING.x | 2",
        "a  .INFO      | 3",
    ]


@pytest.mark.parametrize(
    "topic, colour",
    [("DEBUG", 96), ("a.b.INFO.c", 97), ("a.WARNING", 33), ("ERROR", 91), ("CRITICAL", "1;91"), ("INFORMAL", None)],
)
def test_colours(topic, colour):
    line = Lines(color=True).line([topic.encode(), b"text"])
    assert line == (f"{topic} | text" if colour is None else f"\x1b[{colour}m{topic} | text\x1b[0m")


def test_the_time():
    line = Lines(dateformat="%Y-%m-%d %H:%M").line([b"INFO", b"text"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d INFO \| text", line)


@pytest.mark.parametrize(
    "frame, shown",
    [
        (b"a\r\nb\tc\n", "a\nb\tc"),
        (b"\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\u202e\x9b".encode(), r"\u202e\x9b"),
        (b"\x00\x7f\r.", r"\x00\x7f\r."),
    ],
)
def test_control_characters(frame, shown):
    assert Lines().line([b"INFO", frame]) == f"INFO | {shown}"


def test_a_topic_is_one_line():
    assert Lines().line([b"IN\nFO", b"text"]) == r"IN\nFO | text"
