"""Tunnels of the ``ssh`` program, which pexpect drives: it logs in by itself, and everything that it is configured for works.

1. *No shell.*  ``ssh`` gets a list of arguments, each of which has passed `places`.
2. *A terminal of its own.*  ``ssh`` asks for passwords at its controlling terminal only, and pexpect gives it one.  It also
   is what ends ``ssh`` when this process is killed: the kernel closes our side of that terminal, and hangs up.  So ``ssh``
   stays in the foreground (pyzmq's goes into the background, away from its terminal, and its end is a ``sleep`` on the
   server), with the signals of a fresh process, whatever this one ignores or blocks.  And nobody else may have our side: a
   program that was started from here and lives on would keep ``ssh``.
3. *It talks.*  With ``-v`` it says when the tunnel stands and which connections go through it.  Somebody has to read
   that as long as it runs, for a full terminal would stop it: a thread does, and waits for its end, so that no zombie
   stays.  ``ssh`` would not say which connections there are if it were asked.
4. *No master.*  A connection that is shared (``ControlMaster``) would keep the tunnel after our end.  What else the
   configuration may say for a login of another kind is overruled (`_OPTIONS`): going into the background, words that we
   do not know, an end because something else that it forwards is not to be had.
5. *A signal may be overlooked:* ``ssh`` looks whether one came before it waits, and one that comes in between is noticed when
   something else happens, at the latest with the next sign of life (`_OPTIONS`).  So ours are repeated.
6. *A process id may be used again* once its process was waited for: nothing is sent to it from then on.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from collections import deque
from functools import lru_cache
from importlib import import_module
from math import ceil
from shutil import which
from subprocess import DEVNULL, PIPE, STDOUT, SubprocessError, run
from threading import Lock
from time import monotonic, sleep
from typing import TYPE_CHECKING

from .errors import AuthenticationException, SSHException
from .standing import GRACE, Tunnel

if TYPE_CHECKING:
    from typing import Any, Sequence

    from .places import Server

__all__ = ["OpenSSHTunnel", "PortTaken", "forwarding"]

#: Seconds between looks at whether the tunnel is still wanted.
MOMENT = 2.0
#: Seconds until a signal is repeated.
AGAIN = 0.02
# Seconds within which a program says which version it is.
_PATIENCE = 10

_OPTIONS = {
    # A server that is gone without a word is noticed within a minute.
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
    "NumberOfPasswordPrompts": "1",
    # Whoever gives a password wants it to be used.
    "BatchMode": "no",
    # What the configuration may say for a login of another kind.
    "ClearAllForwardings": "no",
    "ExitOnForwardFailure": "no",
    "PermitLocalCommand": "no",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "Tunnel": "no",
    "VisualHostKey": "no",
}
# An option that ssh does not know ends it.  IgnoreUnknown would prevent that, but put that of the configuration out of force.
_NEWER_OPTIONS = {
    "LogVerbose": ((8, 5), "none"),
    "ForkAfterAuthentication": ((8, 7), "no"),
}
# Without these ssh asks at its terminal.
_NOT_INHERITED = ("SSH_ASKPASS", "SSH_ASKPASS_REQUIRE")

_VERSION = re.compile(rb"OpenSSH\D*(\d+)\.(\d+)")
_STANDS = re.compile(rb"(?m)^debug1: Entering interactive session\.")
_UNKNOWN_HOST = re.compile(rb"(?m)^Are you sure you want to continue connecting")
_TAKEN = re.compile(rb"(?m)cannot listen to port: (\d+)")
_ASKS = re.compile(rb"(?im)^\r*(?!debug\d:)([^\r\n]*pass(?:word|phrase)[^\r\n]*:) ?\Z")

_REFUSED = re.compile(r"Permission denied|Too many authentication failures")
_NO_NEWS = re.compile(
    r"debug\d: |OpenSSH_|Authenticated to |Transferred: |Bytes per second: |no such identity: |Warning: Permanently added "
)
_CONNECTION = re.compile(rb"debug1: channel (\d+): (new|free)\b.*direct-tcpip")
_LISTENER = re.compile(rb"debug1: channel \d+: new\b.*port listener")


class PortTaken(SSHException):
    """Something else listens on the local port."""


class _Told:
    """What ``ssh`` has said: for people, and about its connections.  A file, as far as pexpect is concerned."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=30)
        self.changed = monotonic()
        # Whether this ssh says what we understand.
        self.counts = False
        self._rest = b""
        self._open: set[bytes] = set()

    def write(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line.strip())

    def flush(self) -> None:
        """Nothing to do."""

    def _line(self, line: bytes) -> None:
        found = _CONNECTION.match(line)
        if found:
            number, what = found.groups()
            (self._open.add if what == b"new" else self._open.discard)(number)
            self.changed = monotonic()
        elif _LISTENER.match(line):
            self.counts = True
        text = line.decode("utf-8", "backslashreplace")
        if text and not _NO_NEWS.match(text):
            self.lines.append(text)

    def idle(self) -> float:
        """Seconds since there was a connection; 0 if there is one."""
        return 0.0 if self._open or not self.counts else monotonic() - self.changed

    def news(self) -> str:
        """What people want to read of it."""
        rest = self._rest.decode("utf-8", "backslashreplace").strip()
        return "\n".join([*self.lines, *([rest] if rest and not _NO_NEWS.match(rest) else [])])


