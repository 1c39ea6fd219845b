"""Calls public methods with anything, in any order, and says where that ends in something that is not documented.

    python tests/fuzzing.py EXAMPLES [NOTE [SEED]]

It runs in a process of its own, since what it looks for is what ends a process.  Before each example its steps are written
to the file NOTE, so that whoever finds the process dead knows what it did; ``replay`` runs such steps again.  Without SEED
the examples are the same in each run.

A step is a number: it seeds the choice of an object, of something to do with it, and of arguments.  What is left out:
addresses of contexts and sockets given as integers, since a wrong one is a wrong pointer and nothing can tell; what waits
without limit, such as a monitored socket whose events nobody reads; and numbers of threads and tries that would take the
machine down before anything else.
"""

from __future__ import annotations

import array
import ast
import faulthandler
import inspect
import os
import pickle
import random
import sys
import tempfile
import threading
import warnings

import hypothesis
from hypothesis import strategies

import zmq_ctypes as zmq
from zmq_ctypes.utils import interop, jsonapi, z85

#: Seconds that one example may take.
PATIENCE = 25


class Evil(Exception):
    """What objects made to disturb raise: it may come through."""


DOCUMENTED = (
    zmq.ZMQBaseError,
    zmq.ZMQVersionError,
    TypeError,
    ValueError,
    OverflowError,
    BufferError,
    AttributeError,
    RuntimeError,
    LookupError,
    EOFError,
    pickle.PickleError,
    Evil,
)
#: What subclasses of the above are nevertheless mistakes of ours.
MISTAKES = (RecursionError,)


class Raising:
    """Raises whatever is asked of it."""

    def _raise(self, *args, **kwargs):
        raise Evil

    __index__ = __int__ = __float__ = __bool__ = __len__ = __iter__ = __getitem__ = __call__ = _raise
    __hash__ = __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __buffer__ = fileno = is_set = wait = _raise


class Strange:
    """Answers, but not what was meant."""

    underlying = "nowhere"

    def __init__(self, number):
        self.number = number

    def __index__(self):
        return self.number

    def fileno(self):
        return self.number

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if index > 2:
            raise IndexError
        return self

    def is_set(self):
        return None

    def wait(self, timeout=None):
        return 0


class Text(str):
    pass


class Data(bytes):
    pass


NUMBERS = [
    -(2**64),
    -(2**63) - 1,
    -(2**63),
    -(2**31) - 1,
    -(2**31),
    -2,
    -1,
    0,
    1,
    2,
    3,
    4,
    5,
    8,
    12,
    16,
    31,
    40,
    255,
    256,
]
NUMBERS += [1000, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64]
SIZES = [0, 1, 5, 16, 29, 30, 31, 32, 33, 34, 40, 64, 255, 256, 1000, 8192, 8193, 65535, 65536, 100_000]
WORDS = ["", "a", "\0", "a\0b", "ü", "\ud800", "x" * 300, "utf-8", "nonsense", "routing_id", "group", "Peer-Address"]
ENDPOINTS = [
    "inproc://a",
    "inproc://b",
    "inproc://",
    "ipc://socket",
    "ipc://",
    "ipc://missing/folder",
    "tcp://127.0.0.1:*",
]
ENDPOINTS += [
    "tcp://127.0.0.1",
    "tcp://",
    "://",
    "inproc:/a",
    "nonsense://x",
    "tcp://127.0.0.1:99999999",
    "tcp://127.0.0.1:9",
]
ENDPOINTS += ["ipc://" + "x" * 200, "pgm://x", "tcp://*:*", "tcp://[::1]:*", "tcp://999.1.1.1:5"]

OPTIONS = list(zmq.constants.SocketOption) + list(zmq.constants.ContextOption) + list(zmq.constants.MessageOption)
OPTION_NAMES = sorted({name for option in zmq.constants.SocketOption.__members__ for name in (option, option.lower())})
# Given to libzmq, these make it use files that are not its own, or end the process by an assertion of its own when the
# system refuses them.
LEFT_OUT = {zmq.USE_FD, zmq.BINDTODEVICE, zmq.TOS, zmq.PRIORITY}


