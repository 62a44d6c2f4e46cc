"""Moves every message of an Amazon SQS queue into your database, loses none, and proves it.

The public names are what your own handler needs; everything else is the program behind the `worker` command. They are
looked up when they are used: until a program listens for signals it imports as little as possible (`process/early.py`).
"""

from __future__ import annotations

import sys

if sys.argv[:1] == ["-m"]:  # `python -m worker`, which puts the working folder before everything else
    from worker.search_path import in_order

    sys.path[:] = in_order(sys.path)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from worker.message import Attribute, Message
    from worker.outcome import Reject, Retry

__version__ = "0.1.0"
__all__ = ["Attribute", "Message", "Reject", "Retry", "__version__"]
_PLACES = {"Attribute": "message", "Message": "message", "Reject": "outcome", "Retry": "outcome"}


def __getattr__(name: str) -> object:
    """One of the public names, from its module."""
    if name not in _PLACES:
        raise AttributeError(f"module 'worker' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - see above

    found: object = getattr(import_module(f"worker.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, looked up or not."""
    return sorted({*globals(), *__all__})
