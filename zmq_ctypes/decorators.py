"""Contexts and sockets as arguments of a function, made for each of its calls and closed at their end.

    @context()
    @socket(zmq.PUSH)
    def work(ctx, push):
        push.connect("tcp://127.0.0.1:5555")

The object comes after the arguments that the caller gave, or under a name: the first argument of the decorator if that is
a str, or ``name=``.  Decorators that stand above another give their object first.
"""

from __future__ import annotations

from functools import wraps
from inspect import iscoroutinefunction
from types import FunctionType

from .context import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol, TypeVar

    _Function = TypeVar("_Function", bound=Callable[..., object])

    class _Decorator(Protocol):
        def __call__(self, function: _Function, /) -> _Function: ...


__all__ = ["context", "socket"]


def _named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str | None, tuple[Any, ...]]:
    """Take the name out of a decorator's arguments."""
    if args and isinstance(args[0], FunctionType):
        raise TypeError("this decorator is written with parentheses, even if nothing stands in them")
    if isinstance(kwargs.get("name"), str):
        if args and isinstance(args[0], str):
            raise TypeError(f"two names: {args[0]!r} and {kwargs['name']!r}")
        return kwargs.pop("name"), args
    if args and isinstance(args[0], str):
        return args[0], args[1:]
    return None, args


def _giving(name: str | None, make: Callable[[tuple[Any, ...], dict[str, Any]], Any]) -> _Decorator:
    """The decorator that calls a function with what ``make`` makes of the arguments of the call."""

    def decorator(function: _Function) -> _Function:
        if not callable(function):
            raise TypeError(f"what is decorated must be a function, not {type(function).__name__}")

        def with_it(args: tuple[Any, ...], kwargs: dict[str, Any], it: Any) -> Any:
            if name is None:
                return function(*args, it, **kwargs)
            return function(*args, **kwargs, **{name: it})

        def check(kwargs: dict[str, Any]) -> None:
            if name is not None and name in kwargs:
                raise TypeError(f"{function.__name__}() got multiple values for argument {name!r}")

        if iscoroutinefunction(function):

            @wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                check(kwargs)
                with make(args, kwargs) as it:
                    return await with_it(args, kwargs, it)

        else:

            @wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                check(kwargs)
                with make(args, kwargs) as it:
                    return with_it(args, kwargs, it)

        return wrapper  # type: ignore[return-value]

    return decorator


def context(*args: Any, **kwargs: Any) -> _Decorator:
    """Call a function, or coroutine function, with a new `Context` that is destroyed when it ends.

    Parameters
    ----------
    name : str, optional
        The argument to pass it as; by default it is the last positional one.  May be the first argument without its name.
    *args, **kwargs
        For the context.

    Raises
    ------
    TypeError
        At the call, if the caller has given an argument of that name.
    """
    name, rest = _named(args, kwargs)
    return _giving(name, lambda _args, _kwargs: Context(*rest, **kwargs))


def socket(*args: Any, **kwargs: Any) -> _Decorator:
    """Call a function, or coroutine function, with a new `Socket` that is closed when it ends.

    It is made in the context that the function is called with: the argument ``context_name``, else the first argument that
    is a context, else `Context.instance`.

    Parameters
    ----------
    name : str, optional
        The argument to pass it as; by default it is the last positional one.  May be the first argument without its name.
    context_name : str, optional
        The argument that has the context, where the context was given by name; by default ``"context"``.
    *args, **kwargs
        For `Context.socket`: the type of the socket first.

    Raises
    ------
    TypeError
        At the call, if the caller has given an argument of that name, or if there is no type.
    """
    name, rest = _named(args, kwargs)
    context_name = kwargs.pop("context_name", "context")

    def make(call_args: tuple[Any, ...], call_kwargs: dict[str, Any]) -> Any:
        candidates = [call_kwargs.get(context_name), *call_args]
        found = next((thing for thing in candidates if isinstance(thing, Context)), None)
        return (Context.instance() if found is None else found).socket(*rest, **kwargs)

    return _giving(name, make)