def endless(value):
    """Whether something that waits would wait too long for this."""
    try:
        return value is None or value is False or not 0 <= value < 1
    except BaseException:
        return False


class World:
    """The objects of one example."""

    def __init__(self):
        self.context = zmq.Context()
        self.contexts = [self.context]
        self.sockets = []
        pair = [self.socket(zmq.PAIR), self.socket(zmq.PAIR)]
        pair[0].bind("inproc://pair")
        pair[1].connect("inproc://pair")
        pair[0].send_multipart([b"hello", b"x" * 100])
        closed = self.socket(zmq.DEALER)
        closed.close()
        self.frames = [zmq.Frame(b"x" * 5), zmq.Frame(bytearray(100), copy=False, track=True)]
        self.others = [zmq.Poller(), self.frames[1].tracker, zmq.MessageTracker(threading.Event())]
        self.others += [self.frames[0].buffer, self.frames[1].buffer]

    def socket(self, kind):
        socket = self.context.socket(kind)
        self.keep(socket)
        return socket

    def keep(self, thing):
        """Remember what a call returned, so that it is used again and closed at the end."""
        if isinstance(thing, zmq.Socket):
            self.sockets.append(thing)
            self.calm(thing)
        elif isinstance(thing, zmq.Context):
            self.contexts.append(thing)
        elif isinstance(thing, zmq.Frame):
            self.frames.append(thing)
        elif type(thing).__module__.startswith(zmq.__name__) and not isinstance(thing, (int, type)):
            self.others.append(thing)

    @staticmethod
    def calm(socket):
        """Let it wait for nothing, whatever was set before."""
        for option in (zmq.LINGER, zmq.RCVTIMEO, zmq.SNDTIMEO):
            try:
                socket.set(option, 0)
            except DOCUMENTED:
                pass

    def calm_all(self):
        for context in self.contexts:
            for socket in list(context._sockets):
                if isinstance(socket, zmq.Socket) and all(socket is not other for other in self.sockets):
                    self.sockets.append(socket)
        for socket in self.sockets:
            self.calm(socket)

    def end(self):
        self.calm_all()
        for socket in self.sockets:
            socket.close(0)
        for context in self.contexts:
            context.term()


