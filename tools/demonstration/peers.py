"""The two programs of the demonstration: a server, and a client of which several run at once.

    python peers.py server tcp://127.0.0.1:* ipc:///tmp/...
    python peers.py client NUMBER

A request is random bytes; the reply must be the same bytes, each one inverted, so that neither an echo of the
transport nor a stale buffer can pass for an answer.  The client knows the right reply beforehand and compares all of
it.

Orders and answers are lines of JSON on standard input and output (see ``processes.py``).
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(sys.path[0]))

from processes import obey  # noqa: E402

import zmq_ctypes as zmq  # noqa: E402

INVERTED = bytes(255 - value for value in range(256))
#: A request that is not answered within this many milliseconds is reported as lost.
PATIENCE = 10_000
#: Requests are windows into one random block, each begins at another byte of the first so many.
WINDOWS = 4093
#: Seconds between two reports of a client.
REPORT_EVERY = 0.1
#: So many round trip times, evenly picked from the sorted ones, represent a client in the overall median.
REPRESENTATIVES = 500


def tell(**facts):
    """One answer to whoever started us."""
    print(json.dumps(facts), flush=True)


def server(endpoints):
    """Answer every request on every endpoint until the input closes."""
    orders = obey()
    poller = zmq.Poller()
    bound = {}
    with zmq.Context() as context:
        sockets = []
        for endpoint in endpoints:
            transport = endpoint.partition(":")[0]
            socket = context.socket(zmq.ROUTER)
            socket.linger = 0
            sockets.append(socket)
            try:
                socket.bind(endpoint)
            except zmq.ZMQError as error:
                if error.errno == zmq.EPROTONOSUPPORT:
                    continue
                raise
            bound[transport] = socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
            poller.register(socket, zmq.POLLIN)
        tell(endpoints=bound, version=zmq.zmq_version())
        finished = watch(orders)
        while not finished():
            for socket, _ in poller.poll(100):
                client, empty, request = socket.recv_multipart()
                socket.send_multipart([client, empty, request.translate(INVERTED)])
        for socket in sockets:
            socket.close()


def watch(orders):
    """A function that tells whether the orders have come to their end."""
    ended = threading.Event()
    threading.Thread(target=lambda: (list(orders), ended.set()), daemon=True).start()
    return ended.is_set


def client(number):
    """Send requests as ordered, one at a time, and compare each reply."""
    orders = obey()
    sockets = {}
    with zmq.Context() as context:
        tell(ready=number)
        for order in orders:
            order = json.loads(order)
            endpoint = order["endpoint"]
            if endpoint not in sockets:
                socket = sockets[endpoint] = context.socket(zmq.REQ)
                socket.linger = 0
                socket.rcvtimeo = socket.sndtimeo = PATIENCE
                socket.connect(endpoint)
            try:
                exchange(sockets[endpoint], order["size"], order["seconds"])
            except zmq.Again:
                tell(wrong=f"no reply within {PATIENCE / 1000:g} s to a request of {order['size']} bytes at {endpoint}")
                break
        for socket in sockets.values():
            socket.close()


def exchange(socket, size, seconds):
    """Requests of one size for so many seconds; at least one."""
    block = os.urandom(size + WINDOWS)
    answers = block.translate(INVERTED)
    clock = time.perf_counter
    times = []
    note = times.append
    begin = now = clock()
    report = begin + REPORT_EVERY
    number = 0
    while not number or now - begin < seconds:
        start = number % WINDOWS
        request, right = block[start : start + size], answers[start : start + size]
        sent = clock()
        socket.send(request)
        reply = socket.recv()
        now = clock()
        note(now - sent)
        number += 1
        if reply != right:
            tell(wrong=difference(reply, right) + f", in reply {number} of {size} bytes")
            raise SystemExit(1)
        if now >= report:
            report = now + REPORT_EVERY
            tell(count=number)
    times.sort()
    step = max(len(times) // REPRESENTATIVES, 1)
    tell(done=number, seconds=now - begin, times=times[step // 2 :: step])


def difference(reply, right):
    """Where two byte strings differ, in words."""
    if len(reply) != len(right):
        return f"{len(reply)} bytes where {len(right)} are due"
    place = next(index for index, (a, b) in enumerate(zip(reply, right)) if a != b)
    return f"byte {place} is {reply[place]} and should be {right[place]}"


if __name__ == "__main__":
    role, arguments = sys.argv[1], sys.argv[2:]
    if role == "server":
        server(arguments)
    else:
        client(int(arguments[0]))
