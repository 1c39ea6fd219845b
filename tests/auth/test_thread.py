"""A ThreadAuthenticator end to end: clients in another process, over tcp."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import threading

import pytest
from children import check
from support import need

import zmq_ctypes as zmq
from zmq_ctypes import auth
from zmq_ctypes.auth.thread import AuthenticationThread, ThreadAuthenticator

PASSWORD = "correct horse battery staple"
GUESS = "wrong mare accumulator paper"


def received(socket):
    """A message, and who the authenticator says has sent it."""
    frame = socket.recv(copy=False)
    return frame.bytes.decode(), frame["User-Id"]


# --- NULL


def test_null_is_let_in_until_there_are_rules(authenticator, clients, serve, log):
    server, endpoint = serve(zap_domain=b"global")
    clients.connect(endpoint, "hello")
    assert received(server) == ("hello", "anonymous")
    assert "ALLOWED NULL domain='global' address='127.0.0.1'" in log.text


def test_null_without_a_domain_is_not_asked_about(authenticator, clients, serve, log):
    authenticator.deny("127.0.0.1")
    server, endpoint = serve()
    clients.connect(endpoint, "hello")
    assert server.recv() == b"hello"
    assert "NULL" not in log.text


def test_addresses(authenticator, clients, serve, log):
    authenticator.allow("192.0.2.1")
    server, endpoint = serve(zap_domain=b"global")
    clients.connect(endpoint, "too early")
    log.wait("INFO DENIED NULL", "Address not allowed")
    authenticator.allow("127.0.0.1", "192.0.2.2")
    clients.connect(endpoint, "hello")
    assert received(server)[0] == "hello"


def test_denied_addresses(authenticator, clients, serve, log, context):
    authenticator.deny("127.0.0.1")
    server, endpoint = serve(zap_domain=b"global")
    clients.connect(endpoint, "denied")
    log.wait("DENIED NULL", "Address denied")
    assert not server.poll(100)


# --- PLAIN


def test_plain(authenticator, clients, serve, log):
    authenticator.configure_plain("*", {"bob": PASSWORD, "eve": "other"})
    server, endpoint = serve(plain_server=1)
    wrong = [("bob", GUESS), ("bob", "other"), ("mallory", PASSWORD), ("bob", PASSWORD[:-1]), ("Bob", PASSWORD), ("*", "*")]
    for name, password in wrong:
        clients.connect(endpoint, "wrong", plain_username=name, plain_password=password)
    log.wait("DENIED PLAIN", "Invalid password", count=3)
    log.wait("DENIED PLAIN", "Invalid username", count=3)
    clients.connect(endpoint, "hello", plain_username="bob", plain_password=PASSWORD)
    assert received(server) == ("hello", "bob")
    assert not server.poll(100)
    for secret in (PASSWORD, GUESS, "other"):
        assert secret not in log.text


def test_what_changes_in_the_passwords_counts_for_the_next(authenticator, clients, serve, log):
    passwords = {"bob": PASSWORD}
    authenticator.configure_plain("*", passwords)
    server, endpoint = serve(plain_server=1)
    clients.connect(endpoint, "first", plain_username="bob", plain_password=PASSWORD)
    assert received(server) == ("first", "bob")
    del passwords["bob"]
    passwords["ann"] = GUESS
    clients.connect(endpoint, "second", plain_username="bob", plain_password=PASSWORD)
    log.wait("DENIED PLAIN", "Invalid username")
    clients.connect(endpoint, "third", plain_username="ann", plain_password=GUESS)
    assert received(server) == ("third", "ann")


def test_domains(authenticator, clients, serve, log):
    authenticator.configure_plain("office", {"bob": PASSWORD})
    office, at_office = serve(plain_server=1, zap_domain=b"office")
    home, at_home = serve(plain_server=1, zap_domain=b"home")
    bob = {"plain_username": "bob", "plain_password": PASSWORD}
    clients.connect(at_office, "at the office", **bob)
    assert received(office) == ("at the office", "bob")
    clients.connect(at_home, "at home", **bob)
    log.wait("DENIED PLAIN domain='home'", "Invalid domain")
    authenticator.configure_plain("*", {"ann": PASSWORD})
    clients.connect(at_home, "ann at home", plain_username="ann", plain_password=PASSWORD)
    assert received(home) == ("ann at home", "ann")
    # A domain that has passwords of its own has no others.
    clients.connect(at_office, "ann at the office", plain_username="ann", plain_password=PASSWORD)
    log.wait("DENIED PLAIN domain='office'", "Invalid username")


def test_plain_names_in_another_encoding(context, clients, serve, log):
    authenticator = ThreadAuthenticator(context, encoding="latin-1")
    authenticator.configure_plain("*", {"bj\xf6rn": PASSWORD})
    authenticator.start()
    try:
        server, endpoint = serve(plain_server=1)
        # The clients write UTF-8, which is something else in Latin 1.
        clients.connect(endpoint, "wrong", plain_username="bj\xf6rn", plain_password=PASSWORD)
        log.wait("DENIED PLAIN", "Invalid username")
        authenticator.passwords["*"]["bj\xc3\xb6rn"] = PASSWORD
        clients.connect(endpoint, "hello", plain_username="bj\xf6rn", plain_password=PASSWORD)
        assert server.recv(copy=False).bytes == b"hello"
    finally:
        authenticator.stop()


# --- CURVE


def test_curve_with_certificates(authenticator, clients, serve, log, curve, tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir(), theirs.mkdir()
    _, known = auth.create_certificates(ours, "known")
    _, stranger = auth.create_certificates(theirs, "stranger")
    authenticator.configure_curve("*", ours)
    server, endpoint = serve(**curve.server)
    clients.connect(endpoint, "stranger", **curve.client(auth.load_certificate(stranger)))
    log.wait("DENIED CURVE", "Unknown key")
    keys = auth.load_certificate(known)
    clients.connect(endpoint, "hello", **curve.client(keys))
    assert received(server) == ("hello", keys[0].decode())
    assert keys[1].decode() not in log.text

    # One is added, and one is removed, and nobody has to be told.
    os.rename(theirs / "stranger.key", ours / "stranger.key")
    clients.connect(endpoint, "no stranger", **curve.client(auth.load_certificate(stranger)))
    assert received(server)[0] == "no stranger"
    os.unlink(ours / "known.key")
    clients.connect(endpoint, "revoked", **curve.client(keys))
    log.wait("DENIED CURVE", keys[0].decode())
    assert not server.poll(100)


def test_keys_added_and_removed_by_hand(authenticator, clients, serve, log, curve, tmp_path):
    _, path = auth.create_certificates(tmp_path, "known")
    known, another = auth.load_certificate(path), curve.new_keys()
    authenticator.configure_curve("*", tmp_path)
    server, endpoint = serve(**curve.server)
    authenticator.certs["*"][another[0]] = True
    for keys in (known, another):
        clients.connect(endpoint, "hello", **curve.client(keys))
        assert received(server) == ("hello", keys[0].decode())
    for count, keys in enumerate((known, another), 1):
        del authenticator.certs["*"][keys[0]]
        clients.connect(endpoint, "removed", **curve.client(keys))
        log.wait("DENIED CURVE", "Unknown key", count=count)
    assert not server.poll(100)
    # What was done by hand ends with the next configuration.
    authenticator.configure_curve("*", tmp_path)
    clients.connect(endpoint, "hello", **curve.client(known))
    assert received(server)[0] == "hello"


def test_curve_for_anyone(authenticator, clients, serve, curve):
    authenticator.configure_curve("*", auth.CURVE_ALLOW_ANY)
    server, endpoint = serve(zap_domain=b"global", **curve.server)
    clients.connect(endpoint, "hello", **curve.client())
    assert received(server)[0] == "hello"


def test_curve_is_closed_until_it_is_configured(authenticator, clients, serve, log, curve):
    server, endpoint = serve(**curve.server)
    clients.connect(endpoint, "hello", **curve.client())
    log.wait("DENIED CURVE", "Unknown domain")
    assert not server.poll(100)


def test_curve_with_callbacks(authenticator, clients, serve, log, curve):
    known = curve.new_keys()
    asked = []

    class Provider:
        def callback(self, domain, key):
            asked.append((domain, key, threading.current_thread()))
            return key == known[0]

    class Later(Provider):
        async def callback(self, domain, key):
            # What starts in the loop goes on while nobody connects.
            await asyncio.sleep(0.01)
            return super().callback(domain, key)

    for provider in (Provider(), Later()):
        authenticator.configure_curve_callback("*", provider)
        server, endpoint = serve(zap_domain=b"office", **curve.server)
        clients.connect(endpoint, "stranger", **curve.client())
        log.wait("DENIED CURVE", "Unknown key")
        log.lines.clear()
        clients.connect(endpoint, "hello", **curve.client(known))
        assert received(server) == ("hello", known[0].decode())
    assert [(domain, thread) for domain, _, thread in asked] == [("office", authenticator.thread)] * 4


def test_tasks_of_a_callback_go_on(authenticator, clients, serve, curve):
    ticks = threading.Semaphore(0)

    class Provider:
        async def callback(self, domain, key):
            self.task = asyncio.ensure_future(self.tick())
            return True

        async def tick(self):
            while True:
                ticks.release()
                await asyncio.sleep(0.001)

    authenticator.configure_curve_callback("*", Provider())
    server, endpoint = serve(**curve.server)
    clients.connect(endpoint, "hello", **curve.client())
    assert server.recv() == b"hello"
    for _ in range(10):
        assert ticks.acquire(timeout=10)


def test_a_user_id_of_ones_own(context, clients, serve, log, curve):
    class Named(ThreadAuthenticator):
        names = ["", "x" * 256, "bob\0admin", None, 5, "bob"]

        def curve_user_id(self, client_public_key):
            assert len(client_public_key) == 32
            return self.names.pop(0)

    authenticator = Named(context)
    authenticator.configure_curve("*", auth.CURVE_ALLOW_ANY)
    authenticator.start()
    try:
        server, endpoint = serve(**curve.server)
        clients.connect(endpoint, "nameless", **curve.client())
        assert server.recv() == b"nameless"
        for count, kind in enumerate(("ValueError", "ValueError", "TypeError", "TypeError"), 1):
            clients.connect(endpoint, "refused", **curve.client())
            log.wait("ERROR DENIED: the authenticator has failed: ", "rror at ", count=count)
            assert log.text.count("has failed") == count and kind in log.lines[-1]
        clients.connect(endpoint, "hello", **curve.client())
        assert received(server) == ("hello", "bob")
    finally:
        authenticator.stop()


# --- what goes wrong lets nobody in


class Own(BaseException):
    """As gevent's time-outs are: no Exception."""


