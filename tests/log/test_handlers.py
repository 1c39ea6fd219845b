"""PUBHandler and TopicLogger: what is published, and what a program that logs never has to fear."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading

import children
import pytest

import zmq_ctypes as zmq
from zmq_ctypes.log.handlers import TOPIC_DELIM, PUBHandler, TopicLogger

#: Records that each thread logs.
MANY = 500
HERE = os.path.basename(__file__)


@pytest.fixture
def logger():
    """A logger that nobody else has, and that passes nothing on."""
    made = logging.Logger("test", logging.DEBUG)
    yield made
    for handler in made.handlers[:]:
        made.removeHandler(handler)
        handler.close()


@pytest.fixture
def topic_logger():
    made = TopicLogger("test", logging.DEBUG)
    yield made
    for handler in made.handlers[:]:
        made.removeHandler(handler)
        handler.close()


@pytest.fixture
def subscriber(make_socket):
    """Subscribe to the socket of a handler, and wait until that has the subscription."""

    def subscribe(handler, topic=b"", **options):
        socket = make_socket(zmq.SUB, **options)
        socket.connect(handler.socket.last_endpoint.rstrip(b"\0").decode())
        socket.subscribe(topic)
        reach(handler, socket, topic)
        return socket

    return subscribe


def reach(handler, socket, topic):
    """Publish until the subscriber gets something, and let it read all of that."""
    for number in range(1000):
        handler.socket.send_multipart([topic, b"are you there?", b"%d" % number])
        if socket.poll(10):
            break
    handler.socket.send_multipart([topic, b"now it begins"])
    while socket.recv_multipart() != [topic, b"now it begins"]:
        pass


@pytest.fixture
def handler(context, make_socket):
    """A handler with a socket of the test's own."""
    socket = make_socket(zmq.PUB)
    socket.bind("inproc://log")
    return PUBHandler(socket)


# -- what is published ------------------------------------------------------------------------------------------------


def test_topics(handler, logger, subscriber):
    logger.addHandler(handler)
    socket = subscriber(handler)
    logger.info("plain")
    logger.info("sub.topic::with a topic")
    handler.root_topic = "worker"
    logger.info("plain")
    logger.info("sub.topic::with a topic")
    logger.info("::nothing before it")
    logger.info("a::b::c")
    assert [socket.recv_multipart() for _ in range(6)] == [
        [b"INFO", b"plain\n"],
        [b"INFO.sub.topic", b"with a topic\n"],
        [b"worker.INFO", b"plain\n"],
        [b"worker.INFO.sub.topic", b"with a topic\n"],
        [b"worker.INFO", b"nothing before it\n"],
        [b"worker.INFO.a", b"b::c\n"],
    ]


def test_only_what_was_subscribed_to(handler, logger, subscriber):
    logger.addHandler(handler)
    handler.setRootTopic("worker")
    socket = subscriber(handler, b"worker.ERROR")
    logger.info("not this")
    logger.error("this")
    topic, text = socket.recv_multipart()
    assert topic == b"worker.ERROR"
    line = sys._getframe().f_lineno - 3
    assert text == b"ERROR %s:%d - this - None\n" % (HERE.encode(), line)


@pytest.mark.parametrize("level", ["DEBUG", "WARNING", "CRITICAL"])
def test_levels_that_say_where(handler, logger, subscriber, level):
    logger.addHandler(handler)
    socket = subscriber(handler)
    logger.log(getattr(logging, level), "%s", "here")
    line = sys._getframe().f_lineno - 1
    assert socket.recv_multipart() == [level.encode(), f"{level} {HERE}:{line} - here\n".encode()]


def test_the_record_is_left_as_it_was(handler, logger, subscriber):
    shown = io.StringIO()
    logger.addHandler(handler)
    logger.addHandler(logging.StreamHandler(shown))
    socket = subscriber(handler)
    logger.info("topic::text %d", 1)
    assert socket.recv_multipart() == [b"INFO.topic", b"text 1\n"]
    assert shown.getvalue() == "topic::text 1\n"


@pytest.mark.parametrize("message", [ValueError("an::object"), 17, None, "", "grüß\udc80 dich::\udc80"])
def test_messages_of_all_kinds(handler, logger, subscriber, message):
    logger.addHandler(handler)
    socket = subscriber(handler)
    logger.info(message)
    topic, delimiter, text = str(message).partition("::")
    if not delimiter:
        topic, text = "", topic
    expected = [".".join(filter(None, ["INFO", topic])), text + "\n"]
    assert socket.recv_multipart() == [part.encode("utf-8", "backslashreplace") for part in expected]


