"""The demonstration shows what it promises, and says so when something is wrong."""

import io
import os
import re
import signal
import subprocess
import sys
import textwrap

import environments
import pytest
from processes import Children
from scripts import ROOT, TOOLS, alive, load

demo = load("demo")
SCRIPT = os.path.join(TOOLS, "demo")
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals and Unix sockets of POSIX")


def start(*arguments, **details):
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace", **details
    )


def finish(process, seconds=60):
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out, err


def until_running(process):
    """Read until the processes are there; their numbers, the server's first."""
    for line in process.stdout:
        if line.startswith("started"):
            return [int(number) for number in re.findall(r"(?:process|processes|,) (\d+)", line)]
    raise AssertionError(process.stderr.read())


@pytest.fixture
def children():
    with Children() as all_of_them:
        yield all_of_them


@pytest.fixture
def folder():
    path = demo.short_folder()
    yield path
    for name in os.listdir(path):
        os.unlink(os.path.join(path, name))
    os.rmdir(path)


def test_it_works_from_any_directory_and_ends_with_the_table(tmp_path):
    status, out, err = finish(start("--quick", "--seconds", "0.6", "--clients", "2", cwd=str(tmp_path)))
    assert (status, err) == (0, "")
    transports = ["tcp"] if os.name == "nt" else ["tcp", "ipc"]
    rows = re.findall(r"^ +(tcp|ipc) +(\S+ k?M?B) +(\d[\d ]*\d) ", out, re.MULTILINE)
    assert [row[:2] for row in rows] == [
        (transport, size) for transport in transports for size in ("1 B", "16 B", "256 B", "4 kB", "64 kB", "1 MB")
    ]
    assert "all replies right" in out
    assert re.fullmatch(r"library: .+, libzmq \d+\.\d+\.\d+", out.splitlines()[-1])
    assert "\r" not in out
    assert os.listdir(str(tmp_path)) == []


