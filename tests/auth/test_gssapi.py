"""GSSAPI against a real KDC: server and clients in processes of their own, on the system's libzmq.

The library that the rest of the suite runs on seldom has GSSAPI; that of Debian does.
"""

from __future__ import annotations

import subprocess

import kerberos
import pytest
from children import check, command, environment, finish
from support import need

SYSTEM = {"ZMQ_CTYPES_LIBRARY": "libzmq.so.5"}

SERVER = """
import logging, threading
from zmq_ctypes.auth.thread import ThreadAuthenticator

class Records(logging.Handler):
    def emit(self, record):
        print(record.levelname, record.getMessage(), flush=True)

class Selective(ThreadAuthenticator):
    def _authenticate_gssapi(self, domain, principal):
        return principal.startswith(b"bob@"), b"Not bob"

log = logging.getLogger("zmq.auth")
log.addHandler(Records())
log.setLevel("DEBUG")
context = zmq.Context()
rule = sys.argv[1]
authenticator = (Selective if rule == "bob" else ThreadAuthenticator)(context)
authenticator.configure_gssapi()
if rule == "elsewhere":
    authenticator.allow("192.0.2.1")
authenticator.start()
server = context.socket(zmq.PULL)
server.gssapi_server = True
server.gssapi_principal = b"service@localhost"
server.zap_domain = b"global"
server.bind("tcp://127.0.0.1:*")
if rule == "stopped":
    authenticator.stop()
print(server.last_endpoint.decode(), flush=True)
poller = zmq.Poller()
poller.register(server, zmq.POLLIN)
poller.register(sys.stdin, zmq.POLLIN)
while True:
    events = dict(poller.poll())
    if server in events:
        frame = server.recv(copy=False)
        print("message", frame.bytes.decode(), frame["User-Id"], flush=True)
    if sys.stdin.fileno() in events:
        line = sys.stdin.readline()
        if not line:
            break
        authenticator.start()
server.close(0)
authenticator.stop()
context.term()
"""

CLIENT = """
context = zmq.Context()
client = context.socket(zmq.PUSH)
client.linger = 0
client.gssapi_principal = sys.argv[2].encode()
client.set(zmq.GSSAPI_PRINCIPAL_NAMETYPE, zmq.GSSAPI_NT_KRB5_PRINCIPAL)
client.gssapi_service_principal = b"service@localhost"
client.connect(sys.argv[1])
client.sndtimeo = 1000
try:
    client.send(sys.argv[2].encode())
except zmq.Again:
    pass  # refused already
sys.stdin.read()
client.close()
context.term()
"""


@pytest.fixture(scope="module")
def realm(tmp_path_factory):
    need(not kerberos.missing(), f"{', '.join(kerberos.missing())} (apt install krb5-kdc krb5-admin-server)")
    try:
        able = check("print(zmq.has('gssapi'))", **SYSTEM)
    except AssertionError:
        able = ""
    need(able == "True\n", "a libzmq of the system with GSSAPI (apt install libzmq5)")
    made = kerberos.Realm(str(tmp_path_factory.mktemp("realm")))
    for principal in ("bob", "eve"):
        made.add(principal)
    yield made
    made.close()


def start(code, *arguments, **variables):
    return subprocess.Popen(
        command(code, *arguments),
        env=environment(**SYSTEM, **variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


class Server:
    def __init__(self, realm, rule):
        self.realm = realm
        self.process = start(SERVER, rule, **realm.identity("service/localhost"))
        self.clients = []
        self.endpoint = self.wait("tcp://")

    def wait(self, word):
        """Read on until a line has a word; return it, after showing what else was said."""
        told = []
        for line in self.process.stdout:
            told.append(line)
            if word in line:
                self.told = told
                return line.strip()
        raise AssertionError(f"{word!r} was never said: {told} {self.process.stderr.read()}")

    def connect(self, principal, identity=None):
        variables = self.realm.identity(identity or principal)
        self.clients.append(start(CLIENT, self.endpoint, principal, **variables))

    def close(self):
        for client in self.clients:
            finish(client)
        finish(self.process)


@pytest.fixture
def server(realm):
    made = []

    def make(rule=""):
        made.append(Server(realm, rule))
        return made[0]

    yield make
    for server in made:
        server.close()


def test_whom_kerberos_knows_comes_in(server):
    running = server()
    running.connect("bob")
    line = running.wait("message")
    assert line == f"message bob bob@{kerberos.REALM}"
    assert any(
        line.startswith("DEBUG ALLOWED GSSAPI domain='global' address='127.0.0.1' principal=") for line in running.told
    )


def test_only_some_principals(server):
    running = server("bob")
    running.connect("eve")
    # libzmq itself lets in whoever is refused (its issue 4912).
    assert f"principal=b'eve@{kerberos.REALM}': Not bob" in running.wait("INFO DENIED GSSAPI")
    running.connect("bob")
    assert running.wait("message") == f"message bob bob@{kerberos.REALM}"


def test_addresses_count_too(server):
    running = server("elsewhere")
    running.connect("bob")
    # It comes again, because its connection was closed.
    for _ in range(2):
        assert "Address not allowed" in running.wait("INFO DENIED GSSAPI")
        assert not [line for line in running.told if line.startswith("message")]


def test_whom_kerberos_does_not_know(server, realm, tmp_path):
    # A realm of the same name, and with the same principals, but with other keys.
    folder = tmp_path / "other"
    folder.mkdir()
    other = kerberos.Realm(str(folder))
    try:
        other.add("bob")
        running = server()
        running.realm = other
        running.connect("bob")
        # It has a ticket for the service, which is not worth anything here.
        with open(folder / "kdc.log", encoding="utf-8") as log:
            text = ""
            while "for service/localhost@" not in text:
                text += log.read()
        running.realm = realm
        running.connect("bob")
        assert running.wait("message").startswith("message bob ")
        assert sum("ALLOWED" in line for line in running.told) == 1
    finally:
        other.close()


def test_nobody_comes_in_after_the_end(server):
    running = server("stopped")
    running.connect("bob")
    # Once it is started again, whoever waited comes in.
    print("start", file=running.process.stdin, flush=True)
    assert running.wait("message").startswith("message bob ")
    words = [line.split()[1] for line in running.told if line.startswith("DEBUG")]
    assert words == ["Starting", "ALLOWED"]