BAD_ENDS = [LookupError("the database"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), Own()]


@pytest.mark.parametrize("error", BAD_ENDS, ids=lambda error: type(error).__name__)
def test_callbacks_that_raise(authenticator, clients, serve, log, curve, error):
    known = curve.new_keys()

    def fail():
        raise error

    async def fail_later():
        await asyncio.sleep(0)
        raise error

    ways = [fail, fail_later, fail_later, fail]

    class Provider:
        def callback(self, domain, key):
            return ways.pop(0)() if ways else key == known[0]

    authenticator.configure_curve_callback("*", Provider())
    server, endpoint = serve(**curve.server)
    while ways:
        clients.connect(endpoint, "failed", **curve.client(known))
        log.wait("ERROR The credentials provider 'Provider' has failed", type(error).__name__)
        log.wait("INFO DENIED CURVE", "Unknown key")
        log.lines.clear()
    clients.connect(endpoint, "hello", **curve.client(known))
    assert server.recv() == b"hello"
    assert authenticator.is_alive()


@pytest.mark.parametrize("error", BAD_ENDS, ids=lambda error: type(error).__name__)
def test_overwritten_methods_that_raise(context, clients, serve, log, curve, error):
    class Raising(ThreadAuthenticator):
        left = 2

        def curve_user_id(self, client_public_key):
            if self.left:
                self.left -= 1
                raise error
            return "bob"

    authenticator = Raising(context)
    authenticator.configure_curve("*", auth.CURVE_ALLOW_ANY)
    authenticator.start()
    try:
        server, endpoint = serve(**curve.server)
        for count in (1, 2):
            clients.connect(endpoint, "failed", **curve.client())
            log.wait(f"ERROR DENIED: the authenticator has failed: {type(error).__name__}", count=count)
        clients.connect(endpoint, "hello", **curve.client())
        assert received(server) == ("hello", "bob")
        assert authenticator.is_alive()
    finally:
        authenticator.stop()