def test_one_formatter_for_all(handler, logger, subscriber):
    logger.addHandler(handler)
    handler.setFormatter(logging.Formatter("%(levelname)s/%(message)s"))
    socket = subscriber(handler)
    logger.debug("1")
    logger.error("2")
    assert [socket.recv_multipart()[1] for _ in range(2)] == [b"DEBUG/1", b"ERROR/2"]


def test_a_formatter_of_one_level(handler, logger, subscriber):
    logger.addHandler(handler)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"), logging.ERROR)
    handler.setFormatter(None, logging.WARNING)
    socket = subscriber(handler)
    logger.info("1")
    logger.warning("2")
    logger.error("3")
    assert [socket.recv_multipart()[1] for _ in range(3)] == [b"1\n", b"2", b"test: 3"]


def test_levels_of_ones_own(handler, logger, subscriber):
    logger.addHandler(handler)
    logger.setLevel(1)
    for level in (logging.DEBUG, logging.INFO):
        handler.setFormatter(logging.Formatter(f"as {level} %(message)s"), level)
    socket = subscriber(handler)
    logger.log(25, "above INFO")
    logger.log(5, "below all")
    handler.setFormatter(logging.Formatter("mine: %(message)s"), 25)
    logger.log(25, "above INFO")
    assert [socket.recv_multipart() for _ in range(3)] == [
        [b"Level 25", b"as 20 above INFO"],
        [b"Level 5", b"as 10 below all"],
        [b"Level 25", b"mine: above INFO"],
    ]


def test_the_root_topic_as_bytes(handler):
    handler.root_topic = "grüß".encode()
    assert handler.root_topic == "grüß"


# -- sockets and contexts ---------------------------------------------------------------------------------------------


def test_an_interface(logger, subscriber):
    handler = PUBHandler("tcp://127.0.0.1:*", root_topic="worker")
    logger.addHandler(handler)
    socket = subscriber(handler)
    logger.info("over tcp")
    assert socket.recv_multipart() == [b"worker.INFO", b"over tcp\n"]
    assert handler.ctx is handler.socket.context
    handler.close()
    assert handler.socket.closed and handler.ctx.closed
    handler.close()


def test_an_interface_in_a_context(logger, context, subscriber):
    handler = PUBHandler("inproc://log", context)
    logger.addHandler(handler)
    socket = subscriber(handler)
    logger.info("in it")
    assert socket.recv_multipart() == [b"INFO", b"in it\n"]
    assert handler.ctx is context
    handler.close()
    assert handler.socket.closed and not context.closed


def test_other_sockets_keep_the_context_of_the_handler():
    handler = PUBHandler("inproc://log")
    with handler.ctx.socket(zmq.SUB) as socket:
        socket.connect("inproc://log")
        handler.close()
        assert handler.socket.closed and not handler.ctx.closed
    handler.ctx.term()


def test_a_socket_stays_its_owners(handler):
    handler.close()
    assert not handler.socket.closed


def test_the_interface_is_free_after_the_end(endpoint):
    first = PUBHandler(endpoint("ipc") if sys.platform != "win32" else "tcp://127.0.0.1:*")
    interface = first.socket.last_endpoint.decode()
    first.close()
    second = PUBHandler(interface)
    second.close()


def test_a_socket_of_a_class_of_its_own(logger, context, make_socket):
    class Later(zmq.Socket):
        def send(self, *args, **kwargs):
            raise AssertionError("would be a future")

    receiver = make_socket(zmq.PULL)
    receiver.bind("inproc://log")
    with context.socket(zmq.PUSH, socket_class=Later) as socket:
        socket.connect("inproc://log")
        logger.addHandler(PUBHandler(socket))
        logger.info("now")
        assert receiver.recv_multipart() == [b"INFO", b"now\n"]


def test_a_socket_and_a_context_of_an_event_loop(logger, make_socket):
    import zmq_ctypes.asyncio

    receiver = make_socket(zmq.PULL)
    port = receiver.bind_to_random_port("tcp://127.0.0.1")
    with zmq_ctypes.asyncio.Context() as context:
        with context.socket(zmq.PUSH) as socket:
            socket.connect(f"tcp://127.0.0.1:{port}")
            while not zmq.Socket.shadow(socket).poll(0, zmq.POLLOUT):
                pass
            handler = PUBHandler(socket)
            logger.addHandler(handler)
            # No loop runs.
            logger.info("now")
            assert receiver.recv_multipart() == [b"INFO", b"now\n"]
        handler = PUBHandler("inproc://log", context)
        assert type(handler.socket) is zmq.Socket
        handler.close()


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ((17,), TypeError, "interface_or_socket"),
        ((None,), TypeError, "interface_or_socket"),
        (("inproc://log", "context"), TypeError, "context"),
        (("inproc://log", None, 17), TypeError, "root_topic"),
        (("nonsense://",), zmq.ZMQError, "nonsense"),
        (("tcp://127.0.0.1:x",), zmq.ZMQError, "127.0.0.1:x"),
    ],
)
def test_wrong_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        PUBHandler(*arguments)


