"""The options of a socket: get, set, and the shorthands for the most used."""

from __future__ import annotations

from ctypes import byref, c_int
from errno import EINTR
from types import MethodType

from . import _numbers, constants
from .error import from_errno
from .options import INT_ARGUMENTS, INT_LENGTH, OptionAttribute, encode, option_number, out_buffers, set_int

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol

    from .loader import Library
    from .loader.direct import DirectCalls

    class _Subscribing(Protocol):
        def __call__(self, topic: str | bytes) -> None: ...


__all__ = ["SocketOptions"]

_HWM = _numbers.HWM
_FD = _numbers.FD


class _Assignable:
    """A method that may be assigned to as well, because it has the name of an option: ``sock.subscribe = b"topic"``."""

    def __init__(self, function: Callable[[Any, Any], None]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, owner: Any, cls: type | None = None) -> _Subscribing:
        return self._function if owner is None else MethodType(self._function, owner)  # type: ignore[return-value]

    def __set__(self, owner: Any, value: str | bytes) -> None:
        self._function(owner, value)


def option_attribute(name: str) -> property:
    """An option of a socket as an attribute.

    The same as an `OptionAttribute`, whose functions do the rest, but a property, which the interpreter knows how to call.
    """
    general = OptionAttribute(name)
    otherwise, assign, refuse = general.__get__, general.__set__, general.__delete__

    def get(owner: Any) -> Any:
        prepared = owner._prepared
        try:
            call, arguments, value = prepared[general]
        except KeyError:
            found = otherwise(owner)
            option = general.option
            # A class with a ``get`` of its own is asked each time.
            if option in prepared and type(owner).get is SocketOptions.get:
                prepared[general] = prepared[option][:3]
            return found
        return value.value if call(*arguments) >= 0 else otherwise(owner)

    return property(get, assign, refuse)


class TopicOption(OptionAttribute):
    """SUBSCRIBE and UNSUBSCRIBE in upper case: can be set only, to text as well."""

    __slots__ = ()

    def __set__(self, owner: Any, value: str | bytes) -> None:
        owner.set(self.option, value.encode("utf-8") if isinstance(value, str) else value)


# Options that were set -> the member of the enum by which that was last done, and what `INT_ARGUMENTS` has for it.  To see
# that an option is that very object is the quickest way to know that it is an integer.
_members: dict[Any, tuple[Any, Any]] = {}


def _argument(option: Any) -> Any:
    """What `INT_ARGUMENTS` has for an option; None if it is of another type, or no option."""
    argument = INT_ARGUMENTS.get(option) if isinstance(option, int) else None
    if argument is not None and type(option) is not int:
        _members[option] = (option, argument)
    return argument


