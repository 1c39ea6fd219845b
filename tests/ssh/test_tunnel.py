"""Tunnels through a real sshd, with both backends: messages, logins, refusals, time-outs."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys

import pytest
from ssh.servers import PASSPHRASE, PASSWORD, need_backend

import zmq_ctypes as zmq
from zmq_ctypes import ssh
from zmq_ctypes.ssh import ForwardServer, by_paramiko, openssh
from zmq_ctypes.ssh import tunnel as module
from zmq_ctypes.ssh.places import parse_server

pytestmark = pytest.mark.usefixtures("no_tunnels")


class Replier:
    def __init__(self, socket):
        self.socket = socket
        self.endpoint = socket.last_endpoint.rstrip(b"\0").decode()
        self.port = int(self.endpoint.rpartition(":")[2])

    def answers(self, requester, size=3):
        """Whether a request gets through, and its reply back."""
        requester.send_multipart([b"request", bytes(size)])
        request = self.socket.recv_multipart()
        self.socket.send_multipart([b"reply", *request])
        return requester.recv_multipart() == [b"reply", b"request", bytes(size)]


@pytest.fixture
def replier(make_socket):
    """A REP socket for the far end of a tunnel."""
    socket = make_socket(zmq.REP)
    socket.bind("tcp://127.0.0.1:*")
    return Replier(socket)


@pytest.fixture
def requester(make_socket):
    return make_socket(zmq.REQ)


def refuses(port):
    """Whether nothing listens on a port of this machine any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


# -- logging in -------------------------------------------------------------------------------------------------------


def test_with_a_key(sshd, place, replier, requester, paramiko):
    tunnel = ssh.tunnel_connection(requester, replier.endpoint, sshd.address, keyfile=place.key, paramiko=paramiko)
    assert tunnel.is_alive() and tunnel.exitcode is None and tunnel.reason == ""
    assert replier.answers(requester)
    # More than fits into any of the buffers on the way.
    assert replier.answers(requester, 20_000_000)
    assert requester.last_endpoint.rstrip(b"\0").decode() == f"tcp://127.0.0.1:{tunnel.local_port}"
    assert not refuses(tunnel.local_port)
    tunnel.terminate()
    tunnel.join(20)
    assert not tunnel.is_alive() and tunnel.reason == "it was terminated"
    assert refuses(tunnel.local_port)
    tunnel.terminate()
    tunnel.close()


def test_with_a_password(sshd, replier, requester, paramiko):
    with ssh.tunnel_connection(requester, replier.endpoint, sshd.address, password=PASSWORD, paramiko=paramiko):
        assert replier.answers(requester)


@pytest.mark.parametrize("password", ["wrong", "", PASSWORD + " "])
def test_with_a_wrong_password(sshd, replier, paramiko, password):
    with pytest.raises(ssh.AuthenticationException) as caught:
        ssh.open_tunnel(replier.endpoint, sshd.address, password=password, paramiko=paramiko)
    assert sshd.address in str(caught.value)
    assert not password or password not in str(caught.value)


def test_without_anything(sshd, replier, paramiko):
    with pytest.raises(ssh.AuthenticationException, match="password"):
        ssh.open_tunnel(replier.endpoint, sshd.address, paramiko=paramiko)


def test_with_a_key_that_the_server_does_not_know(sshd, place, replier, paramiko):
    with pytest.raises(ssh.AuthenticationException):
        ssh.open_tunnel(replier.endpoint, sshd.address, keyfile=place.stranger, paramiko=paramiko)


def test_the_password_of_a_key(sshd, place, replier, requester, paramiko):
    with ssh.tunnel_connection(
        requester, replier.endpoint, sshd.address, place.locked_key, PASSPHRASE, paramiko=paramiko
    ):
        assert replier.answers(requester)
    with pytest.raises(ssh.AuthenticationException):
        ssh.open_tunnel(replier.endpoint, sshd.address, place.locked_key, "wrong", paramiko=paramiko)


