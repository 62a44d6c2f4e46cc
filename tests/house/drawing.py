"""The drawing of the rooms: in plain text, and as Graphviz source for a picture.

Takes a house; gives texts. The plain text has two parts: the floors from the top with their rooms; who imports whom.
With *sizes* it says lines of rooms and imports of arrows too, which change every day; the page does without.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from tests.house.rooms import LONG_LINES

if TYPE_CHECKING:
    from tests.house.rooms import House

WIDTH: Final = 116


def counts(house: House) -> str:
    """How many rooms, floors, arrows and circles."""
    circles = "; ".join(" ⇄ ".join(circle) for circle in house.circles)
    told = f"these circles: {circles}" if circles else "no circle"
    return f"{len(house.rooms)} rooms on {max(house.floors.values())} floors, {len(house.arrows)} arrows, {told}"


def sizes(house: House) -> str:
    """How many modules, and which are long."""
    modules = sum(len(room.files) for room in house.rooms.values())
    head = f"{len(house.long)} of {modules} modules have more than {LONG_LINES} lines"
    return "\n".join([head, *(f"{lines:>5} {path}" for path, lines in house.long.items())])


def text(house: House, *, sizes: bool) -> str:
    """The floors, then the arrows."""
    floors = "\n".join(_floor(house, floor, sizes=sizes) for floor in range(max(house.floors.values()), 0, -1))
    order = sorted(house.rooms, key=lambda room: (-house.floors[room], room))
    wide = max(len(_name(house, room)) for room in order)
    arrows = "\n".join(_arrows(house, room, wide, sizes=sizes) for room in order if house.imports(room))
    return f"{floors}\n\n{arrows}\n"


def graphviz(house: House) -> str:
    """For `dot`: a box for each room, as high as its floor; an arrow as thick as it is used, faint where implied."""
    floors = [_on(house, floor) for floor in range(max(house.floors.values()), 0, -1)]
    ranks = ["  { rank=same; " + " ".join(f'"{room}";' for room in rooms) + " }" for rooms in floors]
    boxes = [f'  "{room}" [label="{_name(house, room)}\\n{house.rooms[room].lines} lines"];' for room in house.rooms]
    arrows = [f'  "{one}" -> "{to}" [{_look(house, one, to)}];' for one, to in sorted(house.arrows)]
    head = 'digraph house {\n  node [shape=box, style=filled, fillcolor=aliceblue, fontname="Helvetica"];'
    return "\n".join([head, *ranks, *boxes, *arrows, "}\n"])


def _look(house: House, one: str, to: str) -> str:
    count = house.arrows[one, to]
    look = f"penwidth={1 + min(count, 30) / 10:.1f}" if to in house.nearest(one) else "color=gray80"
    return f"label={count}, {look}"


def _on(house: House, floor: int) -> list[str]:
    return sorted(room for room, at in house.floors.items() if at == floor)


def _name(house: House, room: str) -> str:
    return f"{room}/" if house.rooms[room].is_folder else room


def _floor(house: House, floor: int, *, sizes: bool) -> str:
    rooms = [f"{_name(house, room)}{f' {house.rooms[room].lines}' if sizes else ''}" for room in _on(house, floor)]
    return _wrapped([f"[ {room} ]" for room in rooms], f"floor {floor:>2}  ", "  ")


def _arrows(house: House, room: str, wide: int, *, sizes: bool) -> str:
    """What *room* imports: first what no longer way implies, the rest in brackets."""
    near = house.nearest(room)
    rest = [to for to in house.imports(room) if to not in near]
    said = {to: f"{to} {house.arrows[room, to]}" if sizes else to for to in (*near, *rest)}
    words = [f"{said[to]}," for to in (*near, *rest)]
    words[-1] = words[-1].rstrip(",")
    if rest:
        words[len(near) - 1] = words[len(near) - 1].rstrip(",")
        words[len(near)] = f"({words[len(near)]}"
        words[-1] += ")"
    return _wrapped(words, f"{_name(house, room):<{wide}} → ", " ")


def _wrapped(words: list[str], head: str, between: str) -> str:
    """*words* behind *head*, none of them broken."""
    whole = between.join(word.replace(" ", "\0") for word in words)
    indent = " " * len(head)
    filled = textwrap.fill(whole, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return head + filled[len(head) :].replace("\0", " ")
