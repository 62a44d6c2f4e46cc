"""What the checker sees: `python -m tests.model.ablate [--searched 150]` puts each defect in and prints who saw it.

Takes how many seeds to look at, prints one line for each defect, and ends with exit code 1 if one was not seen, or was
seen by an invariant that is not its own.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tests.model.ablations import ABLATIONS, SEARCHED, look_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.model.ablations import Ablation, Seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Look for all of them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.model.ablate", description=__doc__)
    parser.add_argument("--searched", type=int, default=SEARCHED, help="seeds, where the known ones show nothing")
    asked = parser.parse_args(arguments)
    _say(f"{'defect':<38} {'seen as':<10} {'seed':>6} {'plays':>6}")
    unseen = 0
    for ablation in ABLATIONS:
        seen = look_for(ablation, searched=asked.searched)
        _say(_line(ablation, seen))
        unseen += seen is None or seen.invariant not in ablation.invariants
    _say(f"{len(ABLATIONS)} defects, {unseen} not seen as what they are")
    return int(unseen > 0)


def _line(ablation: Ablation, seen: Seen | None) -> str:
    if seen is None:
        return f"{ablation.name:<38} NOT SEEN"
    wrong = "" if seen.invariant in ablation.invariants else f"  instead of {', '.join(sorted(ablation.invariants))}"
    return f"{ablation.name:<38} {seen.invariant:<10} {seen.seed:>6} {seen.plays:>6}{wrong}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
