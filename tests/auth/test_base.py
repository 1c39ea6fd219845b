"""What all authenticators have in common: rules, names, and the loop of one's own."""

from __future__ import annotations

import asyncio
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import need

import zmq_ctypes as zmq
from zmq_ctypes import auth, loader
from zmq_ctypes.auth import addresses, base, passwords


@pytest.fixture
def made(context, log):
    return auth.Authenticator(context)


def question(mechanism=b"NULL", *credentials, domain=b"", address=b"192.0.2.7"):
    return [b"1.0", b"1", domain, address, b"", mechanism, *credentials]


def judge(authenticator, *parts, **fields):
    """Status code and status text of an answer."""
    answers = []

    class Sink:
        closed = True

        def send_multipart(self, frames):
            answers.append(frames)

    authenticator.zap_socket = Sink()
    try:
        asyncio.run(authenticator.handle_zap_message(question(*parts, **fields)))
    finally:
        authenticator.zap_socket = None
    return answers[0][2].decode(), answers[0][3].decode()


# --- addresses


@pytest.mark.parametrize(
    "text, expected",
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("fe80:0::1%2", "fe80::1%2"),
        ("", ""),
        ("localhost", "localhost"),
        ("localhost:0:0:4711", "localhost:0:0:4711"),
        ("1.2.3", "1.2.3"),
        ("%", "%"),
    ],
)
def test_one_form_for_each_address(text, expected):
    assert addresses.canonical(text) == expected
    assert expected in addresses.spellings(text)


@given(st.text())
def test_any_address(text):
    assert addresses.canonical(addresses.canonical(text)) == addresses.canonical(text)
    assert addresses.canonical(text) in addresses.spellings(text)


