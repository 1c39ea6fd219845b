"""Handlers made by ``logging.config``, from a dict and from a file."""

from __future__ import annotations

import logging
import logging.config
import textwrap

import children
import pytest

import zmq_ctypes as zmq
from zmq_ctypes.log import handlers
from zmq_ctypes.log.handlers import PUBHandler

CLASS = f"{PUBHandler.__module__}.PUBHandler"


@pytest.fixture(autouse=True)
def undo():
    """Leave `logging` as it was: the handlers, and what it knows of them."""
    yield
    logger = logging.getLogger("zmq.config")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()


def configured(**handler):
    logging.config.dictConfig(
        {
            "version": 1,
            "incremental": False,
            "disable_existing_loggers": False,
            "formatters": {"brief": {"format": "%(levelname)s: %(message)s"}},
            "handlers": {"zmq": {"class": CLASS, **handler}},
            "loggers": {"zmq.config": {"level": "DEBUG", "handlers": ["zmq"], "propagate": False}},
        }
    )
    logger = logging.getLogger("zmq.config")
    (handler,) = logger.handlers
    return logger, handler


def heard(logger, handler, make_socket, *record):
    """What a subscriber gets of a record."""
    receiver = make_socket(zmq.SUB)
    receiver.subscribe("")
    receiver.connect(handler.socket.last_endpoint.rstrip(b"\0").decode())
    while not receiver.poll(10):
        logger.debug("not yet")
    logger.log(*record)
    while True:
        frames = receiver.recv_multipart()
        if b"not yet" not in frames[1]:
            return frames


def test_dict_config_with_an_interface(make_socket):
    logger, handler = configured(interface_or_socket="tcp://127.0.0.1:*", root_topic="worker", formatter="brief")
    got = heard(logger, handler, make_socket, logging.ERROR, "disk::%s", "full")
    assert got == [b"worker.ERROR.disk", b"ERROR: full"]


def test_dict_config_with_a_socket(make_socket):
    socket = make_socket(zmq.PUB)
    socket.bind("inproc://log")
    logger, handler = configured(interface_or_socket=socket, level=logging.DEBUG)
    assert handler.socket is socket
    assert heard(logger, handler, make_socket, logging.INFO, "hello") == [b"INFO", b"hello\n"]


def test_dict_config_again(make_socket):
    """Configuring ends the former handlers, so that the new ones can have their endpoints."""
    _, first = configured(interface_or_socket="tcp://127.0.0.1:*")
    interface = first.socket.last_endpoint.decode()
    logger, second = configured(interface_or_socket=interface, root_topic="second")
    assert first.socket.closed and second.socket.last_endpoint.decode() == interface
    assert heard(logger, second, make_socket, logging.INFO, "hello") == [b"second.INFO", b"hello\n"]


def configured_elsewhere():
    """As by another part of the program, which knows nothing of our handlers."""
    logging.config.dictConfig({"version": 1, "incremental": False, "disable_existing_loggers": False})


@pytest.mark.parametrize("with_context", [False, True])
def test_a_handler_that_stays_in_use(context, make_socket, with_context, capsys):
    """It publishes at the same endpoint, to those who have subscribed already, however often that happens."""
    handler = PUBHandler("tcp://127.0.0.1:*", context if with_context else None)
    handler.socket.sndhwm = 77
    logger = logging.getLogger("zmq.config")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    endpoint = handler.socket.last_endpoint
    receiver = make_socket(zmq.SUB)
    receiver.subscribe("")
    receiver.connect(endpoint.rstrip(b"\0").decode())
    for number in range(3):
        while not receiver.poll(20):
            logger.info("record %d", number)
        assert receiver.recv_multipart() == [b"INFO", b"record %d\n" % number]
        former, former_context = handler.socket, handler.ctx
        configured_elsewhere()
        assert former.closed and former_context.closed is not with_context
        # What was on its way.
        while receiver.poll(50):
            receiver.recv_multipart()
        assert handler in logger.handlers
    while not receiver.poll(20):
        logger.info("the last one")
    assert handler.socket.last_endpoint == endpoint and handler.socket.sndhwm == 77
    assert (handler.ctx is context) is with_context
    assert capsys.readouterr().err == ""
    # At the end, and once more.
    logging.shutdown()
    assert handler.socket.closed and handler.ctx.closed is not with_context
    logger.info("too late")
    handler.close()
    configured_elsewhere()
    logger.info("too late")
    assert handler.socket.closed