def test_errors_of_paramiko_are_its_own_as_well(sshd, replier):
    need_backend("paramiko")
    paramiko = by_paramiko.paramiko_module()
    with pytest.raises(paramiko.AuthenticationException) as caught:
        ssh.open_tunnel(replier.endpoint, sshd.address, password="wrong", paramiko=True)
    assert isinstance(caught.value, ssh.SSHException)
    with pytest.raises(paramiko.SSHException):
        ssh.open_tunnel(replier.endpoint, "u@127.0.0.1:1", password="x", paramiko=True)


def test_an_alias_of_the_configuration(sshd, place, home, replier, requester):
    need_backend("openssh")
    home.configure(
        f"Host there\nHostname 127.0.0.1\nPort {sshd.port}\nUser {place.user}\nIdentityFile {place.key}\n"
        # Another login has these already.
        f"LocalForward 127.0.0.1:{replier.port} 127.0.0.1:1\nRemoteCommand true\nLogLevel QUIET\n"
    )
    with ssh.tunnel_connection(requester, replier.endpoint, "there", paramiko=False):
        assert replier.answers(requester)


@pytest.mark.parametrize(
    "settings",
    [
        "BatchMode yes",
        "ForkAfterAuthentication yes\nSessionType none",
        "LogVerbose *:*:*",
        # Port 1 of the other side is not for this user.
        "RemoteForward 127.0.0.1:1 127.0.0.1:1\nExitOnForwardFailure yes",
        "Tunnel yes\nExitOnForwardFailure yes",
        "RequestTTY force\nStdinNull yes\nGatewayPorts yes\nEscapeChar none",
        "IgnoreUnknown Unknown*\nUnknownOption yes",
    ],
    ids=lambda settings: settings.partition(" ")[0],
)
def test_what_the_configuration_says_for_other_logins(sshd, home, replier, requester, settings):
    need_backend("openssh")
    # An older ssh does not know all of these.
    home.configure(settings if settings.startswith("Ignore") else f"IgnoreUnknown *\n{settings}")
    with ssh.tunnel_connection(
        requester, replier.endpoint, sshd.address, password=PASSWORD, paramiko=False, timeout=20
    ) as tunnel:
        assert replier.answers(requester)
        with socket.socket() as everywhere:
            # What only this machine can reach leaves the port to its other addresses.
            everywhere.bind(("127.0.0.2", tunnel.local_port))
        assert tunnel.is_alive()


@pytest.mark.parametrize(
    "said, options",
    [
        ("OpenSSH_6.7p1 Debian-5, OpenSSL 1.0.1t", set()),
        ("OpenSSH_for_Windows_8.6p1, LibreSSL 3.4.3", {"LogVerbose"}),
        ("OpenSSH_10.0p2, OpenSSL 3.5", {"LogVerbose", "ForkAfterAuthentication"}),
        ("Dropbear v2022.83", set()),
        (None, set()),
    ],
)
def test_options_that_an_older_ssh_does_not_know(home, said, options):
    (home.programs / "ssh").write_text(f"#!/bin/sh\necho '{said}' >&2\n" if said else "no program")
    words = openssh.command(parse_server("server"), None, 5)
    assert {word.partition("=")[0] for word in words} & set(openssh._NEWER_OPTIONS) == options


def test_a_server_with_ipv6(start_sshd, place, make_socket, requester, paramiko):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 on this system")
    sshd = start_sshd(listen="::1")
    there = make_socket(zmq.REP, ipv6=True)
    there.bind("tcp://[::1]:*")
    replier = Replier(there)
    assert replier.endpoint.startswith("tcp://[::1]:")
    with ssh.tunnel_connection(requester, replier.endpoint, sshd.address, place.key, paramiko=paramiko) as tunnel:
        assert replier.answers(requester)
        assert f"[::1]:{sshd.port}" in repr(tunnel)