class SocketOptions:
    """The part of a socket that deals with its options."""

    __slots__ = ()

    if TYPE_CHECKING:
        _calls: DirectCalls
        _h: Any
        _lent_descriptor: Callable[[], int]
        _library: Library
        _prepared: dict[Any, Any]
        _thread_safe: bool

        @property
        def underlying(self) -> int: ...

    # -- options ------------------------------------------------------------------------------------------------------

    def get(self, option: int) -> Any:
        """Get an option.

        Parameters
        ----------
        option : int
            One of `constants.SocketOption`.

        Returns
        -------
        int or bytes
            As the option's type says.

        Raises
        ------
        ZMQError
            ``EINVAL`` if the loaded libzmq does not know the option or it can only be set.
        """
        try:
            call, arguments, value, known = self._prepared[option]
        except KeyError:
            if isinstance(option, int) and option in INT_ARGUMENTS:
                found = self._get_first(option)
                if found is not None:
                    return found
        except TypeError:
            pass  # `option_number` says what is wrong
        else:
            # Something else than an integer may be equal to one.
            if (known is option or isinstance(option, int)) and call(*arguments) >= 0:
                return value.value
        number = option_number(option)
        if number == _HWM:
            return self.get_hwm()
        for buffer, size, read in out_buffers(number):
            errno = self._getsockopt(number, byref(buffer), byref(size))
            if not errno:
                return read(buffer, size)
            if errno != _numbers.EINVAL:
                break
        if number == _FD and self._thread_safe:
            return self._lent_descriptor()
        raise from_errno(errno)

    def _get_first(self, option: int) -> int | None:
        """Get an option from `INT_ARGUMENTS` without waiting, and keep the call; None if that did not work.

        The memory that the call writes to serves one option of one socket.  So somebody who asks in between, such as a
        signal handler, leaves a newer value there and not another one.
        """
        value = c_int()
        arguments = (self._h, INT_ARGUMENTS[option], byref(value), INT_LENGTH)
        call = self._calls.getsockopt
        if call(*arguments) < 0:
            return None
        # Several threads may use a thread-safe socket, whose calls are exchanged when its descriptor is lent.
        if not self._thread_safe:
            self._prepared[option] = (call, arguments, value, option)
        return value.value

    def _getsockopt(self, number: int, buffer: Any, size: Any) -> int:
        if self._calls.getsockopt(self._h, number, buffer, size) >= 0:
            return 0
        functions = self._library.functions
        while functions.zmq_getsockopt(self.underlying, number, buffer, size) < 0:
            errno = functions.zmq_errno()
            if errno != EINTR:
                # Some versions forget to set it for a length that does not suit.
                return errno or _numbers.EINVAL
        return 0

    def set(self, option: int, optval: int | bytes) -> None:
        """Set an option.

        Parameters
        ----------
        option : int
            One of `constants.SocketOption`.
        optval : int or bytes
            As the option's type says; text goes through `set_string`.

        Raises
        ------
        TypeError
            If the value is not of the option's type.
        OverflowError
            If an integer does not fit.
        ZMQError
            ``EINVAL`` if the loaded libzmq does not know the option, or refuses the value.
        """
        if type(optval) is int and -(2**31) <= optval < 2**31:
            try:
                known, argument = _members[option]
            except (KeyError, TypeError):
                known = argument = None
            if known is not option:
                argument = _argument(option)
            if argument is not None and set_int(self._calls, self._h, argument, optval):
                return
        number = option_number(option)
        if number == _HWM:
            self.set_hwm(optval)  # type: ignore[arg-type]
            return
        value, size = encode(number, optval)
        functions = self._library.functions
        while functions.zmq_setsockopt(self.underlying, number, value, size) < 0:
            errno = functions.zmq_errno()
            if errno != EINTR:
                raise from_errno(errno)

    def get_string(self, option: int, encoding: str = "utf-8") -> str:
        """Get an option of bytes as text.

        Raises
        ------
        TypeError
            If the option is an integer.
        """
        value = self.get(option)
        if not isinstance(value, bytes):
            raise TypeError(f"option {option!r} is an integer; use get")
        return value.decode(encoding)

    def set_string(self, option: int, optval: str, encoding: str = "utf-8") -> None:
        """Set an option of bytes from text.

        Raises
        ------
        TypeError
            If ``optval`` is not text.
        """
        if not isinstance(optval, str):
            raise TypeError(f"strings only, got: {optval!r}")
        self.set(option, optval.encode(encoding))

    getsockopt = get
    setsockopt = set
    getsockopt_string = getsockopt_unicode = get_string
    setsockopt_string = setsockopt_unicode = set_string

    def get_hwm(self) -> int:
        """The high-water mark of both directions; that of sending, if they differ."""
        return self.get(constants.SNDHWM)  # type: ignore[no-any-return]

    def set_hwm(self, value: int) -> None:
        """Set the high-water mark of both directions: how many messages may wait for each peer; 0 is no limit.

        It counts for connections made from now on.
        """
        self.set(constants.SNDHWM, value)
        self.set(constants.RCVHWM, value)

    hwm: int = property(get_hwm, set_hwm, None, "The high-water mark of both directions.")  # type: ignore[assignment]

    @_Assignable
    def subscribe(self, topic: str | bytes) -> None:
        """Receive messages that begin with a topic, on SUB sockets.

        Parameters
        ----------
        topic : str or bytes
            What they begin with; text is encoded as UTF-8.  An empty one is every message.
        """
        self.set(constants.SUBSCRIBE, topic.encode("utf-8") if isinstance(topic, str) else topic)

    @_Assignable
    def unsubscribe(self, topic: str | bytes) -> None:
        """Take back one `subscribe` of the same topic.

        Parameters
        ----------
        topic : str or bytes
            As it was subscribed to.
        """
        self.set(constants.UNSUBSCRIBE, topic.encode("utf-8") if isinstance(topic, str) else topic)

    SUBSCRIBE = TopicOption("SUBSCRIBE")
    UNSUBSCRIBE = TopicOption("UNSUBSCRIBE")

    def fileno(self) -> int:
        """The file descriptor that becomes readable when the socket's events may have changed.

        It is edge-triggered, and it tells nothing about writing: see EVENTS after each wake-up.

        Warns
        -----
        DraftFDWarning
            Once for each socket of a thread-safe type, for which a draft `NativePoller` lends its own.

        Raises
        ------
        ZMQVersionError
            If such a socket's descriptor is asked for and the loaded libzmq is no draft build of 4.3.2 or later.
        """
        return self.get(constants.FD)  # type: ignore[no-any-return]

    @property
    def FD(self) -> int:
        """The file descriptor of `fileno`."""
        return self.fileno()

    fd = FD
