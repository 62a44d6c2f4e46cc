"""Realistic order events: nested JSON of 300 to 900 bytes, the same for the same seed and number."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

CITIES: Final = ("Wien", "München", "Zürich", "Łódź", "Lisboa", "Århus", "Gent", "Brno", "Graz", "Nice")
ITEMS: Final = ("espresso machine", "kettle", "grinder", "filter papers", "mug", "scale", "tamper", "milk jug")
GIFTS: Final = 0.1
CHANNELS: Final = ("web", "app", "shop", "phone")


def order(number: int, *, seed: int = 0) -> dict[str, object]:
    """Order *number*; its `order_id` is unique within a seed."""
    draw = random.Random(f"{seed}:{number}")  # noqa: S311 - invented data
    lines = [_line(draw) for _ in range(draw.randint(1, 5))]
    return {
        "order_id": order_id(number, seed=seed),
        "placed_at": f"2026-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}T{draw.randint(0, 23):02d}:00:00Z",
        "channel": draw.choice(CHANNELS),
        "customer": {
            "id": draw.randint(1, 10**7),
            "email": f"c{draw.randint(1, 10**6)}@example.org",
            "address": {"city": draw.choice(CITIES), "zip": f"{draw.randint(1000, 99999)}", "country": "AT"},
        },
        "lines": lines,
        "total": {"cents": sum(int(str(line["cents"])) for line in lines), "currency": "EUR"},
        "payment": {"method": "card", "authorised": True, "token": f"{draw.getrandbits(96):024x}"},
    }


def order_id(number: int, *, seed: int = 0) -> str:
    """The business id of order *number*."""
    return f"o-{seed}-{number:09d}"


def bodies(messages: int, *, seed: int = 0) -> Iterator[str]:
    """The bodies of orders 0 to *messages* - 1."""
    for number in range(messages):
        yield orjson.dumps(order(number, seed=seed)).decode()


def _line(draw: random.Random) -> dict[str, object]:
    return {
        "sku": f"SKU-{draw.randint(1, 99999):05d}",
        "name": draw.choice(ITEMS),
        "quantity": draw.randint(1, 9),
        "cents": draw.randint(99, 49900),
        "options": {"gift": draw.random() < GIFTS, "colour": draw.choice(("red", "black", "steel"))},
    }