@pytest.mark.parametrize("name", ["with space", "with'quote", 'with"quotes"', "$(touch injected)", "; touch injected", "-i"])
def test_names_of_key_files(sshd, place, replier, requester, paramiko, tmp_path, name):
    path = tmp_path / name
    shutil.copy(place.key, str(path))
    with ssh.tunnel_connection(requester, replier.endpoint, sshd.address, path, paramiko=paramiko):
        assert replier.answers(requester)


# -- hosts ------------------------------------------------------------------------------------------------------------


def test_an_unknown_host(lasting_sshd, home, place, replier, paramiko):
    with pytest.raises(ssh.SSHException, match="known") as caught:
        ssh.open_tunnel(replier.endpoint, lasting_sshd.address, place.key, PASSWORD, paramiko=paramiko)
    assert not isinstance(caught.value, ssh.AuthenticationException)
    assert home.known_hosts.read_text() == ""


def test_another_host_in_its_place(lasting_sshd, home, place, replier, paramiko):
    key = (lasting_sshd.host_key.replace("host", "other_host")) + ".pub"
    with open(key) as file:
        home.known_hosts.write_text(f"[127.0.0.1]:{lasting_sshd.port} {file.read()}")
    before = home.known_hosts.read_text()
    with pytest.raises(ssh.SSHException, match="(?i)host key") as caught:
        ssh.open_tunnel(replier.endpoint, lasting_sshd.address, place.key, PASSWORD, paramiko=paramiko)
    assert not isinstance(caught.value, ssh.AuthenticationException)
    assert home.known_hosts.read_text() == before


def test_hosts_that_ssh_accepts_by_configuration(lasting_sshd, home, place, replier, requester):
    need_backend("openssh")
    home.configure("StrictHostKeyChecking accept-new")
    with ssh.tunnel_connection(requester, replier.endpoint, lasting_sshd.address, place.key, paramiko=False):
        assert replier.answers(requester)
    assert f"[127.0.0.1]:{lasting_sshd.port}" in home.known_hosts.read_text()


def test_hosts_that_paramiko_adds(lasting_sshd, home, place, replier, requester, monkeypatch):
    need_backend("paramiko")
    monkeypatch.setenv("PYZMQ_PARAMIKO_HOST_KEY_POLICY", "AutoAdd")
    before = "# what paramiko itself would lose\n@revoked other.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA=="
    home.known_hosts.write_text(before)
    with ssh.tunnel_connection(requester, replier.endpoint, lasting_sshd.address, place.key, paramiko=True):
        assert replier.answers(requester)
    assert home.known_hosts.read_text() == f"{before}\n{lasting_sshd.known}"
    monkeypatch.delenv("PYZMQ_PARAMIKO_HOST_KEY_POLICY")
    with ssh.tunnel_connection(requester, replier.endpoint, lasting_sshd.address, place.key, paramiko=True):
        pass


def test_host_keys_that_were_revoked(lasting_sshd, home, place, replier, monkeypatch, paramiko):
    monkeypatch.setenv("PYZMQ_PARAMIKO_HOST_KEY_POLICY", "AutoAdd")
    home.configure("StrictHostKeyChecking accept-new")
    host, key = lasting_sshd.known.split(" ", 1)
    home.known_hosts.write_text(f"{host} {key}@revoked * {key}")
    with pytest.raises(ssh.SSHException, match="(?i)revoked"):
        ssh.open_tunnel(replier.endpoint, lasting_sshd.address, place.key, paramiko=paramiko)
    assert home.known_hosts.read_text() == f"{host} {key}@revoked * {key}"


def test_hashed_names_of_hosts(lasting_sshd, home, place, replier, requester, paramiko):
    home.known_hosts.write_text(lasting_sshd.known)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(home.known_hosts)], check=True, stderr=subprocess.DEVNULL)
    hashed = home.known_hosts.read_text()
    assert "127.0.0.1" not in hashed
    home.known_hosts.write_text("nonsense\n127.0.0.1 unknown-kind AAAA\n# not a host\n\n" + hashed)
    with ssh.tunnel_connection(requester, replier.endpoint, lasting_sshd.address, place.key, paramiko=paramiko):
        assert replier.answers(requester)


