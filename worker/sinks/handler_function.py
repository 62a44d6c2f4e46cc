"""Finding your function: takes a dotted path, gives the callable and how it wants to be called.

Imports what the path names and nothing else, by the operator's word only; never from a message. Ends in `SinkRefused`
with the sentence that says what to change.
"""

from __future__ import annotations

import inspect
import pkgutil
import sys
from dataclasses import dataclass
from functools import partial
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final

from worker.errors import SinkRefused
from worker.search_path import namesake

if TYPE_CHECKING:
    from collections.abc import Callable

_BATCH_NAME: Final = "handle_batch"
_BATCH_PARAMETER: Final = "messages"
_HINT: Final = (
    "HANDLER names a function, such as shop.orders.handle, of a module in the working folder or an installed one"
)


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
    return inspect_handler(_resolve(dotted_path), dotted_path)


def inspect_handler(function: object, name: str) -> HandlerFunction:
    """How *function* wants to be called.

    Raises:
        SinkRefused: it cannot be called with one argument, or calling it would not run it.
    """
    if not callable(function) or inspect.isclass(function):
        raise SinkRefused(f"HANDLER={name}: a {type(function).__name__} is no function; {_HINT}")
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


def _resolve(dotted_path: str) -> object:
    try:
        return pkgutil.resolve_name(dotted_path)
    except ModuleNotFoundError as error:
        _refuse_namesake(dotted_path, error)
        missing = error.name or dotted_path
        if dotted_path.replace(":", ".").startswith(missing):
            raise SinkRefused(f"HANDLER={dotted_path}: there is no module {missing}; {_HINT}") from error
        raise SinkRefused(f"HANDLER={dotted_path}: its module imports {missing}, which is not installed") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the module does when it is imported
        if _is_path_wrong(error):
            _refuse_namesake(dotted_path, error)
            why = error if isinstance(error, AttributeError) else "no dotted path"
            raise SinkRefused(f"HANDLER={dotted_path}: {why}; {_HINT}") from error
        raise SinkRefused(
            f"HANDLER={dotted_path}: its module fails at import: {type(error).__name__}: {error}"
        ) from error


def _is_path_wrong(error: BaseException) -> bool:
    """Whether it was raised about the path, and not by what a module does while it is imported."""
    frames = [frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__)]
    return isinstance(error, AttributeError | ValueError) and "<module>" not in frames


def _refuse_namesake(dotted_path: str, error: BaseException) -> None:
    """Say so where a file of yours is called like an installed module, which is found before it."""
    module = dotted_path.replace(":", ".").partition(".")[0]
    file = namesake(module) if module in sys.modules else ""
    if file:
        raise SinkRefused(
            f"HANDLER={dotted_path}: {file} is not what Python finds as {module}: there is an installed module of that"
            f" name, which comes first; rename yours, for example to {module}_handler.py"
        ) from error
