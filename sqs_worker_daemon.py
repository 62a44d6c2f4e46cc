"""The door of the program: the command `worker`, under a name that nobody gives a file of his own.

Whoever keeps a `worker.py` or a `queue.py` in a folder of PYTHONPATH hides this package or Python's own module with it.
So the path of modules is put in order here, before anything else is imported.
"""

from __future__ import annotations

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    """Run the `worker` that stands beside this file."""
    given = sys.path[:]
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    yours = {"", os.getcwd(), *named, *map(os.path.abspath, named)}
    sys.path[:] = [HERE, *(folder for folder in given if folder not in yours)]
    from worker import search_path  # noqa: PLC0415 - nothing of yours may be imported in its place
    from worker.process import early  # noqa: PLC0415 - as above

    early.begin()
    sys.path[:] = search_path.in_order(given)
    if hidden := search_path.namesake("worker"):
        sys.stderr.write(f"worker: {hidden} is not used, for this program has its name: rename it\n")
    from worker.cli import main as program  # noqa: PLC0415 - as above

    program(prog_name="worker")


if __name__ == "__main__":
    main()