def test_a_greenlet_that_is_killed(context, clients, serve, log, curve):
    """What ends the thread itself, under gevent, does end it, and is told; and nobody comes in."""
    need(importlib.util.find_spec("greenlet"), "greenlet (pip install gevent)")
    import greenlet

    class Provider:
        def callback(self, domain, key):
            raise greenlet.GreenletExit

    authenticator = ThreadAuthenticator(context)
    authenticator.configure_curve_callback("*", Provider())
    authenticator.start()
    thread = authenticator.thread
    server, endpoint = serve(**curve.server)
    clients.connect(endpoint, "failed", **curve.client())
    thread.join(20)
    assert not thread.is_alive()
    log.wait("ERROR DENIED: the authenticator has failed: GreenletExit")
    authenticator.stop()
    authenticator.configure_curve("*", auth.CURVE_ALLOW_ANY)
    authenticator.start()
    clients.connect(endpoint, "hello", **curve.client())
    assert server.recv() == b"hello"
    authenticator.stop()


def test_nobody_comes_in_after_the_end(context, authenticator, clients, serve, log, curve):
    """libzmq would let in everybody if it had nobody to ask."""
    authenticator.configure_curve("*", auth.CURVE_ALLOW_ANY)
    encrypted, endpoint = serve(**curve.server)
    named, other_endpoint = serve(zap_domain=b"global")
    authenticator.stop()
    authenticator.stop()
    assert not authenticator.is_alive() and authenticator.zap_socket is None
    log.wait("Stopped")
    clients.connect(endpoint, "waits", **curve.client())
    clients.connect(other_endpoint, "waits, too")
    # It was asked about, and is not let in, since nobody answers.
    (guard,) = context._handle.kept.values()
    assert guard.poll(10_000)
    assert not encrypted.poll(100) and not named.poll(0)
    # The next one answers all that was asked.
    authenticator.start()
    assert encrypted.recv() == b"waits"
    assert named.recv() == b"waits, too"


