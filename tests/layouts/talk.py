"""One program, two processes: a server and a client that talk over TCP and over a Unix socket.

    python talk.py serve MODULE               prints a line of JSON with its endpoints, answers, prints how often
    python talk.py ask MODULE ENDPOINT ...    asks at each endpoint, checks every answer, prints what it has done

``--path DIR`` before the command puts a folder (or a zip file) first into ``sys.path``.  It runs wherever Python runs,
so it is told what to do by ``sys.argv`` alone and raises an exception when something is wrong.  MODULE may be pyzmq.
"""

import argparse
import hashlib
import importlib
import json
import os
import shutil
import sys
import tempfile

#: Milliseconds until a silent other side is an error.
PATIENCE = 20_000
SIZES = (0, 1, 31, 255, 1000, 65_537, 1 << 20)


def describe(zmq, **more):
    """What shows where everything came from."""
    more.update(module=zmq.__file__, version=zmq.zmq_version(), python=sys.version)
    if hasattr(zmq, "loader"):
        library = zmq.loader.load()
        more.update(loader=zmq.loader.__file__, library=library.path or library.origin)
    return more


def make(zmq, context, kind):
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, PATIENCE)
    socket.setsockopt(zmq.SNDTIMEO, PATIENCE)
    socket.setsockopt(zmq.RCVTIMEO, PATIENCE)
    return socket


def payload(size):
    return hashlib.sha256(b"%d" % size).digest() * (size // 32) + b"." * (size % 32)


def serve(zmq, endpoints):
    """Answer each question of three parts with its digest and itself, until every client has said goodbye."""
    folder = tempfile.mkdtemp(prefix="z", dir="/tmp" if os.path.isdir("/tmp") else None)
    try:
        with zmq.Context() as context:
            poller = zmq.Poller()
            for endpoint in ["tcp://127.0.0.1:*"] + ([f"ipc://{folder}/talk"] if os.name == "posix" else []):
                socket = make(zmq, context, zmq.REP)
                socket.bind(endpoint)
                endpoints.append(socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode())
                poller.register(socket, zmq.POLLIN)
            print(json.dumps(describe(zmq, endpoints=endpoints)), flush=True)
            served = 0
            while poller.sockets:
                ready = poller.poll(PATIENCE)
                if not ready:
                    raise RuntimeError("no client has come")
                for socket, _ in ready:
                    parts = socket.recv_multipart()
                    if parts == [b"goodbye"]:
                        socket.send(b"goodbye")
                        poller.unregister(socket)
                        socket.close()
                        continue
                    name, number, data = parts
                    socket.send_multipart([name, number, hashlib.sha256(data).hexdigest().encode(), data])
                    served += 1
        print(json.dumps({"served": served}), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ask(zmq, endpoints):
    """Ask with every size at every endpoint."""
    asked = 0
    with zmq.Context() as context:
        for endpoint in endpoints:
            with make(zmq, context, zmq.REQ) as socket:
                socket.connect(endpoint)
                for size in SIZES:
                    data = payload(size)
                    socket.send_string(endpoint, zmq.SNDMORE)
                    socket.send_json(size, zmq.SNDMORE)
                    socket.send(data)
                    if socket.recv_string() != endpoint or socket.recv_json() != size:
                        raise RuntimeError(f"{endpoint}: the answer to {size} bytes is for another question")
                    digest, back = socket.recv_multipart()
                    if back != data or digest.decode() != hashlib.sha256(data).hexdigest():
                        raise RuntimeError(f"{endpoint}: {size} bytes came back as {len(back)} others")
                    asked += 1
                socket.send(b"goodbye")
                if socket.recv() != b"goodbye":
                    raise RuntimeError(f"{endpoint}: no goodbye")
    print(json.dumps(describe(zmq, asked=asked)), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("role", choices=["serve", "ask"])
    parser.add_argument("module")
    parser.add_argument("endpoints", nargs="*")
    options = parser.parse_args()
    sys.path[:0] = options.path
    {"serve": serve, "ask": ask}[options.role](importlib.import_module(options.module), options.endpoints)


if __name__ == "__main__":
    main()