def test_wrong_arguments_later(handler):
    with pytest.raises(TypeError, match="fmt"):
        handler.setFormatter("%(message)s")
    with pytest.raises(TypeError, match="level"):
        handler.setFormatter(None, "INFO")
    with pytest.raises(TypeError, match="root_topic"):
        handler.root_topic = None


def test_a_closed_socket_is_refused(make_socket):
    socket = make_socket(zmq.PUB)
    socket.close()
    with pytest.raises(zmq.ZMQError) as caught:
        PUBHandler(socket)
    assert caught.value.errno == zmq.ENOTSOCK


# -- never in the way of the program ----------------------------------------------------------------------------------


def test_nobody_listens(logger):
    handler = PUBHandler("tcp://127.0.0.1:*")
    logger.addHandler(handler)
    for number in range(5000):
        logger.info("record %d", number)
    handler.close()


@pytest.mark.parametrize("kind", [zmq.PUSH, zmq.DEALER, zmq.PAIR])
def test_a_socket_that_would_wait(logger, make_socket, kind):
    socket = make_socket(kind, timeout=None)
    socket.bind("inproc://log")
    logger.addHandler(PUBHandler(socket))
    for number in range(100):
        logger.info("dropped %d", number)


@pytest.mark.libzmq("4.2.0")
def test_a_reader_that_does_not_read(logger, make_socket, subscriber):
    socket = make_socket(zmq.XPUB, timeout=None, sndhwm=5, xpub_nodrop=True)
    socket.bind("inproc://log")
    handler = PUBHandler(socket)
    logger.addHandler(handler)
    reader = subscriber(handler, rcvhwm=5)
    for number in range(100):
        logger.info("%d", number)
    got = []
    while reader.poll(0):
        got.append(reader.recv_multipart())
    # Whole records, in order, as many as there was room for.
    assert 5 <= len(got) < 100
    assert got == [[b"INFO", b"%d\n" % number] for number in range(len(got))]


def test_a_socket_that_was_closed(handler, logger, capsys):
    logger.addHandler(handler)
    handler.socket.close()
    logger.info("nobody hears this")
    err = capsys.readouterr().err
    assert "Logging error" in err and "ZMQError" in err


def test_a_context_that_was_terminated(logger, capsys):
    context = zmq.Context()
    socket = context.socket(zmq.PUB)
    logger.addHandler(PUBHandler(socket))
    thread = threading.Thread(target=context.term)
    thread.start()
    while "ContextTerminated" not in capsys.readouterr().err:
        logger.info("until it is noticed")
    socket.close()
    thread.join(20)
    assert not thread.is_alive()


class Broken:
    def __str__(self):
        raise ValueError("cannot be shown")


@pytest.mark.parametrize("message, args", [(Broken(), ()), ("%d", ("no number",)), ("too few %s %s", (1,))])
def test_records_that_cannot_be_formatted(handler, logger, subscriber, capsys, message, args):
    logger.addHandler(handler)
    socket = subscriber(handler)
    logger.info(message, *args)
    assert "Logging error" in capsys.readouterr().err
    logger.info("it lives on")
    assert socket.recv_multipart() == [b"INFO", b"it lives on\n"]


def test_nothing_after_the_end(logger, capsys):
    handler = PUBHandler("inproc://log")
    logger.addHandler(handler)
    handler.close()
    logger.info("too late")
    assert capsys.readouterr().err == ""


# -- threads, signals, processes --------------------------------------------------------------------------------------


