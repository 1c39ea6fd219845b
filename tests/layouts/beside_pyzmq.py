"""The package and an imported pyzmq in one process, talking to each other.

python beside_pyzmq.py MODULE shared       on the libzmq of pyzmq: over TCP, and over inproc in one context
python beside_pyzmq.py MODULE separate     on another libzmq (ZMQ_CTYPES_LIBRARY): over TCP
"""

import importlib
import json
import os
import sys

import zmq as theirs


def exchange(server, client, endpoint):
    """Question and answer, small, in parts and large, between sockets of two packages; the endpoint is bound here."""
    for socket in (server, client):
        socket.linger = 0
        socket.rcvtimeo = socket.sndtimeo = 10_000
    server.bind(endpoint)
    client.connect(server.last_endpoint.rstrip(b"\0").decode())
    for question in ([b""], [b"one"], [b"two", b"parts"], [b"." * (1 << 20)]):
        client.send_multipart(question)
        assert server.recv_multipart() == question
        server.send_multipart(question[::-1])
        assert client.recv_multipart() == question[::-1]
    server.close()
    client.close()


def mapped():
    """Files of libzmq that the process has."""
    if not os.path.exists("/proc/self/maps"):
        return []
    with open("/proc/self/maps") as maps:
        paths = {line.split(maxsplit=5)[-1].strip() for line in maps if "/" in line}
    return sorted(path for path in paths if os.path.basename(path).startswith("libzmq"))


def main():
    module, sharing = sys.argv[1:3]
    their_context = theirs.Context()
    ours = importlib.import_module(module)
    our_context = ours.Context()
    pairs = 0
    for (server, server_kinds), (client, client_kinds) in (
        ((their_context, theirs), (our_context, ours)),
        ((our_context, ours), (their_context, theirs)),
    ):
        exchange(server.socket(server_kinds.REP), client.socket(client_kinds.REQ), "tcp://127.0.0.1:*")
        pairs += 1
    if sharing == "shared":
        shadow = ours.Context.shadow(their_context.underlying)
        exchange(their_context.socket(theirs.REP), shadow.socket(ours.REQ), "inproc://theirs")
        exchange(shadow.socket(ours.REP), their_context.socket(theirs.REQ), "inproc://ours")
        reverse = theirs.Context.shadow(our_context.underlying)
        exchange(our_context.socket(ours.REP), reverse.socket(theirs.REQ), "inproc://reverse")
        pairs += 3
    our_context.term()
    their_context.term()
    library = importlib.import_module(module + ".loader").load()
    print(
        json.dumps(
            {
                "pairs": pairs,
                "ours": list(ours.zmq_version_info()),
                "theirs": list(theirs.zmq_version_info()),
                "library": library.path,
                "origin": library.origin,
                "mapped": mapped(),
                "module": ours.__file__,
                "pyzmq": theirs.__file__,
            }
        )
    )


if __name__ == "__main__":
    main()