def test_hosts_that_paramiko_warns_of(lasting_sshd, home, place, replier, monkeypatch):
    need_backend("paramiko")
    monkeypatch.setenv("PYZMQ_PARAMIKO_HOST_KEY_POLICY", "Warning")
    with pytest.warns(UserWarning, match="Unknown"):
        ssh.open_tunnel(replier.endpoint, lasting_sshd.address, place.key, paramiko=True)[1].close()


def test_a_policy_that_there_is_not(sshd, place, replier, monkeypatch):
    need_backend("paramiko")
    monkeypatch.setenv("PYZMQ_PARAMIKO_HOST_KEY_POLICY", "AcceptAll")
    with pytest.raises(ValueError, match="PYZMQ_PARAMIKO_HOST_KEY_POLICY"):
        ssh.open_tunnel(replier.endpoint, sshd.address, place.key, paramiko=True)


def test_nobody_answers(home, paramiko):
    with socket.socket() as taken:
        # Bound, and not listening.
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ssh.SSHException, match="refused|Unable to connect"):
            ssh.open_tunnel("tcp://127.0.0.1:1", f"u@127.0.0.1:{taken.getsockname()[1]}", password="x", paramiko=paramiko)


def test_no_terminal(home, monkeypatch):
    """Where /dev/pts is not mounted, as in some containers."""
    need_backend("openssh")
    monkeypatch.setattr("pty.fork", raise_out_of_terminals)
    with pytest.raises(ssh.SSHException, match="no terminal for ssh: out of pty devices; with paramiko=True"):
        ssh.open_tunnel("tcp://127.0.0.1:1", "u@127.0.0.1", password="x", paramiko=False)


def raise_out_of_terminals():
    raise OSError("out of pty devices")


def test_a_host_that_there_is_not(home, paramiko):
    with pytest.raises(ssh.SSHException, match="there.is.no.such.host.invalid"):
        ssh.open_tunnel("tcp://127.0.0.1:1", "u@there.is.no.such.host.invalid", password="x", paramiko=paramiko)


def test_a_server_that_says_nothing(home, paramiko):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        with pytest.raises(ssh.SSHException):
            ssh.open_tunnel(
                "tcp://127.0.0.1:1", f"u@127.0.0.1:{silent.getsockname()[1]}", password="x", paramiko=paramiko, timeout=1
            )


# -- ports ------------------------------------------------------------------------------------------------------------


def test_a_port_of_ones_choice(sshd, place, replier, requester, paramiko):
    (port,) = ssh.select_random_ports(1)
    make = ssh.paramiko_tunnel if paramiko else ssh.openssh_tunnel
    with make(port, replier.port, sshd.address, keyfile=place.key) as tunnel:
        assert tunnel.local_port == port
        requester.connect(f"tcp://127.0.0.1:{port}")
        assert replier.answers(requester)
        with pytest.raises((ssh.SSHException, OSError), match=f"{port}|in use"):
            make(port, replier.port, sshd.address, keyfile=place.key)
        assert replier.answers(requester)


def test_a_chosen_port_that_is_taken_meanwhile(sshd, place, replier, requester, monkeypatch):
    need_backend("openssh")
    chosen = [replier.port, replier.port, ssh.select_random_ports(1)[0]]
    monkeypatch.setattr(module, "select_random_ports", lambda n: [chosen.pop(0)])
    with ssh.tunnel_connection(requester, replier.endpoint, sshd.address, place.key, paramiko=False):
        assert chosen == []
        assert replier.answers(requester)


def test_random_ports():
    ports = ssh.select_random_ports(50)
    assert len(set(ports)) == 50
    assert all(refuses(port) for port in ports)
    assert ssh.select_random_ports(0) == []
    with pytest.raises(TypeError):
        ssh.select_random_ports("2")


