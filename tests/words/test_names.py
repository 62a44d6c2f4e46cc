"""One word, one thing: a class is named once, a module once or by a convention, a term is where the glossary says."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from tests.words.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

WORKER: Final = ROOT / "worker"
PAGE: Final = ROOT / "docs" / "internals.md"
CONVENTIONS: Final = {
    "account": "what came of the messages, of the worker and of the demonstration",
    "answers": "what the answers of a sink mean, in the pipeline and in a sink that is your code",
    "avro": "the codec, and what a sink makes files with",
    "aws": "what of AWS is given: what the SDK would find, and the door of the sinks",
    "batches": "what batches a sink wants, in the preflight and in its suite",
    "build": "a room's parts, put together",
    "call": "one call of what the room stands for",
    "circles": "queues that would send to each other for ever, by settings and by redrive policies",
    "client": "a client of a service that a sink writes to",
    "codec": "the protocol, and one codec in the folder of its name",
    "codecs": "the room, and the suite for what may be in it",
    "connection": "a protocol of asyncio, of a client and of a server",
    "demo": "the room, its way from begin to end, and its command",
    "errors": "the errors of a room",
    "health": "what is known of the worker's health, and the command that asks for it",
    "http": "HTTP as the telemetry is asked by it, and as a sink asks by it",
    "life": "a delivery's steps, and the facts of a process's",
    "lines": "text line by line: logs, and files of a sink",
    "load": "the room, and what is measured there",
    "logs": "the room, and how it is set up",
    "loopback": "the room, and its command",
    "messages": "messages as the room has them",
    "metrics": "the room, and its registry",
    "open": "a way into SQS, opened",
    "outlook": "the room, and what it looks at",
    "performance": "how quick the loop is, as facts and as what is measured",
    "pipeline": "the room, a pipeline, and its settings",
    "places": "where things are: queues in a policy, your code in a traceback",
    "platform": "who started the process, and the facts of it",
    "plugin": "what a part says of itself, and the part in the folder of its name",
    "process": "the room, and one process that a parent started",
    "processes": "several processes: their facts, and those of the demonstration",
    "putting": "putting again what a call left over, to one service and to several",
    "queue": "the protocol of SQS, and each way into it",
    "receiving": "receiving, by the pipeline and as facts",
    "registry": "the parts of one kind",
    "rules": "what must hold: of settings, and of SQS as the loopback plays it",
    "run": "a run: of the worker, of a parent, and the command",
    "scaling": "the planner, and its command",
    "scrape": "what is made when somebody looks at /metrics",
    "server": "who answers HTTP",
    "settings": "the room, and those of one sink",
    "sink": "the protocol, and one sink in the folder of its name",
    "sinks": "the room, and the suite for what may be in it",
    "spec": "what is said of a thing before it is made",
    "state": "how it stands, in a loopback's queue and as facts",
    "table": "the table of a sink",
    "tls": "TLS on the way to a sink's server, and its troubles in words",
}
"""Names that stand for the same in several rooms, and for what."""


class Term(NamedTuple):
    """An entry of the glossary."""

    name: str
    places: tuple[str, ...]
    """Paths below `worker/`, and names defined in the one before them."""


def sources() -> list[Path]:
    """Every module of the worker."""
    return sorted(WORKER.rglob("*.py"))


def defined(source: Path) -> set[str]:
    """Classes, functions and constants of a module, also those that are there under a condition."""
    names = set[str]()
    for node in ast.walk(ast.parse(source.read_text())):
        match node:
            case ast.ClassDef() | ast.FunctionDef():
                names.add(node.name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return names


def glossary() -> list[Term]:
    """The last list of the page: a term, what it is, and where."""
    text = PAGE.read_text().partition("\n## Glossary\n")[2]
    rows = re.findall(r"^- \*([^*]+)\*: .+: (`.+`)$", text, re.MULTILINE)
    return [Term(name, tuple(re.findall(r"`([^`]+)`", places))) for name, places in rows]


def test_a_class_is_named_once() -> None:
    """Also where one of two is private to its module: who reads of a name has one place to look."""
    places = defaultdict[str, list[str]](list)
    for source in sources():
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(f"{source.relative_to(ROOT)}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_module_is_named_once_or_by_a_convention_that_is_written_down() -> None:
    """A folder and a module of one name are two of it; a convention that nothing follows any more is taken out."""
    names = defaultdict[str, int](int)
    for source in sources():
        names[source.parent.name if source.name == "__init__.py" else source.stem] += 1
    names["worker"] = names["__main__"] = 1
    assert {name for name, count in names.items() if count > 1} == CONVENTIONS.keys()


def test_the_glossary_is_the_end_of_the_page_in_the_order_of_the_alphabet() -> None:
    """Thirty terms at least, each once."""
    terms = [term.name for term in glossary()]
    assert len(terms) >= 30
    assert terms == sorted(set(terms))
    assert len(PAGE.read_text().partition("\n## Glossary\n")[2].partition("\n- ")[2].splitlines()) == len(terms)


@pytest.mark.parametrize("term", glossary(), ids=lambda term: term.name)
def test_what_the_glossary_names_is_there(term: Term) -> None:
    """A file or folder below `worker/`, and names that it defines."""
    place: Path | None = None
    for name in term.places:
        if "/" in name or name.endswith(".py"):
            place = WORKER / name
            assert place.exists(), name
        else:
            assert place is not None, term
            assert name in defined(place), f"{name} is not in {place}"
    assert place is not None, term
