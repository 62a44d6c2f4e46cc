"""Check of what is said: no secret, no body and no receipt handle in a log line, in the metrics or in a dead letter.

Takes the evidence, in which canaries were planted where secrets stand; gives one sentence for each that was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.chaos.evidence import Evidence

SHOWN = 160


def leaks(evidence: Evidence) -> Iterator[str]:
    """Where something was said that nobody may say."""
    for where, text in said(evidence):
        for what, canary in evidence.canaries.items():
            at = text.find(canary)
            if at >= 0:
                yield f"{where}: {what} in {text[max(0, at - SHOWN) : at + len(canary)]!r}"


def said(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """All of it, and by whom."""
    for life in evidence.lives:
        for text in life.texts():
            yield life.name, text
    for letter in evidence.letters:
        yield f"dead letter {letter.message_id}", letter.told
