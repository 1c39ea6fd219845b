"""ForwardServer and forward_tunnel by themselves, on a connection of paramiko that the caller has made."""

from __future__ import annotations

import socket
import threading

import pytest
from ssh.servers import PASSWORD, need_backend

import zmq_ctypes as zmq
from zmq_ctypes import ssh
from zmq_ctypes.ssh import by_paramiko, forward


@pytest.fixture
def transport(sshd, place):
    need_backend("paramiko")
    paramiko = by_paramiko.paramiko_module()
    with socket.create_connection((sshd.host, sshd.port), 20) as connection, paramiko.Transport(connection) as made:
        made.start_client(timeout=40)
        made.auth_password(place.user, PASSWORD)
        yield made


def test_forward_tunnel(transport, make_socket):
    there, here = make_socket(zmq.REP), make_socket(zmq.REQ)
    target = there.bind_to_random_port("tcp://127.0.0.1")
    (port,) = ssh.select_random_ports(1)
    thread = threading.Thread(target=ssh.forward_tunnel, args=(port, "127.0.0.1", target, transport))
    thread.start()
    try:
        here.connect(f"tcp://127.0.0.1:{port}")
        here.send(b"through")
        there.send(there.recv() + b" it")
        assert here.recv() == b"through it"
    finally:
        # Its end is that of the connection.
        transport.close()
        thread.join(20)
    assert not thread.is_alive()


def test_a_handler_of_ones_own(transport):
    """The way that programs for pyzmq have it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)

        class Mine(forward.Handler):
            chain_host = "127.0.0.1"
            chain_port = listener.getsockname()[1]
            ssh_transport = transport

        with ssh.ForwardServer(("127.0.0.1", 0), Mine) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            with socket.create_connection(server.server_address, 20) as near:
                near.sendall(b"1")
                far = listener.accept()[0]
                with far:
                    assert far.recv(1) == b"1"
                    assert server.connections == 1
                # A far end that is closed closes the near one.
                assert near.recv(1) == b""
            server.shutdown()
            thread.join(20)
            assert not thread.is_alive()


def test_the_end_may_come_before_the_beginning():
    with ssh.ForwardServer(("127.0.0.1", 0)) as server:
        server.end("not wanted any more")
        assert server.serve() == "not wanted any more"


def test_ipv6():
    try:
        server = ssh.ForwardServer(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 on this system")
    with server:
        assert server.socket.family == socket.AF_INET6


def test_a_port_that_is_taken():
    with ssh.ForwardServer(("127.0.0.1", 0)) as server:
        with pytest.raises(OSError):
            ssh.forward_tunnel(server.server_address[1], "127.0.0.1", 1, None)
