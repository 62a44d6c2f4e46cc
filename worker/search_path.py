"""Where modules of yours are found: in the folder you stand in, behind Python's own modules and the installed ones.

Takes a path of modules and gives it in order. Imports nothing that a file of yours could stand in for.
"""

from __future__ import annotations

import os
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def in_order(path: list[str]) -> list[str]:
    """*path* with the working folder at its end, and in front of that what PYTHONPATH names and hides other modules.

    The rest of PYTHONPATH stays in front, where it was put. PYTHONSAFEPATH keeps the working folder out.
    """
    named, here = _named(), os.getcwd()
    kept = [folder for folder in path if folder and (folder != here or here in named)]
    hiding = [folder for folder in kept if folder in named and folder != _ROOT and _hides(folder)]
    last = [] if os.environ.get("PYTHONSAFEPATH") or here in kept else [here]
    return [*(folder for folder in kept if folder not in hiding), *hiding, *last]


def namesake(module: str) -> str:
    """The file in your folders that is called like the imported *module* and is not it; empty if there is none."""
    used = os.path.abspath(getattr(sys.modules.get(module), "__file__", None) or "")
    for folder in [*_named(), os.getcwd()]:
        for name in (f"{module}.py", os.path.join(module, "__init__.py")):
            file = os.path.join(folder, name)
            if os.path.isfile(file) and not (os.path.isfile(used) and os.path.samefile(file, used)):
                return file
    return ""


def _named() -> list[str]:
    """The folders of PYTHONPATH, as they stand in the path of modules."""
    return [os.path.abspath(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]


def _hides(folder: str) -> bool:
    """Whether *folder* has a module called like one of Python's own, or like this package."""
    try:
        found = os.listdir(folder)
    except OSError:
        return False
    modules = {name.removesuffix(".py") for name in found if name.endswith(".py")}
    packages = {name for name in found if os.path.isfile(os.path.join(folder, name, "__init__.py"))}
    return not (modules | packages).isdisjoint(sys.stdlib_module_names | {"worker"})