def test_several_threads(make_socket, subscriber):
    """Two handlers share a socket, and four threads log through both."""
    socket = make_socket(zmq.PUB, sndhwm=0)
    socket.bind("tcp://127.0.0.1:*")
    handlers = [PUBHandler(socket, root_topic="0"), PUBHandler(zmq.Socket.shadow(socket), root_topic="1")]
    receiver = subscriber(handlers[0], rcvhwm=0)

    def work(number):
        logger = logging.Logger(str(number))
        logger.addHandler(handlers[number % 2])
        for count in range(MANY):
            logger.info(f"thread{number}::%d", count)

    def topic(number):
        return b"%d.INFO.thread%d" % (number % 2, number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    got = [receiver.recv_multipart() for _ in range(4 * MANY)]
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert not receiver.poll(0)
    assert {len(frames) for frames in got} == {2}
    for number in range(4):
        assert [int(text.split()[-1]) for name, text in got if name == topic(number)] == list(range(MANY))


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_a_signal_handler_that_logs(logger, make_socket, subscriber):
    """Its records come after the one that it has interrupted, never in the middle of it."""
    socket = make_socket(zmq.PUB, sndhwm=0)
    socket.bind("inproc://log")
    handler = PUBHandler(socket)
    logger.addHandler(handler)
    receiver = subscriber(handler, rcvhwm=0)
    sent = []
    depth = []

    def interrupt(signum, frame):
        # The handler may itself be interrupted by the next signal, but on a slow machine not without end.
        depth.append(signum)
        if len(depth) < 5:
            signal.setitimer(signal.ITIMER_REAL, 0.0001)
        sent.append(signum)
        logger.warning("signal")
        depth.pop()
        signal.setitimer(signal.ITIMER_REAL, 0.0001)

    handler.setFormatter(None)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.0001)
    try:
        while len(sent) < 200:
            logger.info("program")
    finally:
        # A handler that is just running would set it again.
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    logger.info("end")
    got = [receiver.recv_multipart()]
    while got[-1] != [b"INFO", b"end"]:
        got.append(receiver.recv_multipart())
    kinds = {tuple(frames) for frames in got}
    assert kinds == {(b"INFO", b"program"), (b"WARNING", b"signal"), (b"INFO", b"end")}
    assert got.count([b"WARNING", b"signal"]) == len(sent)


def test_an_exception_at_any_step_of_sending_stops_nothing(logger, handler, subscriber):
    """As Ctrl-C may raise one: the records after it are published, and no message is torn."""
    logger.addHandler(handler)
    handler.setFormatter(None)
    socket = subscriber(handler)
    code = type(handler._outlet).publish.__code__
    place = 0

    def watch(frame, event, argument):
        return step if frame.f_code is code else None

    def step(frame, event, argument):
        nonlocal steps
        if event == "line":
            steps += 1
            if steps == place:
                raise KeyboardInterrupt
        return step

    while True:
        place += 1
        steps = 0
        before = sys.gettrace()
        sys.settrace(watch)
        try:
            logger.info("interrupted")
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        if steps < place:
            break
        logger.info("after %d", place)
        got = socket.recv_multipart()
        while got == [b"INFO", b"interrupted"]:
            got = socket.recv_multipart()
        assert got == [b"INFO", b"after %d" % place]
    assert place > 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_the_child_of_a_fork():
    said = children.check(
        """
        import logging, os
        from zmq_ctypes.log.handlers import PUBHandler
        handler = PUBHandler("tcp://127.0.0.1:*")
        logger = logging.getLogger()
        logger.addHandler(handler)
        logger.warning("parent")
        pid = os.fork()
        if not pid:
            logger.warning("child")
            own = PUBHandler("tcp://127.0.0.1:*")
            logger.addHandler(own)
            logger.warning("child, to its own")
            logging.shutdown()
            os._exit(0 if own.socket.closed and not handler.socket.closed else 1)
        print(os.waitpid(pid, 0)[1])
        logger.warning("parent")
        """,
        # Newer Pythons warn of forks beside threads.
        flags=("-W", "ignore::DeprecationWarning"),
        watch=False,
    )
    assert said == "0\n"


def test_the_last_records_arrive_though_nobody_closes_anything(make_socket):
    receiver = make_socket(zmq.SUB)
    receiver.subscribe("last")
    port = receiver.bind_to_random_port("tcp://127.0.0.1")
    child = children.start(
        """
        import logging, sys
        from zmq_ctypes.log.handlers import PUBHandler
        handler = PUBHandler("inproc://log", root_topic="last")
        handler.setFormatter(logging.Formatter("%(message)s"))
        handler.socket.connect(sys.argv[1])
        logging.getLogger().addHandler(handler)
        while input() == "more":
            logging.warning("more")
        for number in range(200):
            logging.warning("%d", number)
        """,
        f"tcp://127.0.0.1:{port}",
    )
    # Its records are dropped until the subscription has reached it.
    while True:
        child.stdin.write("more\n")
        if receiver.poll(20):
            break
    child.stdin.write("end\n")
    children.finish(child)
    texts = [text for text in iter(lambda: receiver.recv_multipart()[1], b"199")]
    assert [text for text in texts if text != b"more"] == [b"%d" % number for number in range(199)]