def test_a_callback_that_does_not_end(context, authenticator, clients, serve, log, curve):
    entered = threading.Event()

    class Provider:
        async def callback(self, domain, key):
            entered.set()
            await asyncio.sleep(3600)
            return True

    authenticator.configure_curve_callback("*", Provider())
    server, endpoint = serve(**curve.server)
    clients.connect(endpoint, "never", **curve.client())
    assert entered.wait(10)
    authenticator.stop()
    assert not server.poll(100)
    # It was refused, so that the socket can take the next question.
    authenticator.configure_curve("*", auth.CURVE_ALLOW_ANY)
    authenticator.start()
    clients.connect(endpoint, "hello", **curve.client())
    assert server.recv() == b"hello"


def test_a_subclass_that_raises(context, clients, serve, log):
    class Raising(ThreadAuthenticator):
        left = 2

        async def handle_zap_message(self, msg):
            if self.left:
                self.left -= 1
                raise LookupError(PASSWORD)
            await super().handle_zap_message(msg)

    authenticator = Raising(context)
    authenticator.configure_plain("*", {"bob": PASSWORD})
    authenticator.start()
    try:
        server, endpoint = serve(plain_server=1)
        for count in (1, 2):
            clients.connect(endpoint, "failed", plain_username="bob", plain_password=PASSWORD)
            log.wait("ERROR DENIED: the authenticator has failed: LookupError", count=count)
        clients.connect(endpoint, "hello", plain_username="bob", plain_password=PASSWORD)
        assert server.recv() == b"hello"
        assert PASSWORD not in log.text
    finally:
        authenticator.stop()


def test_a_subclass_that_answers_by_itself(context, clients, serve, log):
    class Own(ThreadAuthenticator):
        async def handle_zap_message(self, msg):
            self.zap_socket.send_multipart([b"1.0", msg[1], b"200", b"OK", b"somebody", b""])

    authenticator = Own(context)
    authenticator.start()
    try:
        server, endpoint = serve(plain_server=1)
        for _ in range(2):
            clients.connect(endpoint, "hello", plain_username="bob", plain_password=PASSWORD)
            assert received(server) == ("hello", "somebody")
    finally:
        authenticator.stop()


# --- life


def test_only_one(context, authenticator, log):
    other = ThreadAuthenticator(context)
    with pytest.raises(zmq.ZMQError) as caught:
        other.start()
    assert caught.value.errno == zmq.EADDRINUSE
    assert other.zap_socket is None and not other.is_alive()
    with pytest.raises(zmq.ZMQError):
        authenticator.start()
    assert authenticator.is_alive()
    authenticator.stop()
    other.start()
    assert other.is_alive()
    other.stop()


