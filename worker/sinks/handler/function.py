"""Finding your function: takes a dotted path, gives the callable and how it wants to be called.

Imports what the path names and nothing else, by the operator's word only; never from a message. Ends in `SinkRefused`
with the sentence that says what to change.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from worker.errors import SinkRefused
from worker.plugins.dotted import NothingThere, named, where

if TYPE_CHECKING:
    from collections.abc import Callable

_BATCH_NAME: Final = "handle_batch"
_BATCH_PARAMETER: Final = "messages"
_HINT: Final = "HANDLER names a function, such as shop.orders.handle, of a module"


@dataclass(frozen=True, slots=True)
class HandlerFunction:
    """Your function and its three properties."""

    call: Callable[[Any], object]
    """Takes a `Message`, or a list of them when *batch*."""
    batch: bool
    """True when it is called `handle_batch` or its first parameter is called `messages`."""
    coroutine: bool
    """True for `async def`: it runs in the loop. A plain function runs in a thread."""


def find_handler(dotted_path: str) -> HandlerFunction:
    """The function at *dotted_path* (`package.module.function` or `package.module:object.method`).

    Raises:
        SinkRefused: there is none, its module fails, or calling it would handle nothing.
    """
    try:
        found = named(dotted_path, what="the function", hint=_HINT, rename="handler")
    except NothingThere as error:
        raise SinkRefused(f"HANDLER={dotted_path}: {error}") from error
    return inspect_handler(found, dotted_path)


def inspect_handler(function: object, name: str) -> HandlerFunction:
    """How *function* wants to be called.

    Raises:
        SinkRefused: it cannot be called with one argument, or calling it would not run it.
    """
    if not callable(function) or inspect.isclass(function):
        what = "a class" if inspect.isclass(function) else f"an object of type {type(function).__name__}"
        raise SinkRefused(f"HANDLER={name}: {what} is no function; {_HINT} {where()}")
    try:
        return _looked_at(function, name)
    except Exception as error:  # a stand-in for an object that is not there yet raises whatever it is asked
        if isinstance(error, SinkRefused):
            raise
        raise SinkRefused(
            f"HANDLER={name}: it cannot be looked at ({type(error).__name__}: {error}); name a function instead"
        ) from error


def _looked_at(function: Callable[..., object], name: str) -> HandlerFunction:
    """A partial is looked at through what it calls, an object through its `__call__`, and nothing is unwrapped.

    What `functools.wraps` names is not what is called: a plain wrapper may well run its coroutine in a loop of its own.
    """
    inner: object = function
    while isinstance(inner, partial):
        inner = inner.func
    if not inspect.isroutine(inner):
        inner = type(inner).__call__
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise SinkRefused(f"HANDLER={name}: it yields, so calling it would run nothing; return instead")
    return HandlerFunction(function, _takes_batch(function, name), inspect.iscoroutinefunction(inner))


def _takes_batch(function: Callable[..., object], name: str) -> bool:
    named = getattr(function, "__name__", "") == _BATCH_NAME
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C do not tell
        return named
    try:
        signature.bind(None)
    except TypeError as error:
        raise SinkRefused(f"HANDLER={name}: it must take one argument, the message or messages ({error})") from error
    return named or next(iter(signature.parameters)) == _BATCH_PARAMETER
