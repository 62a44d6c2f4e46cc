"""The page of all settings is the fields' own words."""

from __future__ import annotations

from pathlib import Path

from worker.plugins.setting import settings_of
from worker.settings.manual import manual
from worker.settings.names import KNOWN, RESERVED
from worker.settings.pipeline import KINDS, PipelineSettings
from worker.settings.worker import WorkerSettings

ROOT = Path(__file__).parents[3]


def test_the_page_is_what_the_fields_say() -> None:
    """`worker config --markdown > docs/settings.md` was not forgotten."""
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == manual()


def test_every_variable_is_on_the_page() -> None:
    """Nothing can be set that is not documented."""
    page = manual()
    assert [name for name in (*KNOWN, *RESERVED) if f"`{name}`" not in page] == []


def test_every_field_has_a_variable_and_prose() -> None:
    """A field without words would be an empty row; but the table's own name, and what are tables of their own."""
    parts = [part.settings for kind in KINDS.values() for part in kind.ours()]
    for model in (WorkerSettings, PipelineSettings, *parts):
        described = {s.field: s.description for s in settings_of(model)}
        assert set(model.model_fields) - set(described) <= {"name", "given", "sink_settings", "codec_settings"}
        assert all(described.values())


def test_variables_are_distinct() -> None:
    """No variable means two things: each is the first name of one setting, of the worker or of one of its parts."""
    parts = [part.settings for kind in KINDS.values() for part in kind.ours()]
    names = [s.variable.name for model in (WorkerSettings, PipelineSettings, *parts) for s in settings_of(model)]
    assert sorted(names) == sorted(set(names))
    assert set(names) <= set(KNOWN)
