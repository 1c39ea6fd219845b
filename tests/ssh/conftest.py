"""Fixtures for an sshd on loopback, and for the home of whoever logs in."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

import pytest
from ssh.servers import BACKENDS, PASSPHRASE, Home, Place, Sshd, need_backend, privsep_folder, run, system_user
from support import need


@pytest.fixture(scope="session")
def place():
    """The user, the keys, and the folder that they lie in."""
    need(sys.platform.startswith("linux"), "Linux, for an sshd of the test's own")
    need(os.path.exists("/usr/sbin/sshd"), "sshd (apt install openssh-server)")
    need(shutil.which("ssh"), "ssh (apt install openssh-client)")
    need(os.geteuid() == 0, "root, for an sshd that lets users log in")
    folder = tempfile.mkdtemp(prefix="zmqssh")
    # sshd reads authorized_keys as the user.
    os.chmod(folder, 0o755)
    keys = {name: os.path.join(folder, name) for name in ("host", "other_host", "key", "locked", "stranger")}
    try:
        for name, path in keys.items():
            passphrase = PASSPHRASE if name == "locked" else ""
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", path)
        authorized = os.path.join(folder, "authorized_keys")
        with open(authorized, "w") as file:
            for name in ("key", "locked"):
                with open(keys[name] + ".pub") as public:
                    file.write(public.read())
        with privsep_folder(), system_user() as user:
            yield Place(folder, user, keys["key"], keys["locked"], keys["stranger"], authorized)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def lasting_sshd(place):
    made = Sshd(place)
    yield made
    made.stop()


@pytest.fixture
def start_sshd(place, home):
    """Start an sshd for one test, whose host key is known: ``start_sshd(host_key="host", listen="127.0.0.1")``."""
    started = []

    def start(**options):
        made = Sshd(place, **options)
        started.append(made)
        home.know(made)
        return made

    yield start
    for made in started:
        made.stop()


@pytest.fixture
def home(tmp_path, monkeypatch):
    # Programs that an injected command would call would leave their traces there.
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    yield Home(tmp_path / "home", monkeypatch)
    assert os.listdir(working) == []


@pytest.fixture
def sshd(lasting_sshd, home):
    """An sshd whose host key is known."""
    home.know(lasting_sshd)
    return lasting_sshd


@pytest.fixture(params=BACKENDS)
def paramiko(request):
    """The argument of that name: whether paramiko makes the tunnel."""
    need_backend(request.param)
    return request.param == "paramiko"


@pytest.fixture(params=BACKENDS)
def either(request):
    """The same where nothing gets as far as the backend, which may be missing."""
    return request.param == "paramiko"


@pytest.fixture
def no_tunnels():
    """No tunnel is left at the end of a test."""
    from zmq_ctypes.ssh import standing

    before = set(standing._standing)
    yield
    left = [tunnel for key, tunnel in standing._standing.items() if key not in before]
    for tunnel in left:
        tunnel.close()
    assert not left
