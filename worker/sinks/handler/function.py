"""Finding your function: takes a dotted path, gives the callable and how it wants to be called.

Imports what the path names and nothing else, by the operator's word only; never from a message. Ends in `SinkRefused`
with the sentence that says what to change.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

from worker.errors import SinkRefused
from worker.search_path import namesake

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_BATCH_NAME: Final = "handle_batch"
_BATCH_PARAMETER: Final = "messages"
_PATH: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*(\.[^\W\d]\w*)*)?")
_IMPORTERS: Final = (__file__, importlib.__file__)
_HINT: Final = "HANDLER names a function, such as shop.orders.handle, of a module"
_FOUND: Final = "in the working folder or an installed one"
_FOUND_SAFE: Final = (
    "in a folder that PYTHONPATH names or an installed one; the working folder is left out, for PYTHONSAFEPATH is set,"
    " as our image sets it"
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
        what = "a class" if inspect.isclass(function) else f"an object of type {type(function).__name__}"
        raise SinkRefused(f"HANDLER={name}: {what} is no function; {_hint()}")
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


def _hint() -> str:
    return f"{_HINT} {_FOUND_SAFE if os.environ.get('PYTHONSAFEPATH') else _FOUND}"


def _resolve(dotted_path: str) -> object:
    if _PATH.fullmatch(dotted_path) is None:
        raise SinkRefused(f"HANDLER={dotted_path}: no dotted path; {_hint()}")
    try:
        found, inside = _imported(dotted_path)
    except ModuleNotFoundError as error:
        _refuse_namesake(dotted_path, error)
        raise SinkRefused(f"HANDLER={dotted_path}: there is no module {error.name}; {_hint()}") from error
    try:
        for name in inside:
            found = getattr(found, name)
    except AttributeError as error:
        _refuse_namesake(dotted_path, error)
        raise SinkRefused(f"HANDLER={dotted_path}: {error}; {_hint()}") from error
    except Exception as error:  # a module or an object may make its attributes itself
        raise _failed(dotted_path, "fails where it is asked for the function", error) from error
    return found


def _imported(dotted_path: str) -> tuple[object, list[str]]:
    """The innermost module that the path names, and the names that are left of the path."""
    path, _, inside = dotted_path.partition(":")
    if inside:
        return _module(path, dotted_path), inside.split(".")
    parts = path.split(".")
    module = _module(parts[0], dotted_path)
    for at in range(1, len(parts)):
        try:
            module = _module(".".join(parts[: at + 1]), dotted_path)
        except ModuleNotFoundError:
            return module, parts[at:]
    return module, []


def _module(name: str, dotted_path: str) -> ModuleType:
    """Import *name*.

    Raises:
        ModuleNotFoundError: there is none; what it imports itself and does not find is another matter.
        SinkRefused: it fails.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise
        missing = error.name or f"something ({error})"
        why = f"imports {missing}, which is not installed{_place(error)}"
        raise SinkRefused(f"HANDLER={dotted_path}: its module {why}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the module does when it is imported
        raise _failed(dotted_path, "fails at import", error) from error


def _failed(dotted_path: str, how: str, error: BaseException) -> SinkRefused:
    why = f"{how}: {type(error).__name__}: {error}{_place(error)}"
    return SinkRefused(f"HANDLER={dotted_path}: its module {why}")


def _place(error: BaseException) -> str:
    """The innermost line of a file, where the machinery of imports has none; an error of syntax names its own."""
    frames = [f for f in extract_tb(error.__traceback__) if not f.filename.startswith(("<frozen", *_IMPORTERS))]
    return f" (at {frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _refuse_namesake(dotted_path: str, error: BaseException) -> None:
    """Say so where a file of yours is called like an installed module, which is found before it."""
    module = dotted_path.replace(":", ".").partition(".")[0]
    file = namesake(module) if module in sys.modules else ""
    if file:
        raise SinkRefused(
            f"HANDLER={dotted_path}: {file} is not what Python finds as {module}: there is an installed module of that"
            f" name, which comes first; rename yours, for example to {module}_handler.py"
        ) from error