def test_starting_again_and_again(context, log):
    authenticator = ThreadAuthenticator(context)
    authenticator.stop()
    for _ in range(20):
        authenticator.start()
        authenticator.stop()
    assert not [thread for thread in threading.enumerate() if isinstance(thread, AuthenticationThread)]


def test_nothing_is_left_open(log):
    need(os.path.isdir("/proc/self/fd"), "a system that lists the open files of a process")

    def once():
        context = zmq.Context()
        authenticator = ThreadAuthenticator(context)
        for _ in range(3):
            authenticator.start()
            authenticator.stop()
        context.term()

    once()
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(5):
        once()
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before


def test_the_end_of_the_context_ends_it(log):
    context = zmq.Context()
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    thread = authenticator.thread
    # The thread's own are not for others to close.
    assert not context._sockets
    context.destroy()
    thread.join(20)
    assert not thread.is_alive()
    authenticator.stop()
    assert "ERROR" not in log.text
    with pytest.raises(zmq.ZMQError):
        authenticator.start()


def test_the_end_of_a_context_whose_authenticator_was_stopped(log):
    context = zmq.Context()
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.stop()
    shadow = zmq.Context.shadow(context)
    shadow.term()
    assert context.closed


def test_contexts_that_nobody_ends():
    """They are collected when nobody has them, and the socket that is left behind is no reason to complain."""
    check(
        """
        import gc, warnings
        from zmq_ctypes.auth.thread import ThreadAuthenticator
        context = zmq.Context()
        authenticator = ThreadAuthenticator(context)
        authenticator.start()
        authenticator.stop()
        handle = context._handle
        assert handle.kept
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del context, authenticator
            while handle.address is not None:
                gc.collect()
        assert not [warning for warning in caught if "Unclosed socket" in str(warning.message)], caught
        """,
        flags=("-W", "error", "-W", "ignore:Unclosed context"),
    )


def test_at_exit():
    """A process ends with an authenticator that runs, and with one that was stopped."""
    check(
        """
        from zmq_ctypes.auth.thread import ThreadAuthenticator
        contexts = [zmq.Context(), zmq.Context()]
        authenticators = [ThreadAuthenticator(context) for context in contexts]
        for authenticator in authenticators:
            authenticator.start()
        authenticators[0].stop()
        """,
        flags=("-W", "error"),
    )


def test_in_the_child_of_a_fork():
    need(hasattr(os, "fork"), "a system that forks")
    check(
        """
        import os
        from zmq_ctypes.auth.thread import ThreadAuthenticator
        context = zmq.Context()
        authenticator = ThreadAuthenticator(context)
        authenticator.start()
        child = os.fork()
        if not child:
            assert not authenticator.is_alive()
            authenticator.stop()
            context.term()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert authenticator.is_alive()
        authenticator.stop()
        context.term()
        """,
        # Python 3.12 warns of a fork beside other threads.
        flags=("-W", "ignore"),
        watch=False,
    )


def test_stopping_in_a_callback(authenticator, clients, serve, log, curve):
    class Provider:
        def callback(self, domain, key):
            authenticator.stop()

    authenticator.configure_curve_callback("*", Provider())
    server, endpoint = serve(**curve.server)
    clients.connect(endpoint, "hello", **curve.client())
    log.wait("one of its own callbacks")
    log.wait("DENIED CURVE")
    assert authenticator.is_alive()


def test_stopping_from_several_threads(context, log):
    for _ in range(5):
        authenticator = ThreadAuthenticator(context)
        authenticator.start()
        threads = [threading.Thread(target=authenticator.stop) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        assert not authenticator.is_alive()


def test_an_unknown_command(context, authenticator, log):
    authenticator.pipe.send(b"NONSENSE")
    log.wait("ERROR Invalid command for the authenticator: b'NONSENSE'")
    assert authenticator.is_alive()


def test_no_thread(context, authenticator, log, monkeypatch):
    authenticator.stop()

    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(AuthenticationThread, "start", start)
    with pytest.raises(RuntimeError, match="new thread"):
        authenticator.start()
    assert authenticator.zap_socket is None and authenticator.pipe is None
    monkeypatch.undo()
    authenticator.start()
    assert authenticator.is_alive()