# -- TopicLogger ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["debug", "info", "warning", "error", "critical", "fatal"])
def test_the_methods_of_a_topic_logger(handler, topic_logger, subscriber, name):
    topic_logger.addHandler(handler)
    handler.setFormatter(logging.Formatter("%(filename)s:%(lineno)d %(funcName)s %(message)s"))
    socket = subscriber(handler)
    getattr(topic_logger, name)("sub.topic", "%s and %d", "text", 1)
    line = sys._getframe().f_lineno - 1
    level = {"fatal": "CRITICAL"}.get(name, name.upper())
    function = sys._getframe().f_code.co_name
    assert socket.recv_multipart() == [f"{level}.sub.topic".encode(), f"{HERE}:{line} {function} text and 1".encode()]


def test_log(handler, topic_logger, subscriber):
    topic_logger.addHandler(handler)
    socket = subscriber(handler)
    topic_logger.log(logging.INFO, "sub.topic", "hello")
    assert socket.recv_multipart() == [b"INFO.sub.topic", b"hello\n"]


def test_warn_is_deprecated(handler, topic_logger, subscriber):
    topic_logger.addHandler(handler)
    handler.setFormatter(logging.Formatter("%(filename)s %(message)s"))
    socket = subscriber(handler)
    with pytest.warns(DeprecationWarning) as caught:
        topic_logger.warn("topic", "hello")
    assert caught[0].filename == __file__
    assert socket.recv_multipart() == [b"WARNING.topic", f"{HERE} hello".encode()]


def test_exception(handler, topic_logger, subscriber):
    topic_logger.addHandler(handler)
    handler.setFormatter(None)
    socket = subscriber(handler)
    try:
        raise ValueError("of this kind")
    except ValueError:
        topic_logger.exception("topic", "an error: %s", "bad")
        topic_logger.exception("topic", "without", exc_info=False)
    topic, text = socket.recv_multipart()
    assert topic == b"ERROR.topic"
    assert text.startswith(b"an error: bad\nTraceback") and text.endswith(b"ValueError: of this kind")
    assert socket.recv_multipart() == [b"ERROR.topic", b"without"]


def test_what_else_the_methods_take(handler, topic_logger, subscriber):
    topic_logger.addHandler(handler)
    handler.setFormatter(logging.Formatter("%(colour)s %(funcName)s %(message)s"))
    socket = subscriber(handler)

    def helper():
        topic_logger.info("topic", "text", extra={"colour": "red"}, stacklevel=2)

    helper()
    function = sys._getframe().f_code.co_name
    assert socket.recv_multipart() == [b"INFO.topic", f"red {function} text".encode()]


def test_a_level_that_is_off(handler, topic_logger, subscriber):
    topic_logger.addHandler(handler)
    topic_logger.setLevel(logging.WARNING)
    socket = subscriber(handler)
    topic_logger.info("topic", Broken())
    topic_logger.warning("topic", "heard")
    assert socket.recv_multipart()[0] == b"WARNING.topic"


def test_percent_signs_in_a_topic(handler, topic_logger, subscriber):
    shown = io.StringIO()
    topic_logger.addHandler(handler)
    topic_logger.addHandler(logging.StreamHandler(shown))
    socket = subscriber(handler)
    topic_logger.info("100%d", "%d", 5)
    topic_logger.info("100%d", "5%")
    assert socket.recv_multipart() == [b"INFO.100%d", b"5\n"]
    assert socket.recv_multipart() == [b"INFO.100%d", b"5%\n"]
    assert shown.getvalue() == "100%d::5\n100%d::5%\n"


def test_a_topic_with_the_delimiter(handler, topic_logger, subscriber, monkeypatch):
    topic_logger.addHandler(handler)
    with pytest.raises(ValueError, match="topic"):
        topic_logger.info(f"a{TOPIC_DELIM}b", "text")
    socket = subscriber(handler)
    # In production, logging raises nothing.
    monkeypatch.setattr(logging, "raiseExceptions", False)
    topic_logger.info(f"a{TOPIC_DELIM}b", "text")
    assert socket.recv_multipart() == [b"INFO.a.b", b"text\n"]


def test_as_the_class_of_all_loggers():
    before = logging.getLoggerClass()
    logging.setLoggerClass(TopicLogger)
    try:
        assert type(logging.getLogger("test.topic.logger")) is TopicLogger
    finally:
        logging.setLoggerClass(before)
        del logging.root.manager.loggerDict["test.topic.logger"]
