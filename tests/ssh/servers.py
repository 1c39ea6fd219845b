"""A real sshd on loopback, with a configuration, host keys, known hosts and a user that exist for these tests only.

The user is made in the system's own tables, since sshd looks nowhere else; its name tells which process has made it, and
those that a killed run has left are removed by the next.  ``ssh`` is the system's, told by a script in PATH to read a
configuration of ours: the real one is that of whoever runs the tests.
"""

from __future__ import annotations

import collections
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest
from scripts import alive
from support import need

#: Before tests have other programs of that name in their PATH.
SSH = shutil.which("ssh")
USER = "zmqtest"
PASSWORD = "correct horse; $(touch injected) 'battery' \"staple\""
PASSPHRASE = "of the key"
#: Where Debian's sshd wants to find an empty folder, and how we mark one that is ours.
PRIVSEP, OURS = "/run/sshd", 0o711
BACKENDS = ("openssh", "paramiko")

Place = collections.namedtuple("Place", "folder user key locked_key stranger authorized")


def run(*command, text=None):
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=40)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"


@contextlib.contextmanager
def privsep_folder():
    """The folder that sshd wants, shared with other runs of these tests, and gone after the last of them."""
    import fcntl

    while True:
        with contextlib.suppress(FileExistsError):
            os.mkdir(PRIVSEP)
            os.chmod(PRIVSEP, OURS)
        try:
            fd = os.open(PRIVSEP, os.O_RDONLY)
        except FileNotFoundError:
            continue
        fcntl.flock(fd, fcntl.LOCK_SH)
        # Another run may have removed it in between.
        if os.path.exists(PRIVSEP) and os.path.samestat(os.fstat(fd), os.stat(PRIVSEP)):
            break
        os.close(fd)
    try:
        yield
    finally:
        if stat.S_IMODE(os.fstat(fd).st_mode) == OURS:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.rmdir(PRIVSEP)
        os.close(fd)


def change_users(*command):
    """Run one of the commands that change the tables of users, which another run may be changing, too."""
    for _ in range(20):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=40)
        if done.returncode == 0:
            return
        time.sleep(0.5)
    raise AssertionError(f"{' '.join(command)}: {done.stdout}")


@contextlib.contextmanager
def system_user():
    """A user who may log in with a password, and has neither a home nor a shell."""
    import pwd

    for entry in pwd.getpwall():
        number = entry.pw_name[len(USER) :]
        if entry.pw_name.startswith(USER) and number.isdigit() and not alive(number):
            change_users("userdel", entry.pw_name)
    name = f"{USER}{os.getpid()}"
    change_users(
        "useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name
    )
    try:
        run("chpasswd", text=f"{name}:{PASSWORD}\n")
        yield name
    finally:
        change_users("userdel", name)


class Sshd:
    """An sshd that runs until `stop`."""

    def __init__(self, place, host_key="host", listen="127.0.0.1"):
        self.host, self.place = listen, place
        family = socket.AF_INET6 if ":" in listen else socket.AF_INET
        self.host_key = os.path.join(place.folder, host_key)
        with socket.socket(family) as free:
            free.bind((listen, 0))
            self.port = free.getsockname()[1]
        path = os.path.join(place.folder, f"sshd_config-{self.port}")
        with open(path, "w") as file:
            file.write(
                f"Port {self.port}\nListenAddress {listen}\nHostKey {self.host_key}\nPidFile none\n"
                f"AuthorizedKeysFile {place.authorized}\nStrictModes no\nUsePAM no\nAllowUsers {place.user}\n"
                "PasswordAuthentication yes\nKbdInteractiveAuthentication no\nMaxStartups 100\nUseDNS no\n"
            )
        command = ["/usr/sbin/sshd", "-D", "-e", "-f", path]
        if shutil.which("setpriv"):
            # It goes even when the test run is killed.
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        # Newer ones remember who has come with a wrong password.
        lenient = ["-o", "PerSourcePenalties=no"]
        if not subprocess.run([*command, *lenient, "-t"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            command += lenient
        self.log = path + ".log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while True:
            assert self.process.poll() is None, open(self.log).read()
            with socket.socket(family) as probe:
                if not probe.connect_ex((listen, self.port)):
                    return
            time.sleep(0.01)

    @property
    def address(self):
        """``user@server:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.place.user}@{host}:{self.port}"

    @property
    def known(self):
        """Its line for known_hosts."""
        with open(self.host_key + ".pub") as file:
            return f"[{self.host}]:{self.port} {file.read().rsplit(' ', 1)[0]}\n"

    def _processes(self):
        pids = [self.process.pid]
        for pid in pids:
            with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{pid}/children") as file:
                pids += map(int, file.read().split())
        return pids

    def send_signal(self, number):
        """Send it a signal, and those of its processes that serve connections."""
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self):
        """End it at once, with all connections."""
        self.send_signal(signal.SIGKILL)
        self.process.wait()


class Home:
    """The home and the configuration of whoever logs in, for both backends."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.ssh = folder / ".ssh"
        self.ssh.mkdir(parents=True, mode=0o700)
        self.known_hosts = self.ssh / "known_hosts"
        self.known_hosts.write_text("")
        self.config = self.ssh / "config"
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.calls = folder / "calls"
        script = self.programs / "ssh"
        script.write_text(f'#!/bin/sh\necho called >>"{self.calls}"\nexec {SSH} -F "{self.config}" "$@"\n')
        script.chmod(0o755)
        self.configure("")
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("PATH", f"{self.programs}{os.pathsep}{os.environ['PATH']}")
        for name in ("SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "PYZMQ_PARAMIKO_HOST_KEY_POLICY"):
            monkeypatch.delenv(name, raising=False)

    def configure(self, text):
        """Write the configuration of ssh."""
        self.config.write_text(
            f"{text}\nHost *\nUserKnownHostsFile {self.known_hosts}\nGlobalKnownHostsFile /dev/null\n"
            "IdentityFile none\nIdentitiesOnly yes\n"
        )

    def know(self, sshd):
        """Know its host key."""
        with open(self.known_hosts, "a") as file:
            file.write(sshd.known)


def need_backend(name):
    """Whether what the backend needs is there; on PyPy there are no wheels of what paramiko needs."""
    if name == "paramiko":
        if sys.implementation.name == "pypy" and not importlib.util.find_spec("paramiko"):
            pytest.skip("no wheels for PyPy of what paramiko needs")
        need(importlib.util.find_spec("paramiko"), "paramiko (pip install paramiko)")
    else:
        need(importlib.util.find_spec("pexpect"), "pexpect (pip install pexpect)")
        need(SSH, "ssh (apt install openssh-client)")
