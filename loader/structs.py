"""The C structures and callbacks of zmq.h, written by hand because their layout is a promise, not a fact of one header.

``zmq_msg_t`` was 32 bytes in libzmq 3.2 and 4.0, 48 in 4.1.0 and is 64 since; no version reads past its own size, so
64 bytes with the alignment of a pointer serve them all.  ``zmq_fd_t`` is an ``int`` on POSIX and a ``SOCKET`` (as
wide as a pointer) on Windows, and moves the fields behind it.
"""

from __future__ import annotations

import sys
from ctypes import (
    CFUNCTYPE,
    Structure,
    c_int,
    c_short,
    c_size_t,
    c_uint64,
    c_void_p,
)

__all__ = [
    "MESSAGE_SIZE",
    "iovec",
    "zmq_event_t",
    "zmq_fd_t",
    "zmq_free_fn",
    "zmq_msg_t",
    "zmq_poller_event_t",
    "zmq_pollitem_t",
    "zmq_thread_fn",
    "zmq_timer_fn",
]

MESSAGE_SIZE = 64
"""Bytes of a ``zmq_msg_t``: enough for every libzmq from 3.2 on."""

#: A file descriptor as libzmq has it: ``int``, or ``SOCKET`` (an unsigned integer as wide as a pointer) on Windows.
zmq_fd_t = c_size_t if sys.platform == "win32" else c_int


class zmq_msg_t(Structure):
    """An opaque message; its bytes belong to libzmq."""

    _fields_ = [("_opaque", c_uint64 * (MESSAGE_SIZE // 8))]


class zmq_pollitem_t(Structure):
    """One thing to poll: a socket, or ``fd`` where ``socket`` is NULL."""

    _fields_ = [("socket", c_void_p), ("fd", zmq_fd_t), ("events", c_short), ("revents", c_short)]


class zmq_poller_event_t(Structure):
    """What a ``zmq_poller`` of a draft build answers."""

    _fields_ = [("socket", c_void_p), ("fd", zmq_fd_t), ("user_data", c_void_p), ("events", c_short)]


class zmq_event_t(Structure):
    """The one frame in which libzmq 3.2 reports a monitored event; 4.0 and later send two packed frames instead.

    In C it is a number and a union of structures, each of a pointer to the endpoint and an ``int``.  The pointer is an
    address here: it is valid only until the message is closed.
    """

    _fields_ = [("event", c_int), ("addr", c_void_p), ("value", c_int)]


class iovec(Structure):
    """One part for ``zmq_sendiov`` and ``zmq_recviov``."""

    _fields_ = [("iov_base", c_void_p), ("iov_len", c_size_t)]


#: ``void (void *data, void *hint)``: libzmq calls it from its IO threads, or in any call that drops the last reference.
zmq_free_fn = CFUNCTYPE(None, c_void_p, c_void_p)
#: ``void (int timer_id, void *arg)``: called inside ``zmq_timers_execute``.
zmq_timer_fn = CFUNCTYPE(None, c_int, c_void_p)
#: ``void (void *arg)``: runs in a thread that libzmq starts.
zmq_thread_fn = CFUNCTYPE(None, c_void_p)
