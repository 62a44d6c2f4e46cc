"""Dotted paths: takes `package.module:object.name` of the settings, gives what stands there.

Imports what the path names and nothing else, by the operator's word only; never from a message. Ends in `NothingThere`
with the sentence that says what to change, whatever the module does while it is imported.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from importlib import import_module
from traceback import extract_tb
from typing import TYPE_CHECKING, Final

from worker.errors import WorkerError
from worker.search_path import namesake

if TYPE_CHECKING:
    from types import ModuleType

_PATH: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*(\.[^\W\d]\w*)*)?")
_IMPORTERS: Final = (__file__, importlib.__file__)
_FOUND: Final = "in the working folder or an installed one"
_FOUND_SAFE: Final = (
    "in a folder that PYTHONPATH names or an installed one; the working folder is left out, for PYTHONSAFEPATH is set,"
    " as our image sets it"
)


class NothingThere(WorkerError):
    """A dotted path that names nothing, or a module that fails."""


def where() -> str:
    """Where modules are looked for, in words."""
    return _FOUND_SAFE if os.environ.get("PYTHONSAFEPATH") else _FOUND


def named(dotted_path: str, *, what: str, hint: str, rename: str) -> object:
    """What stands at *dotted_path* (`package.module.name` or `package.module:object.name`).

    Args:
        dotted_path: as the settings have it.
        what: it is, in words, for a sentence about a module that fails: `the function`.
        hint: what should be given, and begins a sentence that ends in where modules are found.
        rename: what to put behind the name of a module that stands in the way of an installed one.

    Raises:
        NothingThere: there is none, or its module fails.
    """
    if _PATH.fullmatch(dotted_path) is None:
        raise NothingThere(f"no dotted path; {hint} {where()}")
    try:
        found, inside = _imported(dotted_path)
    except ModuleNotFoundError as error:
        _refuse_namesake(dotted_path, rename, error)
        raise NothingThere(f"there is no module {error.name}; {hint} {where()}") from error
    try:
        for name in inside:
            found = getattr(found, name)
    except AttributeError as error:
        _refuse_namesake(dotted_path, rename, error)
        raise NothingThere(f"{error}; {hint} {where()}") from error
    except Exception as error:  # a module or an object may make its attributes itself
        raise _failed(f"fails where it is asked for {what}", error) from error
    return found


def _imported(dotted_path: str) -> tuple[object, list[str]]:
    """The innermost module that the path names, and the names that are left of the path."""
    path, _, inside = dotted_path.partition(":")
    if inside:
        return _module(path), inside.split(".")
    parts = path.split(".")
    module = _module(parts[0])
    for at in range(1, len(parts)):
        try:
            module = _module(".".join(parts[: at + 1]))
        except ModuleNotFoundError:
            return module, parts[at:]
    return module, []


def _module(name: str) -> ModuleType:
    """Import *name*.

    Raises:
        ModuleNotFoundError: there is none; what it imports itself and does not find is another matter.
        NothingThere: it fails.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise
        missing = error.name or f"something ({error})"
        raise NothingThere(f"its module imports {missing}, which is not installed{_place(error)}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the module does when it is imported
        raise _failed("fails at import", error) from error


def told(error: BaseException) -> str:
    """What *error* says, and where it was raised."""
    return f"{type(error).__name__}: {error}{_place(error)}"


def _failed(how: str, error: BaseException) -> NothingThere:
    return NothingThere(f"its module {how}: {told(error)}")


def _place(error: BaseException) -> str:
    """The innermost line of a file, where the machinery of imports has none; an error of syntax names its own."""
    frames = [f for f in extract_tb(error.__traceback__) if not f.filename.startswith(("<frozen", *_IMPORTERS))]
    return f" (at {frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _refuse_namesake(dotted_path: str, rename: str, error: BaseException) -> None:
    """Say so where a file of yours is called like an installed module, which is found before it."""
    module = dotted_path.replace(":", ".").partition(".")[0]
    file = namesake(module) if module in sys.modules else ""
    if file:
        raise NothingThere(
            f"{file} is not what Python finds as {module}: there is an installed module of that"
            f" name, which comes first; rename yours, for example to {module}_{rename}.py"
        ) from error
