"""``python -m zmq_ctypes.devices``: what it says, what it passes on, and how it stops."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from children import LIMIT, environment
from support import free_ports

import zmq_ctypes as zmq
from zmq_ctypes.devices import __main__ as shell

ANY = "@tcp://127.0.0.1:*"


class Shell:
    """A running device, and where its sockets are."""

    def __init__(self, *arguments):
        self.child = subprocess.Popen(
            [sys.executable, "-m", "zmq_ctypes.devices", *arguments],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.ends = {}

    def hear(self, *names):
        """Read where the sockets of these names are bound or connected."""
        for name in names:
            line = self.child.stdout.readline()
            assert line, self.child.stderr.read()
            found = re.fullmatch(r"(in|out|mon): (bind|connect) (\S+)\n", line)
            assert found and found[1] == name, line
            self.ends.setdefault(name, []).append(found[3])
        return [self.ends[name][-1] for name in names]

    def stop(self, number=signal.SIGINT):
        """Send a signal, and return the lines that it has printed besides."""
        self.child.send_signal(number)
        out, err = self.child.communicate(timeout=LIMIT)
        assert self.child.returncode == 0 and err == "", (self.child.returncode, err)
        return out.splitlines()


@pytest.fixture
def run():
    started = []

    def begin(*arguments):
        started.append(Shell(*arguments))
        return started[-1]

    yield begin
    for running in started:
        child = running.child
        child.kill()
        child.wait(LIMIT)
        for stream in (child.stdout, child.stderr):
            stream.close()


signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals for other processes")


@signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_queue(run, far, number):
    running = run("queue", "--in", ANY, "--out", ANY)
    front, back = running.hear("in", "out")
    client, worker = far(zmq.REQ, front), far(zmq.REP, back)
    for _ in range(5):
        client.send(b"question")
        assert worker.recv() == [b"question"]
        worker.send(b"the answer")
        assert client.recv() == [b"the answer"]
    # The frames of a request: who asks, an empty one, and the question.
    assert running.stop(number)[-2:] == ["in: 5 messages, 65 bytes", "out: 5 messages, 75 bytes"]


@signals
def test_a_live_line(run, far):
    running = run("streamer", "--in", ANY, "--out", ANY, "--interval", "0.1")
    front, back = running.hear("in", "out")
    source, sink = far(zmq.PUSH, front), far(zmq.PULL, back)
    seen = ""
    while not re.match(r"in [1-9][\d,]* msg/s \d+(\.\d)? k?B/s \| out 0 msg/s 0 B/s\n", seen):
        source.send(b"x" * 100)
        assert sink.recv() == [b"x" * 100]
        if select.select([running.child.stdout], [], [], 0)[0]:
            seen = running.child.stdout.readline()
    assert re.fullmatch(r"in: \d+ messages, \d+00 bytes", running.stop()[-2])


@signals
def test_a_terminal_gets_one_line():
    pty = pytest.importorskip("pty")
    parent, child_end = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "zmq_ctypes.devices", "forwarder", "--in", ANY, "--out", ANY, "--interval", "0.05"],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=child_end,
        stderr=child_end,
    )
    os.close(child_end)
    try:
        text = b""
        while text.count(b"\rin 0 msg/s 0 B/s | out 0 msg/s 0 B/s") < 3:
            text += os.read(parent, 4096)
        child.send_signal(signal.SIGINT)
        try:
            while True:
                more = os.read(parent, 4096)
                if not more:
                    break
                text += more
        except OSError:
            pass  # how Linux says that the other end is closed
        assert child.wait(LIMIT) == 0
        assert text.endswith(b"\r\nin: 0 messages, 0 bytes\r\nout: 0 messages, 0 bytes\r\n")
    finally:
        os.close(parent)
        child.kill()
        child.wait(LIMIT)


@signals
def test_a_monitor(run, far, make_socket):
    running = run("monitor", "--in", ANY, "--out", ANY, "--mon", ANY)
    front, back, published = running.hear("in", "out", "mon")
    watcher = make_socket(zmq.SUB)
    watcher.subscribe = b""
    watcher.connect(published)
    client, worker = far(zmq.REQ, front), far(zmq.REP, back)
    told = []
    # A publisher may not know of its subscriber yet, or come to know it between question and answer.
    while len(told) < 2 or told[-1][0] != b"out":
        client.send(b"question")
        assert worker.recv() == [b"question"]
        worker.send(b"answer")
        assert client.recv() == [b"answer"]
        while watcher.poll(100):
            told.append(watcher.recv_multipart())
    assert told[-1][-1] == b"answer" and told[-2][0] == b"in" and told[-2][-1] == b"question"
    running.stop()


@signals
def test_quietly_and_connected(run, far, make_socket):
    """Without the counting; to several endpoints, and connecting."""
    sink = make_socket(zmq.PULL)
    sink.bind("tcp://127.0.0.1:*")
    running = run("streamer", "--quiet", "--in", f"{ANY},tcp://127.0.0.1:*", "--out", f">{sink.last_endpoint.decode()}")
    running.hear("in", "in", "out")
    assert running.ends["out"] == [sink.last_endpoint.decode()]
    for endpoint in running.ends["in"]:
        far(zmq.PUSH, endpoint).send(endpoint.encode())
    assert sorted(sink.recv().decode() for _ in range(2)) == sorted(running.ends["in"])
    assert running.stop() == []


@signals
def test_what_is_unsent_gets_its_time(run, make_socket):
    """The signal comes while nobody takes the messages; they are sent all the same."""
    sink = make_socket(zmq.PULL)
    sink.bind("tcp://127.0.0.1:*")
    endpoint = sink.last_endpoint.decode()
    sink.unbind(endpoint)
    running = run("streamer", "--in", ANY, "--out", f">{endpoint}", "--linger", "20000", "--interval", "0.05")
    front, _ = running.hear("in", "out")
    source = make_socket(zmq.PUSH)
    source.connect(front)
    for number in range(100):
        source.send(b"%d" % number)
    # Until something has come, and then nothing more: the device has them all.
    rates = []
    while not any(rates) or any(rates[-5:]):
        rates.append(int(re.match(r"in ([\d,]+) msg/s", running.child.stdout.readline())[1].replace(",", "")))
    running.child.send_signal(signal.SIGTERM)
    sink.bind(endpoint)
    assert [sink.recv() for _ in range(100)] == [b"%d" % number for number in range(100)]
    assert running.child.wait(LIMIT) == 0


@signals
@pytest.mark.parametrize("kept", [0, 2, 4], ids=["at once", "before the first live line", "after some"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_nobody_reads_what_it_says(run, far, number, kept):
    """As behind ``| head -3``: it passes on messages, and stops as usual."""
    front, back = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    running = run("streamer", "--in", f"@{front}", "--out", f"@{back}", "--interval", "0.01")
    for _ in range(kept):
        assert running.child.stdout.readline()
    running.child.stdout.close()
    source, sink = far(zmq.PUSH, front), far(zmq.PULL, back)
    # Many live lines that it cannot write.
    for number_ in range(20):
        source.send(b"%d" % number_)
        assert sink.recv() == [b"%d" % number_]
        time.sleep(0.02)
    running.child.send_signal(number)
    assert running.child.wait(LIMIT) == 0
    assert running.child.stderr.read() == ""


@signals
def test_without_anything_to_write_to(far):
    """As with ``>&-``."""
    front, back = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    child = subprocess.Popen(
        [sys.executable, "-c", "import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"]
        + ["-m", "zmq_ctypes.devices", "streamer", "--in", front, "--out", back, "--interval", "0.01"],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with child:
        try:
            source, sink = far(zmq.PUSH, front), far(zmq.PULL, back)
            for _ in range(20):
                source.send(b"there")
                assert sink.recv() == [b"there"]
                time.sleep(0.02)
            child.terminate()
            assert child.wait(LIMIT) == 0
            assert child.stderr.read() == b""
        finally:
            child.kill()


# What goes wrong -----------------------------------------------------------------------------------------------------


def test_an_endpoint_that_is_taken(make_socket, capsys):
    taken = make_socket(zmq.PULL)
    taken.bind("tcp://127.0.0.1:*")
    endpoint = taken.last_endpoint.decode()
    assert shell.main(["queue", "--in", ANY, "--out", f"@{endpoint}"]) == 1
    assert endpoint in capsys.readouterr().err
    # What was bound before is given back, and so are the handlers of signals.
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required"),
        (["queue", "--in", ANY], "--out"),
        (["broker", "--in", ANY, "--out", ANY], "invalid choice: 'broker'"),
        (["monitor", "--in", ANY, "--out", ANY], "a monitor needs --mon"),
        (["queue", "--in", "localhost", "--out", ANY], "'localhost' is no endpoint"),
        (["queue", "--in", f"{ANY},", "--out", ANY], "'' is no endpoint"),
        (["queue", "--in", ANY, "--out", ANY, "--interval", "0"], "--interval must be greater than 0"),
        (["queue", "--in", ANY, "--out", ANY, "--linger", "-2"], "--linger is a number of milliseconds"),
    ],
)
def test_wrong_arguments(arguments, words, capsys):
    with pytest.raises(SystemExit) as ended:
        shell.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_help(run):
    running = run("--help")
    out, err = running.child.communicate(timeout=LIMIT)
    assert out.startswith("usage: python -m zmq_ctypes.devices ") and err == ""
    for kind in shell.KINDS:
        assert f"\n  {kind} " in out


def test_endpoints():
    assert shell.endpoints("@tcp://*:1,>tcp://h:2,ipc:///@3") == [
        ("bind", "tcp://*:1"),
        ("connect", "tcp://h:2"),
        ("bind", "ipc:///@3"),
    ]


def test_numbers_of_bytes():
    assert [shell.scaled(size) for size in (0, 999, 1000, 12_345, 1_500_000, 5e9, 5e12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "12.3 kB",
        "1.5 MB",
        "5.0 GB",
        "5000.0 GB",
    ]