class Step:
    """One thing to do, chosen by a number."""

    def __init__(self, world, seed):
        self.world = world
        self.random = random.Random(seed)
        self.pick = self.random.choice

    # -- arguments ----------------------------------------------------------------------------------------------------

    def data(self):
        size = self.pick(SIZES)
        make = self.pick(
            (bytes, bytes, Data, bytearray, lambda n: memoryview(bytes(n)), lambda n: memoryview(bytearray(n))[::2])
        )
        return make(size)

    def anything(self, deep=True):
        world, pick = self.world, self.pick
        kind = self.random.randrange(20)
        if kind < 4:
            return pick(NUMBERS)
        if kind < 6:
            return self.data()
        if kind == 6:
            return pick((None, True, False, 0.0, 1.5, -0.5, float("nan"), float("inf"), -float("inf"), 1j, 1e300))
        if kind == 7:
            return pick((pick(WORDS), Text(pick(WORDS)), pick(WORDS).encode("utf-8", "replace"), pick(ENDPOINTS)))
        if kind == 8:
            return pick(OPTIONS + [zmq.POLLIN, zmq.DONTWAIT, zmq.SNDMORE, zmq.EVENT_ALL, zmq.PUSH, zmq.EAGAIN])
        if kind == 9:
            return pick(world.sockets)
        if kind == 10:
            return pick(world.contexts)
        if kind == 11:
            return pick(world.frames)
        if kind == 12:
            return pick(world.others)
        if kind == 13:
            return Raising()
        if kind == 14:
            return Strange(pick(NUMBERS))
        if kind == 15 and deep:
            things = [self.anything(False) for _ in range(self.random.randrange(4))]
            return pick(
                (things, tuple(things), iter(things), dict(enumerate(things)), [things], list(zip(things, things)))
            )
        if kind == 16:
            return pick((array.array("d", [1.5] * 10), array.array("B"), range(3), slice(None), object(), Ellipsis))
        if kind == 17:
            return pick((int, str, zmq.Socket, zmq.Frame, zmq.Context, len, lambda *a, **k: None, lambda *a: Raising()))
        if kind == 18:
            return threading.Event()
        return pick(NUMBERS)

    def argument(self, name):
        """An argument for a parameter: often of the right kind, and never one that stops everything."""
        pick = self.pick
        right = self.random.random() < 0.6
        if name in ("timeout", "linger", "max_tries"):
            value = pick((0, 0, 0.001, 0.0)) if right else self.anything()
            if name == "linger":
                return value if type(value) is not int or value == 0 else 0
            return 0 if endless(value) or isinstance(value, (Strange, int)) and value != 0 else value
        if name in ("shadow", "address", "io_threads", "n", "ctx"):
            value = self.anything()
            if name == "io_threads":
                return pick((1, 2, 0, -1, 2**40, -(2**31), value if not _is_number(value) else 1))
            return value if not _is_number(value) and not isinstance(getattr(value, "underlying", None), int) else None
        if not right:
            return self.anything()
        if name in ("addr", "endpoint"):
            return pick(ENDPOINTS) if self.random.random() < 0.8 else pick(ENDPOINTS).encode()
        if name in ("data", "buf", "buffer", "message", "s"):
            return self.data()
        if name in ("msg_parts", "msg"):
            return [self.data() for _ in range(self.random.randrange(4))]
        if name in ("option", "opt"):
            return pick(OPTIONS)
        if name == "socket_type":
            return pick(
                (
                    zmq.PAIR,
                    zmq.PUSH,
                    zmq.PULL,
                    zmq.PUB,
                    zmq.SUB,
                    zmq.XPUB,
                    zmq.ROUTER,
                    zmq.DEALER,
                    zmq.REQ,
                    zmq.REP,
                    zmq.STREAM,
                    99,
                )
            )
        if name in ("flags", "events"):
            return pick((0, 1, 2, 3, zmq.DONTWAIT, zmq.SNDMORE, zmq.POLLIN, zmq.POLLOUT))
        if name in ("socket", "sockets", "rlist", "wlist", "xlist"):
            socket = pick(self.world.sockets)
            return socket if name == "socket" else pick(([socket], [(socket, zmq.POLLIN)], [(0, 1), (socket, 3)]))
        if name in ("copy", "track"):
            return pick((True, False))
        if name in ("serialize", "deserialize"):
            return pick((lambda thing: [b"x"], lambda thing: thing, self.anything()))
        if name == "encoding":
            return pick(("utf-8", "latin-1", "nonsense"))
        return self.anything()

    # -- what to do ---------------------------------------------------------------------------------------------------

    def run(self):
        target = self.target()
        way = self.random.randrange(10)
        self.world.calm_all()
        if way == 0:
            self.attribute(target)
        elif way == 1:
            self.operate(target)
        else:
            self.call(target, self.pick(_calls(target)))

    def target(self):
        world = self.world
        kind = self.random.randrange(13)
        if kind < 6:
            return self.pick(world.sockets)
        if kind < 7:
            return self.pick(world.contexts)
        if kind < 9:
            return self.pick(world.frames)
        if kind < 11:
            return self.pick([thing for thing in world.others if not isinstance(thing, memoryview)])
        return self.pick(MODULES)

    def attribute(self, target):
        name = self.pick(OPTION_NAMES) if isinstance(target, (zmq.Socket, zmq.Context)) else self.pick(_names(target))
        if self.random.random() < 0.5:
            self.world.keep(getattr(target, name))
        elif not isinstance(target, Module) and zmq.constants.__dict__.get(name.upper()) not in LEFT_OUT:
            value = self.anything()
            if isinstance(target, zmq.Context) and name.lower() in ("io_threads", "max_sockets"):
                value = 1
            if isinstance(target, (zmq.Socket, zmq.Context, zmq.Frame)) or type(target).__name__ == "MessageTracker":
                # Attributes of plain objects are the program's own.
                if name.upper() in zmq.constants.SocketOption.__members__:
                    setattr(target, name, value)

    def operate(self, target):
        value = self.anything()
        act = self.random.randrange(12)
        if act == 0:
            repr(target), str(target), dir(target)
        elif act == 1:
            len(target)
        elif act == 2:
            target[value]
        elif act == 3:
            value in target  # noqa: B015
        elif act == 4:
            if not isinstance(target, Module):
                self.world.keep(__import__("copy").copy(target))
        elif act == 5:
            bytes(target) if isinstance(target, zmq.Frame) else None
        elif act == 6:
            target == value, hash(target), bool(target)
        elif act == 7:
            if isinstance(target, (zmq.Frame, memoryview)):
                self.world.others.append(memoryview(target))
        elif act == 8:
            __import__("pickle").dumps(target)
        elif act == 9:
            if isinstance(target, memoryview) and len(target):
                target[self.random.randrange(len(target))] = 7
        elif act == 10 and isinstance(target, zmq.Context):
            self.finish(target)
            target.__exit__(None, None, None)
        elif act == 11:
            delattr(target, self.pick(OPTION_NAMES)) if isinstance(target, zmq.Context) else None

    def finish(self, context):
        """What is needed so that ending a context does not wait."""
        for socket in self.world.sockets:
            try:
                socket.close(0)
            except DOCUMENTED:
                pass

    def call(self, target, name):
        function = getattr(target, name)
        if not callable(function):
            return
        names, must = _parameters(function)
        count = self.random.randrange(len(names) + 1)
        count = max(count, must) if self.random.random() < 0.9 else count
        arguments = [self.argument(parameter) for parameter in names[:count]]
        options = {}
        for parameter in names[count:]:
            if parameter in ("timeout", "linger", "max_tries") or self.random.random() < 0.2:
                options[parameter] = self.argument(parameter)
        if self.random.random() < 0.03:
            extra = self.anything()
            if count == len(names):
                # One too many; any other place is a parameter's, perhaps that of an address.
                arguments.append(extra)
        if self.random.random() < 0.03:
            options["nonsense"] = self.anything()
        if name in ("term", "destroy", "instance") and isinstance(target, zmq.Context):
            self.finish(target)
        if name in ("set", "setsockopt", "set_string", "setsockopt_string", "setsockopt_unicode") and arguments:
            if _number_of(arguments[0]) in LEFT_OUT:
                return
            if isinstance(target, zmq.Context) and name == "set" and len(arguments) > 1 and _is_number(arguments[1]):
                arguments[1] = min(_number_of(arguments[1]) or 0, 8)
        if name == "connect" and zmq.zmq_version_info() < (4, 2) and getattr(target, "type", None) == zmq.PAIR:
            # libzmq 4.1 ends the process when a PAIR that has its peer connects to an inproc endpoint not bound yet.
            return
        if name == "monitor" and arguments and str(arguments[0]).startswith("inproc://"):
            # libzmq waits until somebody takes the event, and nobody would; `get_monitor_socket` has its reader.
            return
        if name == "Context" and arguments and _is_number(arguments[0]) and not -2 < _number_of(arguments[0]) < 5:
            arguments[0] = 1
        self.world.keep(function(*arguments, **options))


