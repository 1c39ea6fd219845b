"""Two copies of the package in one process, under different names, talk to each other over TCP.

python two_copies.py FIRST SECOND
"""

import importlib
import json
import sys


def main():
    first, second = (importlib.import_module(name) for name in sys.argv[1:3])
    assert first.__file__ != second.__file__
    assert first.Context is not second.Context
    with first.Context() as here, second.Context() as there:
        with here.socket(first.REP) as server, there.socket(second.REQ) as client:
            for socket in (server, client):
                socket.linger = 0
                socket.rcvtimeo = socket.sndtimeo = 10_000
            port = server.bind_to_random_port("tcp://127.0.0.1")
            client.connect(f"tcp://127.0.0.1:{port}")
            for size in (0, 1, 100, 1 << 20):
                client.send(b"." * size)
                server.send_multipart([b"echo", server.recv()])
                assert client.recv_multipart() == [b"echo", b"." * size]
            try:
                client.recv(second.DONTWAIT)
            except second.ZMQError as error:
                # Each copy has an error tree of its own.
                assert not isinstance(error, first.ZMQError)
            else:
                raise AssertionError("a REQ socket received without having asked")
    loaded = [importlib.import_module(name + ".loader").load().path for name in sys.argv[1:3]]
    print(json.dumps({"first": first.__file__, "second": second.__file__, "libraries": loaded}))


if __name__ == "__main__":
    main()