def _pexpect() -> Any:
    try:
        pexpect = import_module("pexpect")
    except ImportError:
        raise ImportError(
            "tunnels of OpenSSH need pexpect (pip install pexpect); with paramiko=True, paramiko makes them instead"
        ) from None
    if not hasattr(pexpect, "spawn"):
        raise ImportError(f"pexpect has no terminals on {sys.platform}: use paramiko=True, which needs paramiko")
    return pexpect


@lru_cache(maxsize=None)
def _version(program: str) -> tuple[int, ...]:
    """Of OpenSSH; empty if that is not what it is."""
    try:
        done = run([program, "-V"], stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, timeout=_PATIENCE)
    except (OSError, SubprocessError):
        return ()
    found = _VERSION.search(done.stdout)
    return tuple(map(int, found.groups())) if found else ()


def command(server: Server, keyfile: str | None, timeout: float, extra: Sequence[str] = ()) -> list[str]:
    """The arguments of an ``ssh`` that logs in, runs nothing and stays.

    Raises
    ------
    SSHException
        If there is no ``ssh``.
    ValueError
        If ssh would expand the name of the key file.
    """
    program = which("ssh")
    if program is None:
        raise SSHException("there is no ssh program in PATH: install OpenSSH (Debian: apt install openssh-client)")
    if keyfile is not None and ("%" in keyfile or "${" in keyfile):
        raise ValueError(f"keyfile: ssh would read something else than the name {keyfile!r}")
    version = _version(program)
    newer = {name: value for name, (first, value) in _NEWER_OPTIONS.items() if version >= first}
    # Of two values, ssh takes the first.
    words = [program, "-v", "-N", "-T", "-S", "none", *extra]
    for name, value in {**_OPTIONS, **newer, "ConnectTimeout": str(ceil(timeout))}.items():
        words += ["-o", f"{name}={value}"]
    if keyfile is not None:
        words += ["-i", keyfile]
    if server.port is not None:
        words += ["-p", str(server.port)]
    if server.user is not None:
        words += ["-l", server.user]
    return [*words, "--", server.host]


def forwarding(local_port: int, remoteip: str, remote_port: int) -> list[str]:
    """The arguments for one forwarded port."""
    host = f"[{remoteip}]" if ":" in remoteip else remoteip
    return ["-L", f"127.0.0.1:{local_port}:{host}:{remote_port}"]


def _fresh_signals() -> None:
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):  # type: ignore[attr-defined,unused-ignore]
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # type: ignore[attr-defined,unused-ignore]


def _spawn(words: list[str], told: _Told) -> Any:
    import warnings

    pexpect = _pexpect()
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    with warnings.catch_warnings():
        # Newer Pythons warn of a fork beside threads; this one runs another program at once.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            child = pexpect.spawn(words[0], words[1:], env=environment, echo=False, preexec_fn=_fresh_signals)
        except OSError as error:
            # Where /dev/pts is missing, for example.
            raise SSHException(f"no terminal for ssh: {error}; with paramiko=True none is needed") from error
    # Python makes descriptors that are not inherited, but this one is the C library's.
    os.set_inheritable(child.child_fd, False)
    child.logfile_read = told
    # select knows small numbers only; poll does not know terminals everywhere.
    child.use_poll = child.child_fd >= 1024
    return child