@pytest.mark.parametrize("peer", ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"])
def test_an_address_is_meant_however_it_is_written(context, log, peer):
    for rule in ("192.0.2.1", "::ffff:192.0.2.1"):
        denying, allowing = auth.Authenticator(context), auth.Authenticator(context)
        denying.deny(rule)
        allowing.allow(rule)
        assert judge(denying, address=peer.encode()) == ("400", "Address denied")
        assert judge(allowing, address=peer.encode()) == ("200", "OK")
        assert judge(denying, address=b"192.0.2.2") == ("200", "OK")
        assert judge(allowing, address=b"192.0.2.2") == ("400", "Address not allowed")


def test_zones(made):
    made.deny("fe80::1", "fe80::2%eth0")
    assert judge(made, address=b"fe80::1%eth0")[0] == judge(made, address=b"fe80::1")[0] == "400"
    assert judge(made, address=b"fe80::2%eth0")[0] == "400"
    assert judge(made, address=b"fe80::2%eth1")[0] == "200"


def test_allow_or_deny(made):
    made.allow("192.0.2.1")
    with pytest.raises(ValueError, match="not both"):
        made.deny("192.0.2.2")
    other = auth.Authenticator(made.context)
    other.deny("192.0.2.1")
    with pytest.raises(ValueError, match="not both"):
        other.allow("192.0.2.2")


@pytest.mark.parametrize("address", [None, 5, b"192.0.2.1", ["192.0.2.1"]])
def test_addresses_are_text(made, address):
    for rule in (made.allow, made.deny):
        with pytest.raises(TypeError, match="addresses: expected str"):
            rule("192.0.2.9", address)
    # Not even the good ones have been taken.
    assert judge(made, address=b"192.0.2.9")[0] == "200"


def test_an_address_is_not_enough(made):
    made.allow("192.0.2.7")
    assert judge(made)[0] == "200"
    assert judge(made, b"PLAIN", b"bob", b"word") == ("400", "Invalid domain")
    assert judge(made, b"CURVE", bytes(32)) == ("400", "Unknown domain")


# --- PLAIN


def test_passwords(made):
    made.configure_plain("*", {"bob": "word", "nobody": None, "five": 5, "empty": ""})
    assert judge(made, b"PLAIN", b"bob", b"word") == ("200", "OK")
    for name, word in ((b"bob", b"wor"), (b"bob", b"words"), (b"bob", b""), (b"five", b"5"), (b"empty", b"x")):
        assert judge(made, b"PLAIN", name, word) == ("400", "Invalid password")
    for name in (b"ann", b"", b"nobody", b"Bob", b"None"):
        for word in (b"", b"word", b"None"):
            assert judge(made, b"PLAIN", name, word) == ("400", "Invalid username")


def test_nobody_has_a_password(made):
    """An empty dict is a rule, and not the lack of one."""
    made.configure_plain("*", {"bob": "word"})
    made.configure_plain("office", {})
    assert judge(made, b"PLAIN", b"bob", b"word", domain=b"home")[0] == "200"
    assert judge(made, b"PLAIN", b"bob", b"word", domain=b"office") == ("400", "Invalid username")
    made.configure_plain("*")
    assert judge(made, b"PLAIN", b"bob", b"word")[0] == "200"


def test_passwords_are_compared_in_constant_time(made, monkeypatch):
    compared = []
    compare = passwords.hmac.compare_digest

    def watched(first, second):
        compared.append((len(first), len(second)))
        return compare(first, second)

    monkeypatch.setattr(passwords.hmac, "compare_digest", watched)
    made.configure_plain("*", {"bob": "a long password that has many letters"})
    for name, word in ((b"bob", b"x"), (b"bob", b"a long password that has many letters"), (b"ann", b"x")):
        judge(made, b"PLAIN", name, word)
    # Also of different lengths, and also for a name that nobody has.
    assert compared == [(32, 32)] * 3


@given(st.text(), st.text())
def test_only_the_same_is_the_same(first, second):
    assert passwords.same(first, second) == (first == second)
    assert passwords.same(first, first)
    assert not passwords.same(first, None)


@pytest.mark.parametrize("wrong", [[("bob", "word")], "bob", 5])
def test_passwords_that_are_no_dict(made, wrong):
    with pytest.raises(TypeError, match="passwords: expected a dict"):
        made.configure_plain("*", wrong)


def test_passwords_that_raise(made, log):
    class Broken(dict):
        def get(self, name, default=None):
            raise LookupError(f"nobody called {name} with the word hush")

    made.configure_plain("*", Broken())
    assert judge(made, b"PLAIN", b"bob", b"hush") == ("500", "Internal error")
    assert "LookupError" in log.text and "test_base.py:" in log.text and "hush" not in log.text


def test_nothing_secret_in_the_log(made, log):
    made.configure_plain("*", {"bob": "hush hush"})
    for name, word in ((b"bob", b"hush hush"), (b"bob", b"hush"), (b"ann", b"hush"), (b"hush", b"bob"), (b"h\xff", b"hush")):
        judge(made, b"PLAIN", name, word)
    judge(made, b"PLAIN", b"bob", b"hush", b"hush")
    assert len(log.lines) == 7 and "hush" not in log.text


# --- CURVE

KEY = bytes(range(32))
TEXT = zmq.utils.z85.encode(KEY)


class Provider:
    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def callback(self, domain, key):
        self.asked.append((domain, key))
        return self.answer


def test_keys_that_are_given(made):
    """Programs put keys there themselves."""
    made.certs["*"] = {TEXT: True}
    assert judge(made, b"CURVE", KEY) == ("200", "OK")
    assert judge(made, b"CURVE", KEY[::-1]) == ("400", "Unknown key")


def test_domains_of_keys(made):
    made.certs["office"] = {TEXT: True}
    provider = Provider(True)
    made.configure_curve_callback("home", provider)
    for domain, code in ((b"office", "200"), (b"home", "200"), (b"street", "400"), (b"", "400")):
        assert judge(made, b"CURVE", KEY, domain=domain)[0] == code
    assert provider.asked == [("home", TEXT)]
    assert judge(made, b"CURVE", KEY[::-1], domain=b"office")[0] == "400"
    made.configure_curve_callback("*", provider)
    assert judge(made, b"CURVE", KEY, domain=b"street")[0] == judge(made, b"CURVE", KEY)[0] == "200"
    assert provider.asked[1:] == [("street", TEXT), ("*", TEXT)]


def test_the_last_rule_of_a_domain_counts(made, tmp_path):
    made.configure_curve("*", auth.CURVE_ALLOW_ANY)
    assert judge(made, b"CURVE", KEY)[0] == "200"
    made.configure_curve("*", tmp_path)
    assert judge(made, b"CURVE", KEY)[0] == "400"
    made.configure_curve_callback("*", Provider(1))
    assert judge(made, b"CURVE", KEY)[0] == "200"
    made.configure_curve_callback("*", Provider(None))
    assert judge(made, b"CURVE", KEY)[0] == "400"
    made.configure_curve("*", auth.CURVE_ALLOW_ANY)
    assert judge(made, b"CURVE", KEY)[0] == "200"
    made.configure_curve("", tmp_path)
    assert judge(made, b"CURVE", KEY)[0] == "400"


def test_anyone_in_one_domain_only(made, tmp_path):
    made.configure_curve("office", auth.CURVE_ALLOW_ANY)
    made.configure_curve("home", tmp_path)
    assert judge(made, b"CURVE", KEY, domain=b"office")[0] == "200"
    for domain in (b"home", b"street", b""):
        assert judge(made, b"CURVE", KEY, domain=domain)[0] == "400"


def test_allow_any(made, tmp_path):
    assert made.allow_any is False
    made.configure_curve("*", auth.CURVE_ALLOW_ANY)
    assert made.allow_any is True
    made.allow_any = False
    assert judge(made, b"CURVE", KEY)[0] == "400"
    made.allow_any = True
    assert judge(made, b"CURVE", KEY, domain=b"office")[0] == "200"
    assert repr(made.certs["*"]) == "<every key>" and list(made.certs["*"]) == [] and len(made.certs["*"]) == 0
    made.configure_curve("*", tmp_path)
    assert made.allow_any is False


def test_a_provider_that_is_none(made, log, tmp_path):
    made.configure_curve("*", tmp_path)
    made.configure_curve_callback("*", None)
    assert "ERROR None credentials_provider" in log.text
    with pytest.raises(TypeError, match="has no method callback"):
        made.configure_curve_callback("*", object())
    with pytest.raises(TypeError, match="has no method callback"):
        made.configure_curve_callback("*", lambda domain, key: True)
    assert judge(made, b"CURVE", KEY)[0] == "400"


@pytest.mark.parametrize("location", [None, 5, b"folder"])
def test_folders_that_are_no_path(made, location):
    with pytest.raises(TypeError, match="location: expected a path"):
        made.configure_curve("*", location)
    assert judge(made, b"CURVE", KEY)[0] == "400"


@pytest.mark.parametrize("domain", [None, 5, b"global"])
def test_domains_are_text(made, domain):
    for call in (made.configure_plain, made.configure_curve, made.configure_curve_callback):
        with pytest.raises(TypeError, match="domain: expected str"):
            call(domain)


# --- GSSAPI


def test_gssapi(made):
    made.configure_gssapi()
    made.configure_gssapi("*", "nowhere")
    assert judge(made, b"GSSAPI", b"bob@EXAMPLE.COM") == ("200", "OK")


# --- life


def test_in_a_loop_of_ones_own(context, log, make_socket):
    with auth_started(auth.Authenticator(context)) as made:
        made.deny("192.0.2.1")
        asking = make_socket(zmq.REQ)
        asking.connect("inproc://zeromq.zap.01")
        for address, code in ((b"192.0.2.1", b"400"), (b"192.0.2.2", b"200")):
            asking.send_multipart(question(address=address))
            asyncio.run(made.handle_zap_message(made.zap_socket.recv_multipart()))
            assert asking.recv_multipart()[2] == code
    assert made.zap_socket is None


class auth_started:
    def __init__(self, authenticator):
        self.authenticator = authenticator

    def __enter__(self):
        self.authenticator.start()
        return self.authenticator

    def __exit__(self, *error):
        self.authenticator.stop()


def test_a_question_that_is_not_answered_when_it_stops(context, log, make_socket):
    """It has been received, and its answer was not sent: the socket must be able to receive the next one."""

    class Stopping(auth.Authenticator):
        def _authenticate_plain(self, domain, username, password):
            self.stop()
            return True, b"OK"

    made = Stopping(context)
    made.start()
    asking = make_socket(zmq.REQ)
    asking.connect("inproc://zeromq.zap.01")
    asking.send_multipart(question(b"PLAIN", b"bob", b"word"))
    asyncio.run(made.handle_zap_message(made.zap_socket.recv_multipart()))
    assert asking.recv_multipart()[2:4] == [b"500", b"Internal error"]
    with auth_started(auth.Authenticator(context)) as other:
        asking.send_multipart(question())
        asyncio.run(other.handle_zap_message(other.zap_socket.recv_multipart()))
        assert asking.recv_multipart()[2] == b"200"


def test_cancelled(context, log, make_socket):
    class Slow(auth.Authenticator):
        async def _authenticate_curve(self, domain, client_key):
            await asyncio.sleep(3600)

    async def main():
        handling = asyncio.ensure_future(made.handle_zap_message(made.zap_socket.recv_multipart()))
        await asyncio.sleep(0)
        handling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handling

    with auth_started(Slow(context)) as made:
        asking = make_socket(zmq.REQ)
        asking.connect("inproc://zeromq.zap.01")
        asking.send_multipart(question(b"CURVE", KEY))
        asyncio.run(main())
        assert asking.recv_multipart()[2] == b"500"


def test_one_that_is_forgotten_leaves_the_door_shut(context, log):
    made = auth.Authenticator(context)
    made.start()
    del made
    import gc

    for _ in range(5):
        gc.collect()
    (guard,) = context._handle.kept.values()
    assert not guard.closed
    with auth_started(auth.Authenticator(context)) as other:
        assert other.zap_socket is guard


def test_a_context_that_ends_before(log):
    context = zmq.Context()
    made = auth.Authenticator(context)
    made.start()
    context.destroy()
    made.stop()
    made.stop()
    assert made.zap_socket is None


def test_contexts(log, monkeypatch):
    instance = zmq.Context.instance()
    assert auth.Authenticator().context is instance
    with pytest.raises(TypeError, match="context: expected a Context"):
        auth.Authenticator("tcp://127.0.0.1:5555")
    with pytest.raises(LookupError):
        auth.Authenticator(instance, encoding="nonsense")
    instance.term()


def test_logs(context):
    assert auth.Authenticator(context).log is logging.getLogger("zmq.auth")
    own = logging.Logger("own")
    assert auth.Authenticator(context, log=own).log is own


def test_a_log_that_fails(context, make_socket):
    class Broken(logging.Handler):
        def emit(self, record):
            raise OSError("the disk is full")

    log = logging.Logger("broken")
    log.addHandler(Broken())
    made = auth.Authenticator(context, log=logging.Logger("quiet"))
    made.deny("192.0.2.1")
    made.log = log
    made.configure_curve_callback("*", Provider(True))
    for parts, fields in (
        ((), {}),
        ((), {"address": b"192.0.2.1"}),
        ((b"RSA",), {}),
        ((b"CURVE", KEY), {}),
        ((b"PLAIN", b"bob", b"\xff"), {}),
    ):
        assert judge(made, *parts, **fields)[0] in ("400", "500")


def test_old_fashioned_coroutines(made):
    import types

    class Old:
        @types.coroutine
        def callback(self, domain, key):
            yield from asyncio.sleep(0).__await__()
            return False

    made.configure_curve_callback("*", Old())
    assert judge(made, b"CURVE", KEY) == ("400", "Unknown key")


def test_a_context_of_another_binding(log):
    """It would wait for a socket that is left behind."""
    functions = loader.load().functions
    address = functions.zmq_ctx_new()
    context = zmq.Context.shadow(address)
    made = auth.Authenticator(context)
    made.start()
    made.stop()
    assert functions.zmq_ctx_term(address) == 0


def test_libraries_that_are_too_old(context, monkeypatch):
    class Old:
        version = (3, 2, 5)

    monkeypatch.setattr(base.loader, "load", Old)
    with pytest.raises(zmq.ZMQVersionError, match="4.0"):
        auth.Authenticator(context)
    monkeypatch.undo()
    assert loader.load().version >= (4, 0)


def test_what_is_exported():
    assert auth.CURVE_ALLOW_ANY == base.CURVE_ALLOW_ANY == "*"
    assert base.VERSION == b"1.0"
    for name in auth.__all__:
        assert hasattr(auth, name)


def test_it_is_not_loaded_by_the_package():
    from children import check

    check("assert not [name for name in sys.modules if '.auth' in name]")


def test_in_place_of_pyzmq():
    from children import check

    check(
        """
        import zmq_ctypes
        zmq_ctypes.install_as_zmq()
        import zmq.auth.thread
        from zmq.auth import Authenticator, certs, base
        from zmq_ctypes.auth.thread import ThreadAuthenticator
        assert zmq.auth.thread.ThreadAuthenticator is ThreadAuthenticator
        assert issubclass(ThreadAuthenticator, Authenticator) and base.load_certificates is certs.load_certificates
        with zmq.Context() as context:
            authenticator = ThreadAuthenticator(context)
            authenticator.start()
            assert authenticator.is_alive()
            authenticator.stop()
        """
    )


def test_ipv6_end_to_end(authenticator, serve, clients, log, make_socket):
    """A socket of IPv6 shows peers of IPv4 in another way."""
    need(sys.platform == "linux", "a system on which sockets of IPv6 take connections of IPv4")
    import socket

    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 on this machine")
    authenticator.deny("127.0.0.1")
    server = make_socket(zmq.PULL, ipv6=1, zap_domain=b"global")
    server.bind("tcp://[::]:*")
    port = server.last_endpoint.decode().rstrip("\0").rpartition(":")[2]
    clients.connect(f"tcp://127.0.0.1:{port}", "denied")
    log.wait("DENIED NULL", "Address denied")
    clients.connect(f"tcp://[::1]:{port}", "hello", ipv6=1)
    assert server.recv() == b"hello"
    assert not server.poll(100)