def _number_of(value):
    try:
        return int(value.__index__())
    except BaseException:
        return None


def _is_number(value):
    return isinstance(value, (int, Strange)) or _number_of(value) is not None


def _names(target):
    return [name for name in dir(target) if not name.startswith("_")]


# Waits for ever by its nature; or changes the process, not an object.
NOT_CALLED = {
    "proxy",
    "proxy_steerable",
    "device",
    "install_as_zmq",
    "learn_header",
    "recv_pyobj",
    "shadow_pyczmq",
    "run",
    "stop",
}
NOT_CALLED |= {"tobytes", "hex", "tolist"}


def _calls(target):
    """The names of what can be called on an object."""
    key = target if isinstance(target, Module) else type(target)
    if key in CALLS:
        return CALLS[key]
    names = CALLS[key] = []
    for name in _names(target):
        if name in NOT_CALLED or name.lower() != name and not isinstance(target, Module):
            continue
        if name.upper() in zmq.constants.SocketOption.__members__ and name not in ("subscribe", "unsubscribe"):
            continue
        try:
            thing = getattr(type(target), name, None) or getattr(target, name)
        except DOCUMENTED:
            continue
        if (
            callable(thing)
            and not inspect.ismodule(thing)
            and not (inspect.isclass(thing) and issubclass(thing, BaseException))
        ):
            names.append(name)
    if not names:
        names.append("__repr__")
    return names


