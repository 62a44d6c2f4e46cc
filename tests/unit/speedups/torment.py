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

from tests.unit.speedups.spelled import EVERYTHING, answered, message, of_messages, spoiled


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
            read += speedups.answer(answered(one)) is not None
            read += speedups.answer(spoiled(answered(one[:300]), random)) is not None
            found = speedups.deliveries(one, 1.0, 2.0)
            read += found is not None
            made = None if found is None else speedups.messages(found, texts[: len(found)], -1.0)
            assert made is not None or found is None
            assert made is None or speedups.values([*made, texts, ()], (0, 2), (7,)) is None
            speedups.values(made, (0, 2, 11), (7, 8))
            assert found is None or speedups.deletion(one[:50], found) is not None
        read += sum(speedups.harmless(text, 150, 9, 18) for text in texts)
    sys.stdout.write(f"{read}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
