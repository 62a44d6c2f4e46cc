"""The settings of a sink and a codec: where they may stand, which of them is read, and what is said of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.errors import SettingsError
from worker.settings import Loaded, PipelineSettings, load
from worker.sinks.handler.settings import HandlerSettings
from worker.sinks.ndjson.settings import NdjsonSettings
from worker.sinks.postgres.settings import PostgresSettings
from worker.sinks.sqlite.settings import SqliteSettings

if TYPE_CHECKING:
    from pathlib import Path

    from worker.plugins.setting import Section

ONE = '[pipelines.orders]\nqueue = "orders"\n'
TABLE = ONE + '[pipelines.orders.sink]\ntype = "sqlite"\npath = "a.sqlite"\n'


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(tmp_path: Path, text: str, **environ: str) -> Loaded:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return load(environ, config=path, host_name=lambda: "host-1")


def section(loaded: Loaded) -> Section:
    return loaded.pipelines[0].sink_settings


def problems(tmp_path: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text, **environ)
    return caught.value.problems


def test_a_table_of_its_own_says_what_flat_keys_say(tmp_path: Path) -> None:
    """Two ways to write one thing, and each value knows where it stood."""
    flat = read(tmp_path, ONE + 'sink = "sqlite"\nsqlite_path = "a.sqlite"\n')
    table = read(tmp_path, TABLE)
    assert section(flat) == section(table) == SqliteSettings(path="a.sqlite")
    assert flat.pipelines[0].sink == table.pipelines[0].sink == "sqlite"
    assert table.origins["SQLITE_PATH"] == flat.origins["SQLITE_PATH"] == ("a.sqlite", "site.toml")


def test_the_environment_wins_over_the_table(tmp_path: Path) -> None:
    """Under the names that it always had."""
    assert section(read(tmp_path, TABLE, SQLITE_PATH="b.sqlite")) == SqliteSettings(path="b.sqlite")


def test_the_environment_may_choose_another_sink(tmp_path: Path) -> None:
    """Then the table is not for it; what stands there is named in a notice, and not taken for its own."""
    loaded = read(tmp_path, TABLE, SINK="ndjson")
    assert section(loaded) == NdjsonSettings()
    assert loaded.notices == ("pipelines.orders.sink.path is set but not used by SINK=ndjson",)


def test_both_ways_at_once_are_refused(tmp_path: Path) -> None:
    """One of them would be lost in silence."""
    text = ONE + 'sqlite_path = "b.sqlite"\n[pipelines.orders.sink]\ntype = "sqlite"\npath = "a.sqlite"\n'
    (problem,) = problems(tmp_path, text)
    assert problem == "pipelines.orders.sqlite_path and pipelines.orders.sink.path are one setting: keep one of them"


def test_a_table_names_its_type(tmp_path: Path) -> None:
    """Whose settings would they be?"""
    (problem,) = problems(tmp_path, ONE + '[pipelines.orders.sink]\npath = "a.sqlite"\n')
    assert problem == 'pipelines.orders.sink has no type: name the sink, such as type = "sqlite"'


def test_a_wrong_key_or_value_of_the_table_is_told_by_its_place(tmp_path: Path) -> None:
    """The one that was surely meant is suggested."""
    found = problems(tmp_path, TABLE + 'tabel = "x"\n')
    assert found == ["site.toml: pipelines.orders.sink.tabel is not a setting: did you mean table?"]
    found = problems(tmp_path, TABLE.replace("a.sqlite", ":memory:"))
    assert found[0].startswith("pipelines.orders.sink.path is ':memory:': give the path of a file")
    found = problems(tmp_path, TABLE.replace('"sqlite"', '"sqlight"'))
    assert found[0].startswith("pipelines.orders.sink.type is 'sqlight': give one of discard, ")


def test_what_a_sink_needs_is_told_with_the_sink(tmp_path: Path) -> None:
    """A setting without a default, in the words of whoever chose the sink."""
    (problem,) = problems(tmp_path, ONE + 'sink = "postgres"\n')
    assert problem.startswith("POSTGRES_DSN is not set: for pipelines.orders.sink=postgres give postgresql://")
    (problem,) = problems(tmp_path, ONE, SINK="handler")
    assert problem == "HANDLER is not set: for SINK=handler give package.module:function"


def test_a_codec_may_have_a_table_as_well(tmp_path: Path) -> None:
    """Ours have no settings yet, so it has nothing but its type."""
    loaded = read(tmp_path, ONE + '[pipelines.orders.codec]\ntype = "text"\n')
    assert loaded.pipelines[0].codec == "text"
    (problem,) = problems(tmp_path, ONE + '[pipelines.orders.codec]\ntype = "text"\ncharset = "latin-1"\n')
    assert problem.startswith("site.toml: pipelines.orders.codec.charset is not a setting")


def test_what_no_pipeline_reads_is_a_notice_and_is_shown(tmp_path: Path) -> None:
    """A variable that one of them reads is not; a secret is masked there, too."""
    two = '[pipelines.a]\nqueue = "a"\nsink = "discard"\n[pipelines.b]\nqueue = "b"\n'
    loaded = read(tmp_path, two, SQLITE_PATH="x.sqlite", POSTGRES_TABLE="t", POSTGRES_DSN="postgresql://me:geheim@db/")
    assert loaded.notices == (
        "POSTGRES_DSN is set but not used by SINK=discard and sqlite",
        "POSTGRES_TABLE is set but not used by SINK=discard and sqlite",
    )
    assert loaded.origins["POSTGRES_DSN"] == ("********", "environment, not used")
    assert loaded.origins["POSTGRES_TABLE"] == ("t", "environment, not used")


def test_a_value_that_could_never_be_right_is_refused_even_where_nobody_reads_it(tmp_path: Path) -> None:
    """Who chooses the sink next month would find it then."""
    (problem,) = problems(tmp_path, ONE + 'sqlite_table = "drop table"\nsink = "discard"\n')
    assert problem.startswith("pipelines.orders.sqlite_table is 'drop table': give letters, digits")


def test_a_pipeline_built_in_code_has_its_section(tmp_path: Path) -> None:
    """By the model, by a mapping, or with its defaults; that of another sink is refused."""
    assert PipelineSettings(queue="orders").sink_settings == SqliteSettings()
    built = PipelineSettings.model_validate(
        {"queue": "orders", "sink": "handler", "sink_settings": {"function": "a:b"}}
    )
    assert built.sink_settings == HandlerSettings(function="a:b")
    with pytest.raises(ValueError, match="sink_settings is a NdjsonSettings, not a SqliteSettings"):
        PipelineSettings(queue="orders", sink_settings=NdjsonSettings())
    with pytest.raises(ValueError, match=r"sink\n.*give one of discard"):
        PipelineSettings(queue="orders", sink="nowhere", sink_settings=NdjsonSettings())
    with pytest.raises(ValueError, match="dsn"):
        PostgresSettings.model_validate({"table": str(tmp_path.name)})


def test_a_rule_of_a_sink_names_what_the_user_wrote(tmp_path: Path) -> None:
    """Its own setting and the pipeline's, by the names that they have in the file."""
    text = ONE + '[pipelines.orders.sink]\ntype = "postgres"\ndsn = "mysql://db"\n'
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("pipelines.orders.sink.dsn cannot be read: ")
    assert "for pipelines.orders.sink.type=postgres give" in problem
