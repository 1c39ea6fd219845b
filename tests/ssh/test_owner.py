"""A tunnel ends with its owner, however that ends, and an owner survives the end of its tunnel."""

from __future__ import annotations

import contextlib
import glob
import os
import signal
import socket
import subprocess
import time

import children
import pytest
from scripts import alive
from ssh.servers import PASSWORD, need_backend
from support import need

import zmq_ctypes as zmq
from zmq_ctypes import ssh
from zmq_ctypes.ssh import by_paramiko, openssh

pytestmark = pytest.mark.usefixtures("no_tunnels")

#: Seconds within which what has to end ends.  ssh may overlook a signal until its next sign of life, after 15.
SOON = 40

OWNER = """
from zmq_ctypes import ssh
import os, signal, sys
server, key, backend, prelude, ending = sys.argv[1:]
exec(prelude)
url, tunnel = ssh.open_tunnel("tcp://127.0.0.1:1", server, key, paramiko=backend == "paramiko")
print(tunnel.pid or 0, tunnel.local_port, flush=True)
exec(ending)
"""


def refuses(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def child_processes():
    """Those of this process, zombies too."""
    found = set()
    for path in glob.glob("/proc/self/task/*/children"):
        with open(path) as file:
            found.update(file.read().split())
    return found


def soon(condition, what):
    limit = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < limit, f"not within {SOON} s: {what}"
        time.sleep(0.02)


class Owner:
    """A process with a tunnel."""

    def __init__(self, sshd, key, paramiko, prelude="", ending="input()"):
        name = "paramiko" if paramiko else "openssh"
        self.process = subprocess.Popen(
            # Unwatched, since some of them fork.
            children.command(OWNER, sshd.address, key, name, prelude, ending, watch=False),
            env=children.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        self.pid, self.port = map(int, line.split())

    def check_nothing_is_left(self):
        soon(lambda: refuses(self.port), "the port closed")
        if self.pid:
            soon(lambda: not alive(self.pid), "the process ended")


@pytest.fixture
def start(sshd, place, paramiko):
    owners = []

    def begin(**how):
        owners.append(Owner(sshd, place.key, paramiko, **how))
        return owners[-1]

    yield begin
    for owner in owners:
        # With what it has forked.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(owner.process.pid, signal.SIGKILL)
        owner.process.communicate()
        owner.check_nothing_is_left()


@pytest.mark.parametrize(
    "ending, status",
    [
        ("del tunnel; sys.exit(3)", 3),
        ("os.kill(os.getpid(), signal.SIGTERM); signal.pause()", -signal.SIGTERM),
    ],
    ids=["exit", "SIGTERM"],
)
def test_the_owner_ends(start, ending, status):
    owner = start(ending=ending)
    out, err = owner.process.communicate(timeout=SOON)
    assert (owner.process.returncode, err) == (status, "")
    owner.check_nothing_is_left()


def test_the_owner_is_killed(start):
    # As under nohup, and with signals blocked.
    owner = start(
        prelude="signal.signal(signal.SIGHUP, signal.SIG_IGN); signal.pthread_sigmask(signal.SIG_BLOCK, {1, 15})"
    )
    assert not refuses(owner.port)
    owner.process.kill()
    owner.process.wait(SOON)
    owner.check_nothing_is_left()


def test_the_owner_is_killed_though_ssh_would_go_into_the_background(start, home):
    home.configure("IgnoreUnknown ForkAfterAuthentication\nForkAfterAuthentication yes")
    owner = start()
    assert not refuses(owner.port)
    assert not owner.pid or alive(owner.pid)
    owner.process.kill()
    owner.process.wait(SOON)
    owner.check_nothing_is_left()


@pytest.mark.parametrize(
    "begin",
    ["subprocess.Popen(('sleep', '1000'), close_fds=False)", "os.system('sleep 1000 &')"],
    ids=["Popen", "system"],
)
def test_the_owner_is_killed_and_a_program_lives_on(start, begin):
    """A program that was started from there has all descriptors that are inherited."""
    owner = start(ending=f"import subprocess; {begin}; print('started', flush=True); input()")
    assert owner.process.stdout.readline() == "started\n"
    assert not refuses(owner.port)
    owner.process.kill()
    owner.process.wait(SOON)
    owner.check_nothing_is_left()
    # It still runs: it is in the process group, which has nobody else.
    os.killpg(owner.process.pid, 0)


def test_the_owner_is_killed_and_a_child_lives_on(start):
    """A forked child has all the descriptors of its parent, but for those of the tunnels."""
    owner = start(
        prelude="import warnings; warnings.simplefilter('ignore')",
        ending=r"""
pid = os.fork()
if not pid:
    left = tunnel.is_alive()
    tunnel.close()
    os.write(1, f"child {os.getpid()} {left}\n".encode())
    signal.pause()
os.write(1, f"parent {tunnel.is_alive()}\n".encode())
signal.pause()
""",
    )
    said = dict(owner.process.stdout.readline().rstrip().split(" ", 1) for _ in range(2))
    child, left = said["child"].split(" ", 1)
    child = int(child)
    try:
        assert (left, said["parent"]) == ("False", "True")
        # What the child has done to its copy was nothing to the tunnel.
        assert not refuses(owner.port)
        owner.process.kill()
        owner.process.wait(SOON)
        assert alive(child)
        owner.check_nothing_is_left()
        assert alive(child)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_child_that_exits_leaves_the_tunnels_alone(start):
    owner = start(
        prelude="import warnings; warnings.simplefilter('ignore')",
        ending="""
pid = os.fork()
if not pid:
    sys.exit()
print(os.waitpid(pid, 0)[1], tunnel.is_alive(), flush=True)
input()
""",
    )
    assert owner.process.stdout.readline() == "0 True\n"
    assert not refuses(owner.port)
    owner.process.communicate("\n", timeout=SOON)
    owner.check_nothing_is_left()


def test_the_server_goes(start_sshd, place, make_socket, paramiko):
    sshd = start_sshd()
    there, here, again = make_socket(zmq.REP), make_socket(zmq.REQ), make_socket(zmq.REQ)
    there.bind("tcp://127.0.0.1:*")
    endpoint = there.last_endpoint.decode()
    tunnel = ssh.tunnel_connection(here, endpoint, sshd.address, place.key, paramiko=paramiko)
    here.send(b"first")
    there.send(there.recv())
    assert here.recv() == b"first"
    sshd.stop()
    tunnel.join(SOON)
    assert not tunnel.is_alive() and tunnel.exitcode is not None and tunnel.reason
    assert refuses(tunnel.local_port)
    # The socket goes on trying, and keeps what it is given.
    here.send(b"waits")
    tunnel.terminate()
    tunnel.close()
    sshd = start_sshd()
    with ssh.tunnel_connection(again, endpoint, sshd.address, place.key, paramiko=paramiko):
        again.send(b"second")
        there.send(there.recv())
        assert again.recv() == b"second"
    # A tunnel at the same port is the way that it knows.
    make = ssh.paramiko_tunnel if paramiko else ssh.openssh_tunnel
    with make(tunnel.local_port, int(endpoint.rpartition(":")[2]), sshd.address, keyfile=place.key):
        there.send(there.recv())
        assert here.recv() == b"waits"


def test_the_server_says_nothing_any_more(start_sshd, place, paramiko, monkeypatch):
    monkeypatch.setitem(openssh._OPTIONS, "ServerAliveInterval", "1")
    monkeypatch.setattr(by_paramiko, "KEEPALIVE", 0.5)
    monkeypatch.setattr(by_paramiko, "SILENCE", 2.5)
    sshd = start_sshd()
    _, tunnel = ssh.open_tunnel("tcp://127.0.0.1:1", sshd.address, place.key, paramiko=paramiko)
    # Longer than it takes to ask and be answered.
    tunnel.join(1.5)
    assert tunnel.is_alive()
    sshd.send_signal(signal.SIGSTOP)
    tunnel.join(SOON)
    assert not tunnel.is_alive() and refuses(tunnel.local_port)
    assert "said nothing for 2.5 s" in tunnel.reason or "not responding" in tunnel.reason


def test_no_process_and_no_thread_is_left(sshd, place, paramiko):
    import threading

    threads = set(threading.enumerate())
    descriptors = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        _, tunnel = ssh.open_tunnel("tcp://127.0.0.1:1", sshd.address, place.key, paramiko=paramiko)
        with tunnel:
            pid = tunnel.pid
        if pid:
            assert tunnel == pid and str(tunnel) == str(pid)
            with pytest.raises(ProcessLookupError):
                os.kill(tunnel, 0)
            with pytest.raises(ChildProcessError):
                os.waitpid(tunnel, os.WNOHANG)
        assert "ended" in repr(tunnel)
    # paramiko's own thread needs a moment.
    soon(lambda: set(threading.enumerate()) <= threads, "threads ended")
    soon(lambda: len(os.listdir("/proc/self/fd")) <= descriptors, "descriptors closed")


def test_beyond_what_select_can_do(sshd, place, paramiko):
    """With file descriptors from 1024 on, the login and the tunnel work, too."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need(hard == resource.RLIM_INFINITY or hard >= 2000, "2000 file descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    try:
        with contextlib.ExitStack() as stack, socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            for _ in range(1100):
                stack.enter_context(open(os.devnull))
            _, tunnel = ssh.open_tunnel(
                f"tcp://127.0.0.1:{listener.getsockname()[1]}", sshd.address, place.key, paramiko=paramiko
            )
            with tunnel, socket.create_connection(("127.0.0.1", tunnel.local_port), 20) as near:
                near.sendall(b"far")
                with listener.accept()[0] as far:
                    assert far.recv(3) == b"far"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_no_process_is_left_of_a_login_that_fails(sshd, paramiko, home):
    before = child_processes()
    with pytest.raises(ssh.AuthenticationException):
        ssh.open_tunnel("tcp://127.0.0.1:1", sshd.address, password="wrong", paramiko=paramiko)
    assert child_processes() <= before


ASKING = """
from zmq_ctypes import ssh
import sys
server, backend = sys.argv[1:]
try:
    url, tunnel = ssh.open_tunnel("tcp://127.0.0.1:1", server, paramiko=backend == "paramiko")
    with tunnel:
        print("it stands:", tunnel.is_alive())
except ssh.AuthenticationException as error:
    print("refused:", str(error).partition(chr(10))[0])
"""


@pytest.mark.parametrize("password, said", [(PASSWORD, "it stands: True"), ("wrong", "refused:")])
def test_a_password_is_asked_for_at_a_terminal(sshd, paramiko, password, said):
    need_backend("openssh")
    import warnings

    import pexpect

    command = children.command(ASKING, sshd.address, "paramiko" if paramiko else "openssh")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = pexpect.spawn(command[0], command[1:], env=children.environment(), timeout=SOON)
    try:
        child.expect(f"{sshd.address.partition('@')[0]}@.*password: ".encode())
        child.sendline(password)
        child.expect_exact(said.encode())
        # Typed, and not shown.
        assert password.encode() not in child.before
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)


def test_a_tunnel_stands_while_the_thread_that_opened_it_ends(sshd, place, paramiko):
    import threading

    made = []
    thread = threading.Thread(
        target=lambda: made.append(
            ssh.open_tunnel("tcp://127.0.0.1:1", sshd.address, place.key, paramiko=paramiko)[1]
        )
    )
    thread.start()
    thread.join(SOON)
    with made[0] as tunnel:
        tunnel.join(0.5)
        assert tunnel.is_alive() and not refuses(tunnel.local_port)
