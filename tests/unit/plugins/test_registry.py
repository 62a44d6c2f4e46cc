"""Parts by name: ours by their folders, others' by entry points and dotted paths, and sentences for what fails."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.plugins.shop import install
from worker.codecs.codec import DecodeLimits
from worker.codecs.plugin import CodecPlugin
from worker.plugins.registry import PluginError, Registry, made
from worker.sinks.plugin import SinkPlugin
from worker.sinks.registry import LATER, SINKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In front of the module path; what is imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def sinks() -> Registry[SinkPlugin[Any]]:
    """A registry that has looked for nothing yet."""
    return Registry(SinkPlugin, "worker.sinks", "sqs_worker.sinks", later=LATER)


def refused(name: str) -> str:
    with pytest.raises(PluginError) as caught:
        sinks().find(name)
    return str(caught.value)


def test_ours_are_the_folders_with_a_plugin() -> None:
    """Nobody writes a list; each is called as its folder."""
    assert {"discard", "handler", "ndjson", "postgres", "sqlite"} <= set(SINKS.built_in)
    assert [plugin.name for plugin in SINKS.ours()] == list(SINKS.built_in)
    assert all(plugin.summary and plugin.page for plugin in SINKS.ours())


def test_an_entry_point_is_known_without_being_loaded(folder: Path) -> None:
    """Installed parts are listed, and cost nothing until one is chosen."""
    install(folder)
    assert "shop-log" in sinks().choices
    assert "shop.sinks" not in sys.modules


def test_an_entry_point_is_found_by_its_name_and_by_its_place(folder: Path) -> None:
    """Both are the same object, in whatever letters the name is written."""
    install(folder)
    found = sinks().find("Shop-Log")
    assert found.name == "shop-log"
    assert sinks().find("shop.sinks:LOG") is found
    assert sinks().find("shop.sinks.LOG") is found
    codecs: Registry[CodecPlugin[Any]] = Registry(CodecPlugin, "worker.codecs", "sqs_worker.codecs")
    upper = codecs.find("shop-upper")
    assert upper.make(upper.settings(), DecodeLimits()).decode("a") == "A!"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("kafka", "give one of discard, "),
        ("redshift", "not part of this version; use one of: discard, "),
        ("nowhere.sinks:LOG", "there is no module nowhere; name a SinkPlugin, such as shop.sinks:NAME, of a module in"),
        ("shop.sinks:KAFKA", "module 'shop.sinks' has no attribute 'KAFKA'; name a SinkPlugin"),
        ("shop.sinks:LogSink", "shop.sinks:LogSink is the class LogSink, but must be an object of SinkPlugin"),
        ("shop.codecs:UPPER", "shop.codecs:UPPER is of type CodecPlugin, but must be an object of SinkPlugin"),
        ("shop.broken:LOG", "its module fails at import: ZeroDivisionError: division by zero (at "),
        ("shop.lacking:LOG", "its module imports aiokafka, which is not installed (at "),
        ("shop.leaving:LOG", "its module fails at import: SystemExit: 3 (at "),
        ("shop.sinks:", "no dotted path; name a SinkPlugin"),
    ],
)
def test_what_cannot_be_loaded_is_a_sentence(folder: Path, name: str, sentence: str) -> None:
    """It says what is wrong and, where it can be said, what to write instead."""
    modules = {"broken": "1 / 0", "lacking": "import aiokafka", "leaving": "raise SystemExit(3)"}
    install(folder, **modules)
    assert refused(name).startswith(sentence)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("dict", "the settings of mine.sinks:MINE are no Section: make them a class of it"),
        (
            "Bare",
            "the settings of mine.sinks:MINE have a field without a Variable, path: name its environment variable",
        ),
        ("Typed", "the settings of mine.sinks:MINE have a field called type, which names the part in a worker.toml"),
    ],
)
def test_settings_that_nobody_could_give_are_refused(folder: Path, settings: str, sentence: str) -> None:
    """Each field has a variable, and none is called as the key that names the part."""
    module = f"""
        from typing import Annotated
        from worker.sinks import Guarantee, Section, SinkPlugin, Variable

        class Bare(Section):
            path: str = ""

        class Typed(Section):
            type: Annotated[str, Variable("MINE_TYPE")] = ""

        MINE = SinkPlugin(name="mine", summary="", settings={settings}, make=None, guarantee=Guarantee("none", ""))
    """
    install(folder, package="mine", entry_points="", sinks=module)
    assert refused("mine.sinks:MINE").startswith(sentence)


def test_two_packages_with_one_name_are_both_named(folder: Path) -> None:
    """Which of them was meant is nobody's guess."""
    install(folder)
    install(folder / "other", package="store", entry_points="[sqs_worker.sinks]\nshop-log = store.sinks:LOG\n")
    sys.path.insert(0, str(folder / "other"))
    try:
        sentence = refused("shop-log")
    finally:
        sys.path.remove(str(folder / "other"))
    assert sentence.startswith("shop 1.0 and store 1.0 each bring one of that name: give its place, such as s")


def test_nobody_takes_a_name_of_ours(folder: Path) -> None:
    """A package that calls its sink `sqlite` would be given the messages of those who mean ours."""
    install(folder, entry_points="[sqs_worker.sinks]\nsqlite = shop.sinks:LOG\n")
    assert refused("sqlite").startswith("shop 1.0 brings one of that name, which is the worker's own: uninstall")


def test_a_missing_library_is_named_with_what_brings_it() -> None:
    """The extra of this package, or that of the part's own."""

    def missing() -> None:
        raise ModuleNotFoundError("No module named 'aiokafka'", name="aiokafka.client")

    def says(extra: str = "") -> str:
        ours = SINKS.find("discard")
        plugin: SinkPlugin[Any] = SinkPlugin(
            name="kafka", summary="", settings=ours.settings, make=ours.make, guarantee=ours.guarantee, extra=extra
        )
        with pytest.raises(PluginError) as caught:
            made(plugin, "SINK", missing)
        return str(caught.value)

    assert says(extra="kafka") == "SINK=kafka needs aiokafka: pip install 'sqs-worker-daemon[kafka]'"
    assert says(extra="shop[kafka]") == "SINK=kafka needs aiokafka: pip install 'shop[kafka]'"
    assert says() == "SINK=kafka needs aiokafka: install it beside sqs-worker-daemon"


def test_a_part_of_others_that_cannot_be_made_is_a_sentence(folder: Path) -> None:
    """With the place in its own code; a defect of ours is told as one."""
    install(folder)
    plugin = sinks().find("shop-log")

    def fails() -> None:
        raise ZeroDivisionError("no topic")

    with pytest.raises(PluginError, match=r"SINK=shop-log cannot be made: ZeroDivisionError: no topic \(at .*:\d+\)"):
        made(plugin, "SINK", fails)
    with pytest.raises(ZeroDivisionError):
        made(SINKS.find("discard"), "SINK", fails)