class OpenSSHTunnel(Tunnel, int):
    """A tunnel of an ``ssh`` process; as an integer, which is what pyzmq returns, it is the id of that process."""

    _child: Any
    _told: _Told
    _gone: bool
    _pid_lock: Any

    def __new__(cls, words: list[str], name: str, local_port: int) -> OpenSSHTunnel:
        told = _Told()
        child = _spawn(words, told)
        self = super().__new__(cls, child.pid)
        self._child = child
        self._told = told
        self._gone = False
        self._pid_lock = Lock()
        self._begin(name, local_port)
        return self

    __str__ = int.__repr__

    @property
    def pid(self) -> int:
        """The id of the process."""
        return int(self)

    # -- logging in ---------------------------------------------------------------------------------------------------

    def log_in(self, server: Server, password: str | None, timeout: float) -> None:
        """Answer what ``ssh`` asks until it stands.

        Raises
        ------
        AuthenticationException
            If the server does not accept what it got.
        PortTaken
            If the local port is not free.
        SSHException
            If the host is unknown, cannot be reached, or takes too long.
        """
        pexpect = _pexpect()
        answered: set[bytes] = set()
        deadline = monotonic() + timeout
        patterns = [_STANDS, _UNKNOWN_HOST, _TAKEN, _ASKS, pexpect.EOF, pexpect.TIMEOUT]
        while True:
            found = patterns[self._child.expect(patterns, timeout=max(0.0, deadline - monotonic()))]
            if found is _STANDS:
                return
            if found is _UNKNOWN_HOST:
                raise SSHException(
                    f"the host key of {server} is not known: log in with ssh once, to check and accept it, or set "
                    f"StrictHostKeyChecking in the configuration of ssh\n{self._told.news()}"
                )
            if found is _TAKEN:
                # The configuration may name others.
                if int(self._child.match.group(1)) == self.local_port:
                    raise PortTaken(f"port {self.local_port} is not free for a tunnel")
            elif found is _ASKS:
                prompt = self._child.match.group(1)
                if prompt in answered:
                    raise AuthenticationException(f"{server} does not accept the password ({_text(prompt)})")
                answered.add(prompt)
                if password is None:
                    password = _ask(server, _text(prompt))
                    deadline = monotonic() + timeout
                self._child.sendline(password)
            elif found is pexpect.EOF:
                news = self._told.news()
                kind = AuthenticationException if _REFUSED.search(news) else SSHException
                raise kind(f"ssh could not log in to {server}\n{news}".rstrip())
            else:
                raise SSHException(
                    f"ssh has not logged in to {server} within {timeout:g} s\n{self._told.news()}".rstrip()
                )

    # -- standing -----------------------------------------------------------------------------------------------------

    def stand(self, timeout: float) -> None:
        """Watch over the tunnel from now on, and end it after so many seconds without a connection."""
        self._told.changed = monotonic()
        self._follow(lambda: self._watch(timeout))

    def _watch(self, timeout: float) -> None:
        fd = self._child.child_fd
        while True:
            left = timeout - self._told.idle()
            if left <= 0:
                self.reason = self.reason or f"there was no connection for {timeout:g} s"
                self.terminate()
                left = GRACE
            if not _readable(fd, min(left, MOMENT)):
                if self.reason:
                    break
                continue
            try:
                data = os.read(fd, 65536)
            except OSError:
                # Linux says EIO when the other side has gone.
                break
            if not data:
                break
            self._told.write(data)
        self._collect()

    def _collect(self) -> None:
        """Wait for the process; by force if it does not end by itself."""
        deadline = monotonic() + GRACE
        while True:
            with self._pid_lock:
                if self._gone:
                    return
                exitcode = self._status()
                if exitcode is not None:
                    self._gone = True
                    break
            if monotonic() > deadline:
                self._signal(signal.SIGKILL)  # type: ignore[attr-defined,unused-ignore]
            elif self.reason:
                self._signal(signal.SIGTERM)
            sleep(AGAIN)
        self._let_go()
        self._end(exitcode, self._told.news() or "ssh has ended")

    def _status(self) -> int | None:
        try:
            pid, status = os.waitpid(self, os.WNOHANG)  # type: ignore[attr-defined,unused-ignore]
        except ChildProcessError:
            # pexpect has waited for it, or somebody else has for whatever there was.
            child = self._child
            if child.signalstatus is not None:
                return -int(child.signalstatus)
            return int(child.exitstatus or 0)
        if not pid:
            return None
        return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)  # type: ignore[attr-defined,no-any-return,unused-ignore]

    def _let_go(self) -> None:
        """Close our side of the terminal; pexpect must leave the process alone, whose id may be that of another."""
        child = self._child
        child.terminated = child.ptyproc.terminated = True
        child.delayafterclose = child.ptyproc.delayafterclose = 0
        child.close(force=False)

    # -- the end ------------------------------------------------------------------------------------------------------

    def terminate(self) -> None:
        """End the tunnel; does not wait for it.  Nothing happens if it has ended."""
        if self._gone:
            return
        self.reason = self.reason or "it was terminated"
        self._signal(signal.SIGTERM)
        if self._thread is None:
            # It has not stood yet.
            self._collect()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the tunnel.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.
        """
        deadline = None if timeout is None else monotonic() + timeout
        while not self._ended.is_set() and (deadline is None or monotonic() < deadline):
            # As long as nobody has asked for its end, there is no signal to repeat.
            left = MOMENT if deadline is None else min(MOMENT, deadline - monotonic())
            self._ended.wait(AGAIN if self.reason else max(0.0, left))
            if self.reason:
                self._signal(signal.SIGTERM)
        if self._ended.is_set():
            super().join(timeout)

    def _signal(self, number: int) -> None:
        with self._pid_lock:
            if not self._gone:
                try:
                    os.kill(self, number)
                except ProcessLookupError:
                    pass  # somebody else has waited for it

    def _abandon(self) -> None:
        self._pid_lock = Lock()
        self._gone = True
        self._let_go()


def _readable(fd: int, seconds: float) -> bool:
    """Whether there is something to read within so many seconds."""
    if fd < 1024:
        return bool(select.select([fd], [], [], seconds)[0])
    poller = select.poll()  # type: ignore[attr-defined,unused-ignore]
    poller.register(fd, select.POLLIN)  # type: ignore[attr-defined,unused-ignore]
    return bool(poller.poll(seconds * 1000))


def _text(prompt: bytes) -> str:
    return prompt.decode("utf-8", "backslashreplace")


def _ask(server: Server, prompt: str) -> str:
    """Ask the user, if there is one."""
    from .asking import ask

    return ask(f"{prompt} ", f"{server} wants a password ({prompt}), and none was given")
