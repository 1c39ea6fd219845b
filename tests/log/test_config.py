"""Handlers made by ``logging.config``, from a dict and from a file."""

from __future__ import annotations

import logging
import logging.config
import textwrap

import pytest

import zmq_ctypes as zmq
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
