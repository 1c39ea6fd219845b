"""Keys, and the options of PLAIN, CURVE and GSSAPI, end to end: with a second process, on tcp."""

from __future__ import annotations

import contextlib
import errno
import sys
import threading

import pytest
from children import check, finish, start
from support import need

import zmq_ctypes as zmq
from zmq_ctypes import loader, security
from zmq_ctypes.utils import z85

SECRET = b"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"
PUBLIC = b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

since_4_2 = pytest.mark.libzmq("4.2.0")


# --- keys


def test_a_pair_of_keys():
    public, secret = zmq.curve_keypair()
    assert type(public) is type(secret) is bytes
    assert len(z85.decode(public)) == len(z85.decode(secret)) == 32
    assert zmq.curve_keypair() != (public, secret)


@since_4_2
@pytest.mark.parametrize("form", [bytes, bytes.decode, bytearray])
def test_the_public_key_of_a_secret_one(form):
    assert zmq.curve_public(form(SECRET)) == PUBLIC
    public, secret = zmq.curve_keypair()
    assert zmq.curve_public(secret) == public


@pytest.mark.parametrize("key", [b"", "", b"x" * 39, "x" * 41, "é" * 40])
def test_keys_of_another_length(key):
    with pytest.raises(ValueError, match="40 characters"):
        zmq.curve_public(key)


@pytest.mark.parametrize("key", [b" " * 40, "#" * 40, "é" * 20, SECRET[:20] + b"\0" * 20, b"0000," * 8])
def test_keys_that_are_no_z85(key):
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.curve_public(key)
    assert caught.value.errno == errno.EINVAL
    # The key is a secret: it stands in no message.
    assert "Z85" in str(caught.value) and caught.value.__cause__ is None


@pytest.mark.parametrize("key", [None, 5, 40, [], object()])
def test_what_is_no_key(key):
    with pytest.raises(TypeError, match="str or bytes"):
        zmq.curve_public(key)


def test_many_threads_at_once():
    found = []

    def make():
        for _ in range(20):
            found.append(zmq.curve_keypair())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(set(found)) == 160


class Absent:
    """A libzmq whose functions answer as those of a build without CURVE do."""

    class functions:
        @staticmethod
        def zmq_curve_keypair(public, secret):
            return -1

        zmq_curve_public = zmq_curve_keypair

        @staticmethod
        def zmq_errno():
            return zmq.ENOTSUP


def test_builds_without_curve(monkeypatch):
    monkeypatch.setattr(security.loader, "load", Absent)
    for call in (zmq.curve_keypair, lambda: zmq.curve_public(SECRET)):
        with pytest.raises(zmq.ZMQError, match="built without CURVE") as caught:
            call()
        assert caught.value.errno == zmq.ENOTSUP


def test_libraries_without_the_function():
    if loader.load().version >= (4, 2):
        pytest.skip("about libzmq before 4.2")
    with pytest.raises(zmq.ZMQVersionError, match="zmq_curve_public requires libzmq >= 4.2.0"):
        zmq.curve_public(SECRET)


