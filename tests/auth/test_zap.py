"""The parser of questions, and what an authenticator makes of those that no libzmq would send."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import zmq_ctypes as zmq
from zmq_ctypes import auth, loader
from zmq_ctypes.auth import zap

KEY = bytes(range(32))

GOOD = {
    "NULL": [],
    "PLAIN": [b"bob", b"secret word"],
    "CURVE": [KEY],
    "GSSAPI": [b"bob@EXAMPLE.COM"],
}


def question(mechanism="PLAIN", credentials=None, **changes):
    fields = {
        "version": b"1.0",
        "number": b"1",
        "domain": b"global",
        "address": b"192.0.2.7",
        "routing_id": b"\xff\0id",
        "mechanism": mechanism.encode(),
        **changes,
    }
    return [*fields.values(), *(GOOD[mechanism] if credentials is None else credentials)]


def refused(frames):
    """The status code of a refusal."""
    return zap.refusal(frames, b"400", loader.load().version)


# --- the parser


@pytest.mark.parametrize("mechanism", GOOD)
@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, zmq.Frame])
def test_good_ones(mechanism, form):
    request = zap.parse([form(frame) for frame in question(mechanism)])
    assert (request.domain, request.address, request.routing_id) == ("global", "192.0.2.7", b"\xff\0id")
    assert request.mechanism == mechanism
    expected = {"PLAIN": ("bob", "secret word")}.get(mechanism, tuple(GOOD[mechanism]))
    assert request.credentials == expected
    assert "secret" not in repr(request)


BAD = [
    (question()[:0], "not enough frames: 0"),
    (question()[:1], "not enough frames: 1"),
    (question()[:5], "not enough frames: 5"),
    (question(version=b"1.1"), "version"),
    (question(version=b""), "version"),
    (question(version=b"1.0\0"), "version"),
    (question(number=b"x" * 256), "request id is too long: 256"),
    (question(domain=b"x" * 256), "domain is too long"),
    (question(address=b"1" * 256), "address is too long"),
    (question(routing_id=b"x" * 256), "routing id is too long"),
    (question(domain=b"\xff"), "domain is not utf-8"),
    (question(address=b"\xff"), "address is not utf-8"),
    (question(mechanism="PLAIN", credentials=[]), "wrong number of PLAIN credentials: 0"),
    (question(mechanism="PLAIN", credentials=[b"bob"]), "wrong number of PLAIN credentials: 1"),
    (question(mechanism="PLAIN", credentials=[b"bob", b"secret", b"more"]), "wrong number of PLAIN credentials: 3"),
    (question(mechanism="PLAIN", credentials=[b"b\xffb", b"secret"]), "username is not utf-8"),
    (question(mechanism="PLAIN", credentials=[b"bob", b"secret\xff"]), "password is not utf-8"),
    (question(mechanism="PLAIN", credentials=[b"bob", b"secret" * 50]), "password is too long"),
    (question(mechanism="NULL", credentials=[b"secret"]), "wrong number of NULL credentials: 1"),
    (question(mechanism="CURVE", credentials=[]), "wrong number of CURVE credentials: 0"),
    (question(mechanism="CURVE", credentials=[KEY, KEY]), "wrong number of CURVE credentials: 2"),
    (question(mechanism="CURVE", credentials=[KEY[:-1]]), "31 bytes instead of 32"),
    (question(mechanism="CURVE", credentials=[b""]), "0 bytes instead of 32"),
    (question(mechanism="CURVE", credentials=[KEY + b"x"]), "33 bytes instead of 32"),
    (question(mechanism="GSSAPI", credentials=[]), "wrong number of GSSAPI credentials: 0"),
    ([*question()[:5], b"RSA", b"secret"], "unknown mechanism"),
    ([*question()[:5], b"", b"secret"], "unknown mechanism"),
    ([*question()[:5], b"plain", b"bob", b"secret"], "unknown mechanism"),
    ([*question()[:5], b"PLAIN\0", b"bob", b"secret"], "unknown mechanism"),
]


@pytest.mark.parametrize("frames, reason", BAD)
def test_bad_ones(frames, reason):
    with pytest.raises(zap.Malformed, match=reason) as caught:
        zap.parse(frames)
    # Nothing of it may be shown, neither here nor in what it came from.
    assert "secret" not in str(caught.value) and caught.value.__cause__ is None and caught.value.__context__ is None
    assert caught.value.status_text.isascii()


@pytest.mark.parametrize("frames", [None, 5, [5] * 7, ["text"] * 7, [None] * 7, [[1]] * 7, {1: 2}])
def test_what_is_no_list_of_frames(frames):
    with pytest.raises(zap.Malformed):
        zap.parse(frames)
    assert zap.request_id(frames) == b""


@pytest.mark.parametrize("user, reason", [(b"x" * 256, "255"), (b"bob\0admin", "NUL"), (b"\0", "NUL")])
def test_user_ids_that_cannot_be(user, reason):
    with pytest.raises(ValueError, match=reason):
        zap.reply(b"1", b"200", b"OK", user)
    assert zap.reply(b"1", b"200", b"x" * 300, user[:1].replace(b"\0", b"")) == [
        b"1.0",
        b"1",
        b"200",
        b"x" * 255,
        user[:1].replace(b"\0", b""),
        b"",
    ]


# --- an authenticator that answers them


class Judged(auth.Authenticator):
    """Keeps the answer that it would have sent."""

    answers = ()

    class Sink:
        closed = True

        def __init__(self, answers):
            self.send_multipart = answers.append

    def judge(self, frames):
        self.answers = []
        self.zap_socket = self.Sink(self.answers)
        asyncio.run(self.handle_zap_message(frames))
        (answer,) = self.answers
        return answer


@pytest.fixture
def open_to_bob(context, log):
    made = Judged(context)
    made.configure_plain("*", {"bob": "secret word"})
    made.certs["*"] = {b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7": True}
    return made


def test_who_is_let_in(open_to_bob):
    assert open_to_bob.judge(question()) == [b"1.0", b"1", b"200", b"OK", b"bob", b""]
    assert open_to_bob.judge(question("NULL")) == [b"1.0", b"1", b"200", b"OK", b"anonymous", b""]
    assert open_to_bob.judge(question("GSSAPI"))[2:5] == [b"200", b"OK", b"bob@EXAMPLE.COM"]
    assert open_to_bob.judge(question("CURVE"))[2:5] == [b"400", b"Unknown key", b""]


@pytest.mark.parametrize("frames, reason", BAD)
def test_bad_questions_are_refused(open_to_bob, log, frames, reason):
    answer = open_to_bob.judge(frames)
    assert answer[0] == b"1.0" and answer[1] == (frames[1] if len(frames) > 1 else b"")
    assert answer[2] == refused(frames) and answer[4:] == [b"", b""]
    assert "DENIED: malformed ZAP request" in log.text and "secret" not in log.text
    # What a stranger can send must not fill a log that shows errors only.
    assert ("ERROR" in log.text) == (not ("utf-8" in reason and "name" in reason or "password" in reason))
    assert open_to_bob.judge(question())[2] == b"200"


@pytest.mark.parametrize("principal", [b"\xff", b"bob\0", b"x" * 256])
def test_principals_that_cannot_be_a_user_id(open_to_bob, log, principal):
    assert (open_to_bob.judge(question("GSSAPI", [principal]))[2] == b"200") == (principal == b"\xff")


@pytest.mark.parametrize("version, code", [((4, 1, 8), b"400"), ((4, 2, 2), b"400"), ((4, 2, 3), b"refused")])
def test_how_gssapi_is_refused(version, code):
    assert zap.refusal(question("GSSAPI"), b"400", version) == code
    for mechanism in ("NULL", "PLAIN", "CURVE"):
        assert zap.refusal(question(mechanism), b"400", version) == b"400"
    for nonsense in ([], [b"1.0"], None, 5, [None] * 6):
        assert zap.refusal(nonsense, b"400", version) == b"400"


def test_through_the_socket(context, authenticator, log):
    """Somebody in this process asks nonsense, and the authenticator lives on."""
    with context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.rcvtimeo = 10_000
        socket.connect("inproc://zeromq.zap.01")
        for frames, _ in BAD:
            socket.send_multipart(frames or [b""])
            assert socket.recv_multipart()[2] == refused(frames)
        socket.send_multipart(question("NULL"))
        assert socket.recv_multipart()[2] == b"200"
    assert authenticator.is_alive() and "secret" not in log.text


frames = st.lists(
    st.one_of(
        st.sampled_from([b"1.0", b"PLAIN", b"NULL", b"CURVE", b"GSSAPI", b"", KEY, b"bob", b"secret word", b"127.0.0.1"]),
        st.binary(max_size=300),
    ),
    max_size=12,
)
nearly = st.builds(
    lambda mechanism, changes, extra: _changed([*question(mechanism), *extra], changes),
    st.sampled_from(sorted(GOOD)),
    st.lists(st.tuples(st.integers(0, 8), st.one_of(st.none(), st.binary(max_size=300))), max_size=3),
    st.lists(st.binary(max_size=3), max_size=2),
)


def _changed(parts, changes):
    for index, value in changes:
        if index < len(parts):
            if value is None:
                del parts[index]
            else:
                parts[index] = value
    return parts


@given(st.one_of(frames, nearly), st.sampled_from(["utf-8", "latin-1", "ascii", "utf-16"]))
@example(question(), "utf-8")
def test_fuzz_the_parser(parts, encoding):
    try:
        request = zap.parse(parts, encoding)
    except zap.Malformed as error:
        assert str(error).isascii() and len(str(error)) < 100
        return
    assert parts[0] == b"1.0" and parts[5].decode() == request.mechanism
    assert len(parts) == 6 + len(request.credentials) == 6 + len(GOOD[request.mechanism])
    assert request.domain.encode(encoding) and True or request.domain == ""
    for credential, frame in zip(request.credentials, parts[6:]):
        assert credential == (frame.decode(encoding) if request.mechanism == "PLAIN" else frame)
    if request.mechanism == "CURVE":
        assert len(parts[6]) == 32


@given(st.one_of(frames, nearly))
@example(question())
def test_fuzz_the_authenticator(parts):
    with zmq.Context() as context:
        judged = Judged(context, log=logging.Logger("quiet", logging.CRITICAL + 1))
        judged.configure_plain("*", {"bob": "secret word"})
        judged.allow("192.0.2.7")
        answer = judged.judge(parts)
    assert len(answer) == 6 and answer[2] in (b"200", b"400", b"500", b"refused")
    if answer[2] == b"200":
        # Exactly those who may.
        assert parts[0] == b"1.0" and parts[3] == b"192.0.2.7"
        assert parts[5:] in ([b"NULL"], [b"PLAIN", b"bob", b"secret word"]) or parts[5] == b"GSSAPI"
    else:
        assert answer[4] == b""
