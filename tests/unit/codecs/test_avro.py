"""What CODEC=avro promises: each framing, another schema to read with, and bounds that no datum passes."""

from __future__ import annotations

import base64
import io
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.codecs.avro.codec import AvroCodec
from worker.codecs.avro.proof import bound, proven
from worker.codecs.avro.schemas import schema_file
from worker.codecs.avro.settings import AvroSettings
from worker.codecs.avro.walk import Walk, walker
from worker.codecs.codec import DecodeLimits, Reason
from worker.codecs.registry import make_codec
from worker.errors import DecodeError, StartRefused

if TYPE_CHECKING:
    from pathlib import Path

ORDER = {
    "type": "record",
    "name": "shop.Order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "lines", "type": {"type": "array", "items": "string"}},
    ],
}
VALUE = {"id": 7, "at": 1_700_000_000_000, "price": b"\x04\xd2", "lines": ["tea", "é"]}
LINK = {"type": "record", "name": "Link", "fields": [{"name": "next", "type": ["null", "Link"]}]}


def written(schema: Any, value: object) -> bytes:
    """*value* as fastavro writes it with the plain types of *schema*."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def body(*parts: bytes) -> str:
    return base64.b64encode(b"".join(parts)).decode()


def stored(folder: Path, schema: Any, name: str = "order.avsc") -> str:
    folder.mkdir(exist_ok=True)
    folder.joinpath(name).write_text(json.dumps(schema))
    return str(folder / name)


def refused(codec: AvroCodec, text: str) -> tuple[Reason, str]:
    with pytest.raises(DecodeError) as caught:
        codec.decode(text)
    return Reason(caught.value.reason), caught.value.detail


def raw(folder: Path, schema: Any, limits: DecodeLimits | None = None, reader: Any = None) -> AvroCodec:
    reader_file = stored(folder, reader, "reader.avsc") if reader is not None else None
    return AvroCodec(AvroSettings(schema_file=stored(folder, schema), reader_file=reader_file), limits)


def test_a_raw_datum_is_read_with_the_schema_of_the_file(tmp_path: Path) -> None:
    """As plain types: a timestamp is its number, a decimal its bytes."""
    assert raw(tmp_path, ORDER).decode(body(written(ORDER, VALUE))) == VALUE


def test_the_fingerprint_is_that_of_the_specification(tmp_path: Path) -> None:
    """That of `"int"` is 0x7275d51a3f395c8f, and stands from its lowest byte on."""
    assert schema_file("AVRO_SCHEMA_FILE", stored(tmp_path, "int")).mark.hex() == "8f5c393f1ad57572"


def test_a_single_object_is_read_with_the_schema_of_its_fingerprint(tmp_path: Path) -> None:
    """One of several; an unknown one, another mark and a torn one are refused."""
    stored(tmp_path, "int", "a.avsc")
    stored(tmp_path, "string", "b.avsc")
    codec = AvroCodec(AvroSettings(framing="single-object", schema_folder=str(tmp_path)))
    mark = bytes.fromhex("c301 8f5c393f1ad57572")
    assert codec.decode(body(mark, b"\x0e")) == 7
    unknown = refused(codec, body(b"\xc3\x01", b"12345678", b"\x0e"))
    assert unknown == (Reason.SCHEMA, "no schema in the folder has the fingerprint 3132333435363738")
    assert refused(codec, body(b"\xc3\x02", mark))[0] == Reason.DECODE
    assert refused(codec, body(mark[:9]))[0] == Reason.DECODE


def test_a_body_of_a_registry_is_read_with_the_schema_of_its_id(tmp_path: Path) -> None:
    """The file is called like the id; an unknown one, another mark and a torn one are refused."""
    stored(tmp_path, ORDER, "300.avsc")
    stored(tmp_path, "int", "1.avsc")
    codec = AvroCodec(AvroSettings(framing="registry", schema_folder=str(tmp_path)))
    assert codec.decode(body(b"\0\0\0\x01\x2c", written(ORDER, VALUE))) == VALUE
    assert codec.decode(body(b"\0\0\0\0\x01\x0e")) == 7
    assert refused(codec, body(b"\0\0\0\0\x02\x0e")) == (Reason.SCHEMA, "no schema in the folder has the id 2")
    assert refused(codec, body(b"\x01\0\0\0\x01\x0e"))[0] == Reason.DECODE
    assert refused(codec, body(b"\0\0\0"))[0] == Reason.DECODE


def test_a_reader_s_schema_renames_widens_drops_and_fills_in(tmp_path: Path) -> None:
    """And what it fills in belongs to one message alone."""
    reader = {
        "type": "record",
        "name": "shop.Order",
        "fields": [
            {"name": "number", "aliases": ["id"], "type": "double"},
            {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
        ],
    }
    codec = raw(tmp_path, ORDER, reader=reader)
    first, second = (codec.decode(body(written(ORDER, VALUE))) for _ in range(2))
    assert first == second == {"number": 7.0, "tags": []}
    assert isinstance(first, dict)
    first["tags"].append("mine")
    assert second != first
    assert codec.decode(body(written(ORDER, VALUE))) == second


def test_a_default_of_bytes_is_refused_at_the_start(tmp_path: Path) -> None:
    """It would be read as a text: the file, and the field to change."""
    reader = {**ORDER, "fields": [{"name": "seal", "type": ["bytes", "null"], "default": "\u00ff"}]}
    with pytest.raises(StartRefused, match=r"reader.avsc has a default for bytes: take it from seal"):
        raw(tmp_path, ORDER, reader=reader)


def test_what_the_reader_s_schema_cannot_take_is_refused(tmp_path: Path) -> None:
    """A field without a default that nobody wrote."""
    reader = {**ORDER, "fields": [{"name": "new", "type": "string"}]}
    assert refused(raw(tmp_path, ORDER, reader=reader), body(written(ORDER, VALUE)))[0] == Reason.SCHEMA


@pytest.mark.parametrize(
    ("schema", "datum", "reason"),
    [
        ("string", b"\x04a", Reason.DECODE),
        ("string", b"\x01", Reason.DECODE),
        ("string", b"\x02\xff", Reason.UNICODE),
        ("string", b"\x06\xed\xa0\x80", Reason.UNICODE),
        ("int", b"\x02\x02", Reason.DECODE),
        (["null", "int"], b"\x08", Reason.DECODE),
        ({"type": "array", "items": "null"}, b"\x80\xb4\x89\x13\0", Reason.SIZE),
        ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}, b"\x80\xb4\x89\x13\0", Reason.SIZE),
        ({"type": "array", "items": "null"}, b"\x02\x00" + b"\x02\x00", Reason.DECODE),
        ({"type": "array", "items": "null"}, b"\xff" * 10 + b"\x01", Reason.DECODE),
        ({"type": "map", "values": "int"}, b"\xc4\x9c\x01" + b"\0\0" * 10_018 + b"\0", Reason.KEYS),
        (LINK, b"\x02" * 100 + b"\0", Reason.DEPTH),
        (LINK, b"\x02" * 60, Reason.DECODE),
        (LINK, b"\x06", Reason.DECODE),
        ({"type": "record", "name": "Self", "fields": [{"name": "self", "type": "Self"}]}, b"\0", Reason.DEPTH),
    ],
)
def test_a_torn_or_unbounded_datum_is_refused(tmp_path: Path, schema: Any, datum: bytes, reason: Reason) -> None:
    """Cut short, too long, no text, a bomb of nothing, a type within itself without end."""
    assert refused(raw(tmp_path, schema), body(datum))[0] == reason


def test_a_type_within_itself_is_read_as_deep_as_allowed(tmp_path: Path) -> None:
    """64 levels, and not one more."""
    codec = raw(tmp_path, LINK)
    assert codec.decode(body(b"\x02" * 63 + b"\0"))
    assert refused(codec, body(b"\x02" * 64 + b"\0"))[0] == Reason.DEPTH


def values_of(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(values_of(one) for one in inner)


Drawn = tuple[Any, st.SearchStrategy[Any]]
SCHEMAS: list[Drawn] = [
    ("null", st.none()),
    ("long", st.integers(-(2**63), 2**63 - 1)),
    ("double", st.floats(allow_nan=False)),
    ("boolean", st.booleans()),
    ("string", st.text(max_size=5)),
    ("bytes", st.binary(max_size=5)),
]


@st.composite
def data(draw: st.DrawFn) -> tuple[Any, Any]:
    """A schema and a value of it."""
    names = iter(range(1_000))

    def schema(depth: int) -> Drawn:
        kind = draw(st.sampled_from(["plain", "array", "map", "record", "union"] if depth else ["plain"]))
        if kind == "plain":
            plain: Drawn = draw(st.sampled_from(SCHEMAS))
            return plain
        inner, values = schema(depth - 1)
        if kind == "array":
            return {"type": "array", "items": inner}, st.lists(values, max_size=4)
        if kind == "map":
            return {"type": "map", "values": inner}, st.dictionaries(st.text(max_size=3), values, max_size=4)
        if kind == "union" and not isinstance(inner, list) and inner != "null":
            return ["null", inner], st.none() | values
        other, others = schema(depth - 1)
        fields = [{"name": "a", "type": inner}, {"name": "b", "type": other}]
        record = {"type": "record", "name": f"R{next(names)}", "fields": fields}
        return record, st.fixed_dictionaries({"a": values, "b": others})

    made, values = schema(3)
    return made, draw(values)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data(), st.integers(1, 30))
def test_every_value_comes_back_and_both_ways_of_measuring_are_right(
    tmp_path: Path, drawn: tuple[Any, Any], most: int
) -> None:
    """What fastavro writes is read back; the walk counts what is there, and what is proven without it is so."""
    schema, value = drawn
    datum = written(schema, value)
    limits = DecodeLimits(max_nodes=most)
    file = schema_file("AVRO_SCHEMA_FILE", stored(tmp_path, schema))
    walk = Walk(datum, 0, DecodeLimits())
    walker(file.schema, file.named)(walk)
    assert (walk.at, walk._values) == (len(datum), values_of(value))
    assert not proven(bound(file.schema, file.named), len(datum), limits) or values_of(value) <= most
    if datum:
        codec = AvroCodec(AvroSettings(schema_file=str(file.path)), limits)
        if values_of(value) <= most:
            assert codec.decode(body(datum)) == value
        else:
            assert refused(codec, body(datum))[0] == Reason.SIZE


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    st.sampled_from([ORDER, LINK, {"type": "map", "values": {"type": "array", "items": ["null", "string"]}}]),
    st.binary(min_size=1, max_size=60),
)
def test_whatever_bytes_come_end_as_a_value_or_a_reason(tmp_path: Path, schema: Any, datum: bytes) -> None:
    """Nothing else is raised, with schemas that are proven and that are walked."""
    codec = raw(tmp_path, schema, DecodeLimits(max_nodes=40, max_depth=5))
    value: object = None
    with suppress(DecodeError):
        value = codec.decode(body(datum))
    assert values_of(value) <= 40


@pytest.mark.parametrize(
    ("given_settings", "words"),
    [
        ({}, "AVRO_SCHEMA_FILE is not set: CODEC=avro needs it with AVRO_FRAMING=raw"),
        ({"framing": "registry"}, "AVRO_SCHEMA_FOLDER is not set"),
        ({"schema_file": "a", "schema_folder": "b"}, "AVRO_SCHEMA_FOLDER is set, but AVRO_FRAMING=raw reads"),
        ({"schema_file": "{}/none.avsc"}, "none.avsc cannot be read: No such file"),
        ({"schema_file": "{}/torn.avsc"}, "torn.avsc is no schema of Avro: JSONDecodeError"),
        ({"schema_file": "{}/five.avsc"}, "five.avsc is no schema of Avro"),
        ({"schema_file": "{}/unknown.avsc"}, "unknown.avsc names a type that is not in the file: Nope"),
        ({"framing": "registry", "schema_folder": "{}"}, "call each schema by its id in the registry, such as 42.avsc"),
        ({"framing": "single-object", "schema_folder": "{}/empty"}, "there is no *.avsc in it"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(
    tmp_path: Path, given_settings: dict[str, str], words: str
) -> None:
    """With the variable, the file, and what to change."""
    for name, text in {"torn": "{", "five": "5", "unknown": '"Nope"'}.items():
        tmp_path.joinpath(f"{name}.avsc").write_text(text)
    filled = {key: text.replace("{}", str(tmp_path)) for key, text in given_settings.items()}
    with pytest.raises(StartRefused) as caught:
        make_codec("avro", settings=AvroSettings.model_validate(filled))
    assert words in str(caught.value)


def test_a_union_at_the_top_has_its_named_types(tmp_path: Path) -> None:
    """Each branch may be a record, and one may name another."""
    schema = [LINK, {"type": "record", "name": "Two", "fields": [{"name": "link", "type": "Link"}]}]
    codec = raw(tmp_path, schema)
    assert codec.decode(body(b"\x02\x02\0")) == {"link": {"next": {"next": None}}}
    assert refused(codec, body(b"\x02" + b"\x02" * 100 + b"\0"))[0] == Reason.DEPTH