def test_a_handler_with_a_socket_of_the_program(make_socket, capsys):
    socket, receiver = make_socket(zmq.PUB), make_socket(zmq.SUB)
    socket.bind("inproc://log")
    receiver.connect("inproc://log")
    receiver.subscribe("")
    logger = logging.getLogger("zmq.config")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(PUBHandler(socket))
    while not receiver.poll(10):
        logger.info("not yet")
    configured_elsewhere()
    logger.warning("after")
    while receiver.recv_multipart()[0] != b"WARNING":
        pass
    # Once it is closed and its handler is, too, there is nothing to complain of.
    socket.close()
    logger.info("dropped")
    assert capsys.readouterr().err == ""


def test_a_handler_whose_endpoint_has_been_taken(make_socket, capsys, monkeypatch):
    monkeypatch.setattr(handlers, "LINGER", 0)
    monkeypatch.setattr(handlers, "PAUSE", 0.0)
    handler = PUBHandler("tcp://127.0.0.1:*")
    logger = logging.getLogger("zmq.config")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)
    endpoint = handler.socket.last_endpoint.rstrip(b"\0").decode()
    configured_elsewhere()
    with make_socket(zmq.PUB) as other:
        other.bind(endpoint)
        for _ in range(3):
            logger.info("dropped")
        # That is told once.
        assert capsys.readouterr().err.count("Logging error") == 1
        assert handler.socket.closed and handler.ctx.closed
        other.unbind(endpoint)
    while handler.socket.closed:
        logger.info("until it is free")
    assert handler.socket.last_endpoint.rstrip(b"\0").decode() == endpoint
    assert capsys.readouterr().err == ""


def test_a_handler_that_the_program_has_closed_stays_closed(capsys):
    handler = PUBHandler("tcp://127.0.0.1:*")
    logger = logging.getLogger("zmq.config")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    handler.close()
    logger.info("too late")
    configured_elsewhere()
    logger.info("too late")
    assert handler.socket.closed and handler.ctx.closed
    assert capsys.readouterr().err == ""


def test_the_last_records_after_a_new_configuration(make_socket):
    """The socket that was opened again is closed at exit like the first, which sees to its last records."""
    receiver = make_socket(zmq.SUB)
    receiver.subscribe("")
    child = children.start(
        """
        import logging, logging.config
        from zmq_ctypes.log.handlers import PUBHandler
        handler = PUBHandler("tcp://127.0.0.1:*")
        handler.setFormatter(logging.Formatter("%(message)s"))
        print(handler.socket.last_endpoint.rstrip(b"\\0").decode())
        logger = logging.getLogger("mine")
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        while input() == "more":
            logger.info("more")
        for number in range(200):
            logger.info("%d", number)
        """
    )
    receiver.connect(child.stdout.readline().strip())
    while True:
        child.stdin.write("more\n")
        if receiver.poll(20):
            break
    child.stdin.write("end\n")
    children.finish(child)
    texts = [text for text in iter(lambda: receiver.recv_multipart()[1], b"199")]
    assert [text for text in texts if text != b"more"] == [b"%d" % number for number in range(199)]


def test_dict_config_says_what_is_wrong():
    with pytest.raises(ValueError) as caught:
        configured(interface_or_socket="nonsense")
    assert isinstance(caught.value.__cause__, zmq.ZMQError)


def test_file_config(tmp_path, make_socket):
    path = tmp_path / "logging.ini"
    path.write_text(
        textwrap.dedent(
            f"""
            [loggers]
            keys = root, mine
            [handlers]
            keys = zmq
            [formatters]
            keys = brief
            [logger_root]
            handlers =
            [logger_mine]
            qualname = zmq.config
            level = DEBUG
            handlers = zmq
            propagate = 0
            [handler_zmq]
            class = {CLASS}
            args = ("tcp://127.0.0.1:*",)
            kwargs = {{"root_topic": "worker"}}
            formatter = brief
            level = DEBUG
            [formatter_brief]
            format = %(levelname)s: %(message)s
            """
        )
    )
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logging.config.fileConfig(str(path), disable_existing_loggers=False)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    logger = logging.getLogger("zmq.config")
    (handler,) = logger.handlers
    assert isinstance(handler, PUBHandler)
    got = heard(logger, handler, make_socket, logging.WARNING, "disk::full")
    assert got == [b"worker.WARNING.disk", b"WARNING: full"]
