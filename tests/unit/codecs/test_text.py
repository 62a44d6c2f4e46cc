"""Text bodies and the table of codecs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.codecs.avro.settings import AvroSettings
from worker.codecs.codec import DecodeLimits, Reason
from worker.codecs.json.codec import JsonCodec
from worker.codecs.registry import CODECS, make_codec
from worker.codecs.text.codec import TextCodec
from worker.errors import DecodeError, SettingsError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "body",
    [
        "hello",
        "<xml/>",
        "NUL \0 in the middle",
        "grüße 😀",
        "  indented",
        "",
        " \n",
        "\ufeffmarked",
        "\xff\xfe",
        "\0h\0i",
    ],
)
def test_text_passes_unchanged(body: str) -> None:
    """The text codec gives the body itself, blank and marked ones too."""
    assert TextCodec().decode(body) is body


@pytest.mark.parametrize(
    ("body", "reason"),
    [("\ud800", Reason.UNICODE), ("x" * 11, Reason.SIZE), ("ü" * 6, Reason.SIZE)],
)
def test_text_that_no_sink_could_take_is_refused(body: str, reason: Reason) -> None:
    """Lone surrogates and size are the codec's to refuse, whatever the format."""
    with pytest.raises(DecodeError) as caught:
        TextCodec(DecodeLimits(max_bytes=10)).decode(body)
    assert caught.value.reason == reason


@pytest.mark.parametrize("name", CODECS.built_in)
def test_a_codec_calls_itself_what_the_table_calls_it(name: str, tmp_path: Path) -> None:
    """The name in the settings is the name in the facts."""
    tmp_path.joinpath("int.avsc").write_text('"int"')
    settings = AvroSettings(schema_file=str(tmp_path / "int.avsc")) if name == "avro" else None
    assert make_codec(name, settings=settings).name == name


def test_limits_reach_the_codec() -> None:
    """A codec made by name holds the limits it was made with."""
    codec = make_codec("json", DecodeLimits(max_bytes=5))
    assert isinstance(codec, JsonCodec)
    with pytest.raises(DecodeError, match="size"):
        codec.decode('{"a": 1}')


def test_an_unknown_codec_is_named_with_those_that_exist() -> None:
    """The error says what to write instead."""
    with pytest.raises(SettingsError, match=r"CODEC is 'yaml': give one of avro, bytes, json, json-any, text"):
        make_codec("yaml")