@POSIX
def test_on_a_terminal_the_line_is_rewritten_in_place(tmp_path):
    import pty

    screen, terminal = pty.openpty()
    process = subprocess.Popen([sys.executable, SCRIPT, "--seconds", "0.6"], stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    try:
        while True:
            piece = os.read(screen, 65536)
            if not piece:
                break
            shown += piece
    except OSError:
        pass  # Linux reports the end of a terminal as EIO
    finally:
        os.close(screen)
        process.kill()
    assert process.wait() == 0
    assert len(set(re.findall(rb"\r\[#+\.*\] (\w+ \d+ \w+) +[\d ]+ messages so far", shown))) > 1


@POSIX
@pytest.mark.parametrize(
    ("number", "status", "words"), [(signal.SIGINT, 130, "demo: stopped\n"), (signal.SIGTERM, 143, "")]
)
def test_when_stopped_it_leaves_nothing_behind(number, status, words, tmp_path):
    process = start(start_new_session=True, env=dict(os.environ, TMPDIR=str(tmp_path)))
    pids = until_running(process)
    assert len(pids) == 4 and all(map(alive, pids))
    # As a terminal does it: to the whole group.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    assert finish(process)[::2] == (status, words)
    assert not any(map(alive, pids))
    assert os.listdir(str(tmp_path)) == []


@POSIX
@pytest.mark.parametrize(("which", "name"), [(0, "server"), (2, "client 2")])
def test_a_process_that_dies_is_reported(which, name):
    process = start()
    pids = until_running(process)
    os.kill(pids[which], signal.SIGKILL)
    status, _, err = finish(process)
    assert status == 1
    assert f"demo: {name}: ended by SIGKILL" in err
    assert not any(map(alive, pids))


def test_a_library_that_was_named_and_is_not_there_is_an_error(tmp_path):
    missing = str(tmp_path / "libzmq.so")
    status, _, err = finish(start("--quick", env=dict(os.environ, ZMQ_CTYPES_LIBRARY=missing)))
    assert status == 1
    assert missing in err and "Traceback" not in err


def peers_with(tmp_path, change):
    """Peers that behave otherwise."""
    path = tmp_path / "peers.py"
    text = f"""
import sys, time
sys.path[:0] = [{TOOLS!r}, {ROOT!r}]
from demonstration import peers
{textwrap.dedent(change)}
peers.server(sys.argv[2:]) if sys.argv[1] == "server" else peers.client(int(sys.argv[2]))
"""
    path.write_text(text)
    return str(path)


def test_a_wrong_byte_is_an_error(children, folder, tmp_path):
    flipped = "if sys.argv[1] == 'server': peers.INVERTED = peers.INVERTED[:255] + b'x'"
    show = demo.Demonstration(children, None, folder, 1, 60, peers_with(tmp_path, flipped))
    with pytest.raises(demo.Failure, match=r"client 1: byte \d+ is 120 and should be 0, in reply 1 of 4096 bytes"):
        show.exchange("tcp", 4096, 0.1, lambda messages: None)


def test_a_server_that_does_not_answer_is_an_error(children, folder, tmp_path):
    mute = """
        peers.PATIENCE = 300

        def server(endpoints):
            context = peers.zmq.Context()
            socket = context.socket(peers.zmq.ROUTER)
            socket.linger = 0
            port = socket.bind_to_random_port("tcp://127.0.0.1")
            peers.tell(endpoints={"tcp": f"tcp://127.0.0.1:{port}"})
            list(peers.obey())
            socket.close()
            context.term()

        peers.server = server
    """
    show = demo.Demonstration(children, None, folder, 1, 60, peers_with(tmp_path, mute))
    with pytest.raises(demo.Failure, match="client 1: no reply within 0.3 s to a request of 1 bytes at tcp://"):
        show.exchange("tcp", 1, 0.1, lambda messages: None)


def test_the_whole_has_a_limit(children, folder, tmp_path):
    with pytest.raises(demo.Failure, match="not finished within the limit of 0.3 s"):
        demo.Demonstration(children, None, folder, 1, 0.3, peers_with(tmp_path, "time.sleep(60)"))


def test_a_process_that_does_not_get_ready_is_an_error(children, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "READY_WITHIN", 0.3)
    with pytest.raises(demo.Failure, match="not ready within 0.3 s"):
        demo.Demonstration(children, None, folder, 1, 60, peers_with(tmp_path, "time.sleep(60)"))


@pytest.fixture
def no_library(monkeypatch, tmp_path):
    """A machine without libzmq, whose checkout is empty; what is run lands in the list."""
    monkeypatch.delenv("ZMQ_CTYPES_LIBRARY", raising=False)
    monkeypatch.setattr(environments, "BUILD", str(tmp_path / "build"))
    commands = []

    def run(command, env, status=0):
        commands.append((command, env))
        return subprocess.CompletedProcess(command, status)

    def probe(env):
        fetched = commands and "ZMQ_CTYPES_LIBRARY" in env
        return {"path": "/p", "version": "4.3.5"} if fetched else {"missing": "none here"}

    monkeypatch.setattr(environments.subprocess, "run", run)
    monkeypatch.setattr(environments, "probe", probe)
    return commands, run


def test_without_a_library_one_is_fetched_into_the_build_folder(no_library, tmp_path):
    commands, _ = no_library
    said = []
    env, found = demo.obtain_library(said.append)
    place = str(tmp_path / "build" / "libzmq")
    assert env["ZMQ_CTYPES_LIBRARY"] == place
    assert found["version"] == "4.3.5"
    assert commands[0][0][1:] == ["-m", "zmq_ctypes.loader", "fetch", "--dest", place]
    assert "ZMQ_CTYPES_LIBRARY" not in commands[0][1]
    assert len(said) == 1 and said[0].startswith("no libzmq on this machine: fetching one with pip into")


def test_what_an_earlier_run_fetched_is_used_again(no_library, tmp_path):
    commands, _ = no_library
    demo.obtain_library(lambda text: None)
    (tmp_path / "build" / "libzmq").mkdir(parents=True)
    demo.obtain_library(lambda text: None)
    assert len(commands) == 1


def test_when_fetching_fails_the_text_says_what_else_there_is(no_library, monkeypatch):
    _, run = no_library
    monkeypatch.setattr(environments.subprocess, "run", lambda command, env: run(command, env, status=1))
    with pytest.raises(demo.Failure, match="ZMQ_CTYPES_LIBRARY"):
        demo.obtain_library(lambda text: None)


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 B"), (1023, "1023 B"), (4096, "4 kB"), (1 << 20, "1 MB"), (1536 << 10, "1.5 MB")]
)
def test_sizes_in_words(count, words):
    assert demo.size_in_words(count) == words


def test_the_table_has_straight_columns():
    row = {"transport": "tcp", "size": 4096, "messages": 1234567, "bytes": 5 << 20, "rate": 2000.0, "latency": 0.00012}
    head, line = demo.table([row])
    assert len(head) == len(line)
    assert line.split("  ")[-1].strip() == "120 us"
    assert "1 234 567" in line and "7.8" in line


def test_plain_lines_are_sparse():
    stream = io.StringIO()
    line = demo.LiveLine(stream, every=3600)
    for number in range(1000):
        line.show(f"number {number}")
    line.clear()
    assert stream.getvalue() == "number 0\n"


@POSIX
def test_the_folder_for_sockets_has_a_short_path(monkeypatch, tmp_path):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(demo.tempfile, "tempdir", str(long))
    folder = demo.short_folder()
    os.rmdir(folder)
    assert len(folder) <= demo.LONGEST_FOLDER
    assert os.listdir(str(long)) == []


def test_unknown_options_are_refused(capsys):
    with pytest.raises(SystemExit):
        demo.main(["--clients", "0"])
    assert "--clients must be at least 1" in capsys.readouterr().err