_known = {}


def _parameters(function):
    """The names of what a function takes, and how many there must be."""
    key = getattr(function, "__func__", function)
    try:
        return _known[key]
    except KeyError:
        pass
    except TypeError:
        key = id(key)
    try:
        found = [p for p in inspect.signature(function).parameters.values() if p.kind != p.VAR_KEYWORD]
    except (ValueError, TypeError):
        found = []
    names = []
    for parameter in found:
        names += [parameter.name] * (3 if parameter.kind == parameter.VAR_POSITIONAL else 1)
    must = sum(
        parameter.default is parameter.empty and parameter.kind != parameter.VAR_POSITIONAL for parameter in found
    )
    _known[key] = names, must
    return names, must


class Module:
    """A module's functions and classes as methods of an object."""


def _module(module, names):
    made = Module()
    made.__dict__.update({name: getattr(module, name) for name in names})
    return made


MODULES = [
    _module(
        zmq,
        [
            "Context",
            "Socket",
            "Frame",
            "Poller",
            "MessageTracker",
            "zmq_poll",
            "select",
            "has",
            "strerror",
            "zmq_errno",
            "zmq_version",
        ]
        + ["ZMQError", "Again", "curve_public", "curve_keypair", "zmq_version_info"],
    ),
    _module(interop, ["cast_int_addr"]),
    _module(jsonapi, ["dumps", "loads"]),
    _module(z85, ["encode", "decode"]),
]
CALLS = {}


def replay(steps):
    """Run one example."""
    world = World()
    try:
        for seed in steps:
            try:
                Step(world, seed).run()
            except MISTAKES:
                raise
            except DOCUMENTED:
                pass
            except ImportError as error:
                # Older interpreters and builds lack modules; a libzmq that cannot be found is another matter.
                if isinstance(error, zmq.LibraryNotFound):
                    raise
    finally:
        world.end()


def main(examples, note=None, seed=None):
    """Run that many examples."""
    warnings.simplefilter("ignore")
    faulthandler.enable()
    file = open(note, "w") if note else None

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=seed is None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=(hypothesis.Phase.generate,),
    )
    @hypothesis.given(strategies.lists(strategies.integers(0, 2**32 - 1), min_size=1, max_size=14))
    def run(steps):
        if file:
            file.seek(0)
            file.truncate()
            file.write(repr(steps))
            file.flush()
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        replay(steps)
        counts[0] += 1
        counts[1] += len(steps)

    counts = [0, 0]
    if seed is not None:
        run = hypothesis.seed(seed)(run)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            run()
        finally:
            faulthandler.cancel_dump_traceback_later()
            os.chdir("/")
    print(*counts)


if __name__ == "__main__":
    if sys.argv[1] == "replay":
        warnings.simplefilter("ignore")
        faulthandler.enable()
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        replay(ast.literal_eval(sys.argv[2]))
    else:
        main(int(sys.argv[1]), *sys.argv[2:3], *map(int, sys.argv[3:4]))
