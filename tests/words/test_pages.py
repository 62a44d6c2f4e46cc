"""What is written is so: commands exist, links lead somewhere, tables are those of the code, every test says why."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.words import events
from tests.words.exposition import PAGE, lists, on_page
from tests.words.pages import ROOT, anchors, commands, headings, links, opening, pages, written_files
from worker import __version__
from worker.cli import COMMANDS
from worker.facts import Fact, PipelineStarted
from worker.settings import load
from worker.telemetry.health import Health

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [str(page.relative_to(ROOT)) for page in pages()]
MACHINES = re.compile(r"/(?:home|root|Users)/\w|[A-Z]:\\\\|--(?:extra-)?index-url|/simple/|:///opt/")
"""Paths of somebody's own machine, and package indexes of somebody's own network."""
OWN_FORM = ("docs/decisions/", "docs/runbooks/")
"""Pages that begin otherwise: with a reason, and with the words of an alert (see tests/deploy/test_signals.py)."""


@pytest.mark.parametrize("name", NAMES)
def test_commands_of_a_page_exist(name: str) -> None:
    """`make X` is a target, `worker X` a command."""
    targets = set(re.findall(r"^([a-z-]+):", ROOT.joinpath("Makefile").read_text(), re.MULTILINE))
    known = {("make", target) for target in targets} | {("worker", command) for command in COMMANDS}
    assert commands(ROOT.joinpath(name).read_text()) - known == set()


def test_the_readme_names_its_first_commands() -> None:
    """The reader of commands finds what a newcomer types, so that the test above cannot pass on nothing."""
    found = commands(ROOT.joinpath("README.md").read_text())
    assert {("make", "demo"), ("make", "test"), ("worker", "check"), ("worker", "run"), ("worker", "loopback")} <= found


@pytest.mark.parametrize("name", NAMES)
def test_links_of_a_page_lead_to_files(name: str) -> None:
    """No page sends its reader to a file that is not there."""
    page = ROOT.joinpath(name)
    assert [target for target in links(page.read_text()) if not page.parent.joinpath(target).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_links_to_a_heading_find_it(name: str) -> None:
    """A heading that was reworded takes its links along."""
    page = ROOT.joinpath(name)
    for target, anchor in anchors(page.read_text()):
        assert anchor in headings((page.parent / target if target else page).read_text()), (target, anchor)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(OWN_FORM)])
def test_a_page_begins_with_whom_it_is_for(name: str) -> None:
    """Whoever opens it knows after one sentence whether to read on."""
    assert re.match(r"(\*\*)?For \w", opening(ROOT.joinpath(name).read_text()))


def test_the_map_of_the_pages_has_all_of_them() -> None:
    """Each page of docs/ by itself, but those that are found by their folder; and the first page leads to the map."""
    docs = ROOT / "docs"
    on_map = {(docs / target).resolve() for target in links(docs.joinpath("README.md").read_text())}
    ours = {page for page in pages() if page.is_relative_to(docs) and page != docs / "README.md"}
    assert {str(page) for page in ours - on_map if page.parent not in on_map} == set()
    assert "docs/README.md" in links(ROOT.joinpath("README.md").read_text())


def test_every_family_is_on_the_page_of_metrics_and_no_other() -> None:
    """Names, types, labels and meanings are those of the registry; `python tests/words/exposition.py` writes them."""
    assert on_page(PAGE.read_text()) == lists()


def test_every_line_of_the_log_is_on_its_page() -> None:
    """Events, levels and meanings are those of the facts; `python tests/words/events.py` writes them."""
    assert {kind.__name__ for kind in Fact.__subclasses__()} == {kind.__name__ for kind in events.kinds()}
    assert events.on_page(events.PAGE.read_text()) == events.tables()


def test_every_key_of_status_is_explained() -> None:
    """Those of the worker and those of a pipeline."""
    health = Health(worker_id="page")
    health.observe(PipelineStarted("default", "orders", "json", "sqlite", 30, receiving=True))
    status = health.status()
    of_pipelines = status["pipelines"]
    assert isinstance(of_pipelines, dict)
    explained = set(re.findall(r"`(\w+)`", PAGE.read_text().partition("## `/status`")[2]))
    assert {*status, *of_pipelines["default"]} - explained == set()


def test_every_test_says_what_it_proves() -> None:
    """Each test function has a docstring."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in (*ROOT.joinpath("tests").rglob("test_*.py"), *ROOT.glob("examples/*/tests/test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_nothing_names_a_machine_of_its_writers() -> None:
    """No path of a home directory and no private package index is part of the project."""
    this = ROOT / "tests" / "words" / "test_pages.py"
    texts = ((path, path.read_bytes().decode("utf-8", "replace")) for path in written_files() if path != this)
    assert [str(path.relative_to(ROOT)) for path, text in texts if MACHINES.search(text)] == []


def test_changelog_has_this_version() -> None:
    """Whoever raises the version writes what it means."""
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    assert f"## [{__version__}]" in ROOT.joinpath("CHANGELOG.md").read_text()


def test_the_toml_of_the_settings_page_loads(tmp_path: Path) -> None:
    """The example is accepted as it stands there, with its numbers."""
    example = re.search(r"```toml\n(.*?)```", ROOT.joinpath("docs", "settings.md").read_text(), re.DOTALL)
    assert example is not None
    tmp_path.joinpath("worker.toml").write_text(example[1])
    loaded = load({}, config=tmp_path / "worker.toml")
    assert [(one.name, one.sink) for one in loaded.pipelines] == [("thumbnails", "handler"), ("analytics", "sqlite")]
