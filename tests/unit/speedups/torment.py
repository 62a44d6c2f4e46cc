"""A program of its own: thousands of answers, good ones and spoiled ones, through an extension given by its path.

`python torment.py PATH SEED` is started with a build that stops at the first byte read or written where there is none.
Prints how many answers and bodies took the fast path.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ExtensionFileLoader
from random import Random
from typing import Any

from tests.unit.speedups.spelled import EVERYTHING, message, of_messages, spoiled


def loaded(path: str) -> Any:
    """The extension in the file *path*, whatever is installed."""
    loader = ExtensionFileLoader("_speedups", path)
    spec = importlib.util.spec_from_file_location("_speedups", path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def main(path: str, seed: int) -> None:
    """Each answer in a block of memory of its own size, so that a step beyond its end is a step into nothing."""
    speedups, random, read = loaded(path), Random(seed), 0
    for turn in range(12_000):
        texts = [
            "".join(random.choices('ab{[1"\\\né€😀', k=random.randrange(200))) for _ in range(random.randint(1, 10))
        ]
        some = [message(text, **(EVERYTHING if random.random() < 0.5 else {})) for text in texts]
        body = of_messages(some, ascii_only=turn % 8 == 0)
        for one in (body, spoiled(body, random), body[: random.randrange(len(body))]):
            read += speedups.deliveries(one, 1.0, 2.0) is not None
        read += sum(speedups.harmless(text, 150, 9, 18) for text in texts)
    sys.stdout.write(f"{read}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
