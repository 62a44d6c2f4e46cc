"""What is sent in a simulated world: messages that are well, and messages that are not.

Takes a stream of randomness, gives items, each with a body of its own, by which it is recognised wherever it turns up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from random import Random

Kind = Literal["good", "flaky", "stubborn", "garbage", "refused", "rejected", "tenant", "explosive", "killer"]
"""good: taken · flaky: the sink wants it again a few times · stubborn: the sink wants it again for ever ·
garbage: does not decode · refused: the sink refuses any batch it is in · rejected: the sink rejects it alone ·
tenant: for any batch it is in the sink seems away, for a long time · explosive: any batch it is in fails, unsaid why ·
killer: the worker that writes it is gone."""
OWN_TROUBLES: Final[tuple[Kind, ...]] = ("tenant", "explosive", "killer")

POISON: Final[frozenset[Kind]] = frozenset({"stubborn", "garbage", "refused", "rejected", "explosive", "killer"})


@dataclass(frozen=True, slots=True)
class Item:
    """One message as its sender knows it."""

    number: int
    kind: Kind
    body: str
    group_id: str | None = None

    @property
    def poison(self) -> bool:
        """No retry can help; it belongs into the dead-letter queue."""
        return self.kind in POISON


def make_item(number: int, kind: Kind, *, padding: int = 0, group_id: str | None = None) -> Item:
    """An item whose body says what it is."""
    body = f'{{"number": {number}, "kind": "{kind}", "padding": "{"x" * padding}"}}'
    return Item(number, kind, body[:-1] if kind == "garbage" else body, group_id)


def make_items(count: int, random: Random, *, poison: float, groups: int = 0, stubborn: bool = False) -> list[Item]:
    """*count* items, a share *poison* of them not well; *stubborn*: half of the flaky ones are that."""
    items = []
    for number in range(count):
        kind: Kind = "good"
        if random.random() < poison:
            kind = random.choice(("flaky", "garbage", "refused", "rejected"))
        if stubborn and kind == "flaky" and number % 2:
            kind = "stubborn"
        group = f"g{random.randrange(groups)}" if groups else None
        items.append(make_item(number, kind, padding=random.choice((0, 0, 0, 50, 800)), group_id=group))
    return items
