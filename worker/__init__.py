"""Moves every message of an Amazon SQS queue into your database, loses none, and proves it.

The public names are what your own handler needs; everything else is the program behind the `worker` command.
"""

from __future__ import annotations

import sys

if sys.argv[:1] == ["-m"]:  # `python -m worker`, which puts the working folder before everything else
    from worker.search_path import in_order

    sys.path[:] = in_order(sys.path)

from worker.message import Attribute, Message
from worker.outcome import Reject, Retry

__version__ = "0.1.0"
__all__ = ["Attribute", "Message", "Reject", "Retry", "__version__"]