def test_a_fork_while_keys_are_made():
    need(sys.platform != "win32", "a system that forks")
    check(
        """
        import os
        from zmq_ctypes import security
        with security._lock:
            child = os.fork()
            if not child:
                zmq.curve_keypair()
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
        # Python 3.12 warns of a fork beside other threads.
        flags=("-W", "ignore"),
    )


# --- options


def test_plain_options(make_socket):
    socket = make_socket(zmq.PULL)
    assert socket.mechanism == zmq.NULL
    assert socket.plain_server == 0
    assert socket.plain_username == socket.plain_password == b""
    socket.plain_username, socket.plain_password = b"user", b"word"
    assert (socket.plain_username, socket.plain_password) == (b"user", b"word")
    assert socket.mechanism == zmq.PLAIN
    socket.plain_server = 1
    assert socket.plain_server == 1 and socket.mechanism == zmq.PLAIN
    assert zmq.SecurityMechanism(socket.mechanism) is zmq.SecurityMechanism.PLAIN


def test_domain(make_socket):
    socket = make_socket(zmq.PULL)
    assert socket.zap_domain == b""
    socket.zap_domain = b"global"
    assert socket.zap_domain == b"global"


@pytest.mark.parametrize("form", [bytes, z85.decode], ids=["Z85", "binary"])
def test_curve_options(make_socket, form):
    need(zmq.has("curve"), "a libzmq with CURVE")
    socket = make_socket(zmq.PULL)
    socket.curve_serverkey = form(PUBLIC)
    socket.curve_publickey = form(PUBLIC)
    socket.curve_secretkey = form(SECRET)
    assert socket.curve_serverkey == socket.curve_publickey == PUBLIC
    assert socket.curve_secretkey == SECRET
    assert socket.mechanism == zmq.CURVE
    assert socket.curve_server == 0


@pytest.mark.parametrize("key", [b"short", b"", PUBLIC + b"xx"])
def test_bad_keys(make_socket, key):
    need(zmq.has("curve"), "a libzmq with CURVE")
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.PULL).curve_publickey = key
    assert caught.value.errno == errno.EINVAL


def test_gssapi_options(make_socket):
    socket = make_socket(zmq.PULL)
    if not zmq.has("gssapi"):
        with pytest.raises(zmq.ZMQError) as caught:
            socket.gssapi_principal = b"host@example.com"
        assert caught.value.errno == errno.EINVAL
        return
    socket.gssapi_principal = b"host@example.com"
    socket.gssapi_service_principal = b"service@example.com"
    socket.gssapi_plaintext = 1
    assert socket.gssapi_principal == b"host@example.com"
    assert socket.gssapi_service_principal == b"service@example.com"
    assert socket.gssapi_plaintext == 1 and socket.gssapi_server == 0
    assert socket.mechanism == zmq.GSSAPI
    socket.gssapi_server = 1
    assert socket.gssapi_server == 1


# --- end to end

CLIENT = """
import sys
arguments = [bytes.fromhex(argument) for argument in sys.argv[2:]]
with zmq.Context() as ctx, ctx.socket(zmq.REQ) as socket:
    socket.linger = 0
    socket.rcvtimeo = socket.sndtimeo = int(sys.argv[1])
    endpoint, kind, *keys = arguments
    if kind == b"plain":
        socket.plain_username, socket.plain_password = keys
    elif kind == b"curve":
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = keys
    socket.connect(endpoint.decode())
    try:
        socket.send(b"question")
        print(socket.recv().decode())
    except zmq.Again:
        print("nothing")
"""


class Authority:
    """A handler of ZAP: answers what libzmq asks about those who connect, and keeps the questions."""

    def __init__(self, context, allow):
        self.context, self.allow = context, allow
        self.questions = []
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind("inproc://zeromq.zap.01")
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        with self.socket:
            while True:
                try:
                    version, number, domain, address, identity, mechanism, *credentials = self.socket.recv_multipart()
                except zmq.ContextTerminated:
                    return
                self.questions.append((domain, address, mechanism, credentials))
                status = [b"200", b"OK", b"somebody"] if credentials in self.allow else [b"400", b"no", b""]
                self.socket.send_multipart([version, number, *status, b""])


@contextlib.contextmanager
def serving(allow, **options):
    """A server in this process that answers with the name that the authority gave."""
    context = zmq.Context()
    authority = Authority(context, allow)
    authority.thread.start()
    server = context.socket(zmq.REP)
    try:
        server.linger = 0
        for name, value in options.items():
            setattr(server, name, value)
        server.bind("tcp://127.0.0.1:*")
        yield server, authority
    finally:
        server.close()
        context.term()
        authority.thread.join(20)
        assert not authority.thread.is_alive()


def ask(server, *arguments, patience=20_000):
    """Let another process ask the server; return what it got."""
    words = [server.last_endpoint, *arguments]
    client = start(CLIENT, str(patience), *(word.hex() for word in words))
    while client.poll() is None:
        if server.poll(50):
            frame = server.recv(copy=False)
            assert frame.bytes == b"question"
            server.send(f"answer for {frame['User-Id']}".encode())
    return finish(client).strip()


def test_plain():
    with serving([[b"user", b"word"]], plain_server=1, zap_domain=b"global") as (server, authority):
        assert ask(server, b"plain", b"user", b"word") == "answer for somebody"
        assert authority.questions == [(b"global", b"127.0.0.1", b"PLAIN", [b"user", b"word"])]


def test_plain_with_a_wrong_password():
    with serving([[b"user", b"word"]], plain_server=1, zap_domain=b"global") as (server, authority):
        assert ask(server, b"plain", b"user", b"guess", patience=1000) == "nothing"
        assert authority.questions[0][3] == [b"user", b"guess"]


def test_plain_wants_no_others():
    with serving([], plain_server=1, zap_domain=b"global") as (server, authority):
        assert ask(server, b"null", patience=1000) == "nothing"
        assert authority.questions == []


@pytest.fixture
def curve():
    need(zmq.has("curve"), "a libzmq with CURVE")
    return {"curve_server": 1, "curve_secretkey": SECRET, "zap_domain": b"global"}


def test_curve(curve):
    public, secret = zmq.curve_keypair()
    with serving([[z85.decode(public)]], **curve) as (server, authority):
        assert ask(server, b"curve", PUBLIC, public, secret) == "answer for somebody"
        assert authority.questions == [(b"global", b"127.0.0.1", b"CURVE", [z85.decode(public)])]


def test_curve_with_a_key_that_nobody_knows(curve):
    public, secret = zmq.curve_keypair()
    with serving([[z85.decode(PUBLIC)]], **curve) as (server, authority):
        assert ask(server, b"curve", PUBLIC, public, secret, patience=1000) == "nothing"
        assert authority.questions[0][3] == [z85.decode(public)]


def test_curve_with_the_wrong_server(curve):
    public, secret = zmq.curve_keypair()
    with serving([[z85.decode(public)]], **curve) as (server, authority):
        assert ask(server, b"curve", public, public, secret, patience=1000) == "nothing"
        assert authority.questions == []


def test_curve_wants_no_others(curve):
    with serving([[b"user", b"word"]], **curve) as (server, authority):
        assert ask(server, b"plain", b"user", b"word", patience=1000) == "nothing"
        assert authority.questions == []