def test_many_connections_that_lead_nowhere(sshd, place, paramiko):
    """What ssh says of each would fill its terminal, if nobody read it."""
    (nowhere,) = ssh.select_random_ports(1)
    url, tunnel = ssh.open_tunnel(f"tcp://127.0.0.1:{nowhere}", sshd.address, place.key, paramiko=paramiko)
    with tunnel:
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", tunnel.local_port), 20) as connection:
                connection.settimeout(20)
                try:
                    assert connection.recv(1) == b""
                except ConnectionResetError:
                    pass
        assert tunnel.is_alive()


def test_one_direction_ends_first(sshd, place, paramiko):
    """A peer that sends all, says so, and then waits for the answer, gets it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        _, tunnel = ssh.open_tunnel(endpoint, sshd.address, place.key, paramiko=paramiko)
        with tunnel, socket.create_connection(("127.0.0.1", tunnel.local_port), 20) as near:
            near.sendall(b"question")
            near.shutdown(socket.SHUT_WR)
            far = listener.accept()[0]
            with far, far.makefile("rwb") as stream:
                far.settimeout(20)
                assert stream.read() == b"question"
                stream.write(bytes(1_000_000))
            with near.makefile("rb") as stream:
                assert stream.read() == bytes(1_000_000)


# -- time-outs and passwordless logins --------------------------------------------------------------------------------


@pytest.fixture
def short_idle(monkeypatch):
    """A shorter time-out for standing tunnels than for logging in, which may take its time on a busy machine."""
    for kind, method in ((openssh.OpenSSHTunnel, "stand"), (ForwardServer, "serve")):
        real = getattr(kind, method)
        monkeypatch.setattr(kind, method, lambda self, timeout, real=real: real(self, {40.5: 2.0}[timeout]))


def test_a_tunnel_ends_when_nobody_uses_it(sshd, place, replier, requester, paramiko, short_idle):
    how = {"keyfile": place.key, "paramiko": paramiko, "timeout": 40.5}
    tunnel = ssh.tunnel_connection(requester, replier.endpoint, sshd.address, **how)
    unused = ssh.open_tunnel(replier.endpoint, sshd.address, **how)[1]
    assert replier.answers(requester)
    unused.join(30)
    assert not unused.is_alive()
    assert unused.reason == "there was no connection for 2 s"
    assert refuses(unused.local_port)
    # Nothing was sent through the other either; it is connected.
    assert tunnel.is_alive()
    assert replier.answers(requester)
    requester.close()
    tunnel.join(30)
    assert not tunnel.is_alive()


def test_logins_without_a_password(sshd, place, paramiko):
    assert ssh.try_passwordless_ssh(sshd.address, place.key, paramiko) is True
    assert ssh.try_passwordless_ssh(sshd.address, None, paramiko) is False
    assert ssh.try_passwordless_ssh(sshd.address, place.stranger, paramiko=paramiko) is False
    assert ssh.try_passwordless_ssh(sshd.address, place.locked_key, paramiko=paramiko) is False


def test_logins_to_whom_one_does_not_know(lasting_sshd, home, place, paramiko):
    with pytest.raises(ssh.SSHException, match="(?i)known|host key"):
        ssh.try_passwordless_ssh(lasting_sshd.address, place.key, paramiko)
    with pytest.raises(ssh.SSHException):
        ssh.try_passwordless_ssh("u@127.0.0.1:1", place.key, paramiko)


# -- what is missing, and what is wrong -------------------------------------------------------------------------------


def test_without_pexpect(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "pexpect", None)
    with pytest.raises(ImportError, match=r"pip install pexpect.*paramiko=True"):
        ssh.openssh_tunnel(0, 1, "server")
    with pytest.raises(ImportError, match="pip install pexpect"):
        ssh.try_passwordless_ssh("server", paramiko=False)
    assert module.pexpect is None


def test_without_paramiko(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(ImportError, match=r"pip install paramiko.*paramiko=False"):
        ssh.paramiko_tunnel(0, 1, "server")
    with pytest.raises(ImportError, match="pip install paramiko"):
        ssh.try_passwordless_ssh("server", paramiko=True)
    assert module.paramiko is None


def test_without_ssh(home, monkeypatch):
    need_backend("openssh")
    monkeypatch.setenv("PATH", str(home.folder))
    with pytest.raises(ssh.SSHException, match="openssh-client"):
        ssh.openssh_tunnel(0, 1, "server")


@pytest.mark.parametrize(
    "changes, error, words",
    [
        ({"server": "-oProxyCommand=touch injected"}, ValueError, "server"),
        ({"server": "$(touch injected)"}, ValueError, "server"),
        ({"server": "u@h;touch injected"}, ValueError, "server"),
        ({"server": "-u@h"}, ValueError, "server"),
        ({"server": "`touch injected`@h"}, ValueError, "server"),
        ({"server": "h:port"}, ValueError, "server"),
        ({"server": ""}, ValueError, "server"),
        ({"server": None}, TypeError, "server"),
        ({"remoteip": "h o"}, ValueError, "remoteip"),
        ({"remoteip": "-h"}, ValueError, "remoteip"),
        ({"remoteip": 17}, TypeError, "remoteip"),
        ({"lport": -1}, ValueError, "lport"),
        ({"lport": "1"}, TypeError, "lport"),
        ({"rport": 0}, ValueError, "rport"),
        ({"rport": 65536}, ValueError, "rport"),
        ({"keyfile": "/there/is/no/key"}, FileNotFoundError, "keyfile"),
        ({"keyfile": 17}, TypeError, "keyfile"),
        ({"password": b"bytes"}, TypeError, "password"),
        ({"timeout": 0}, ValueError, "timeout"),
        ({"timeout": None}, TypeError, "timeout"),
        ({"timeout": float("nan")}, ValueError, "timeout"),
    ],
)
def test_wrong_arguments(home, either, changes, error, words):
    make = ssh.paramiko_tunnel if either else ssh.openssh_tunnel
    with pytest.raises(error, match=words):
        make(**{"lport": 0, "rport": 1, "server": "server", **changes})
    assert not home.calls.exists()


@pytest.mark.parametrize("name", ["%h", "${HOME}"])
def test_names_of_key_files_that_ssh_would_expand(home, tmp_path, name):
    need_backend("openssh")
    (tmp_path / name).write_text("")
    with pytest.raises(ValueError, match="keyfile"):
        ssh.openssh_tunnel(0, 1, "server", keyfile=str(tmp_path / name))
    assert not home.calls.exists()


def test_a_password_that_cannot_be_typed(home):
    need_backend("openssh")
    with pytest.raises(ValueError, match="password"):
        ssh.openssh_tunnel(0, 1, "server", password="with\x03interrupt")
    assert not home.calls.exists()


@pytest.mark.parametrize("addr", ["ipc:///file", "tcp://host", "tcp://*:5555", "tcp://h:1;touch injected", "host:1", "tcp://:1"])
def test_wrong_endpoints(home, either, addr):
    with pytest.raises(ValueError, match="addr"):
        ssh.open_tunnel(addr, "server", paramiko=either)
    assert not home.calls.exists()


def test_wrong_sockets(home, sshd, place, replier, requester, paramiko):
    with pytest.raises(TypeError, match="socket"):
        ssh.tunnel_connection(None, replier.endpoint, sshd.address, place.key, paramiko=paramiko)
    assert not home.calls.exists()
    requester.close()
    with pytest.raises(zmq.ZMQError) as caught:
        ssh.tunnel_connection(requester, replier.endpoint, sshd.address, place.key, paramiko=paramiko)
    assert caught.value.errno == zmq.ENOTSOCK


def test_names_of_pyzmq():
    assert module.SSHException is ssh.SSHException and issubclass(module.MaxRetryExceeded, Exception)
    assert ssh.ssh_tunnel is (ssh.paramiko_tunnel if sys.platform == "win32" else ssh.openssh_tunnel)
    with pytest.raises(AttributeError):
        assert module.twisted
