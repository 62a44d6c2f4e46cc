"""Public names of a package that stand in several modules: each is imported when somebody asks for it.

Takes the name and the table of modules, gives what it means, and leaves it in the package for the next one who asks.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def looked_up(package: str, name: str, places: Mapping[str, tuple[str, ...]]) -> object:
    """What *name* of *package* means; *places* has the names of each module below `worker`.

    Raises:
        AttributeError: it is none of them.
    """
    for module, names in places.items():
        if name in names:
            found: object = getattr(import_module(f"worker.{module}"), name)
            setattr(sys.modules[package], name, found)
            return found
    raise AttributeError(f"module {package!r} has no attribute {name!r}")
