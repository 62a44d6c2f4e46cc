"""Schemas of the operator: takes a path, gives what fastavro reads with. Read once, at the start.

Logical types are left out, so that a value is what was written: a timestamp is its number. Ends in `StartRefused` with
the file and what is wrong with it; nothing of a message ever comes here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastavro.schema import SchemaParseException, UnknownType, fingerprint, parse_schema, to_parsing_canonical_form

from worker.errors import StartRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUFFIX: Final = ".avsc"
_IDS: Final = 2**32


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """One schema."""

    path: Path
    schema: Any
    """As fastavro has parsed it."""
    named: Mapping[str, Any]
    """The types in it that have a name, by their full names."""

    @property
    def mark(self) -> bytes:
        """Its fingerprint, as single-object encoding writes it."""
        return bytes.fromhex(fingerprint(to_parsing_canonical_form(self.schema), "CRC-64-AVRO"))


def schema_file(variable: str, path: str) -> SchemaFile:
    """The schema in the file at *path*, which *variable* names.

    Raises:
        StartRefused: there is none that can be read.
    """
    return _read(variable, Path(path))


def reader_file(variable: str, path: str) -> SchemaFile:
    """As `schema_file`, for a schema to read with.

    Raises:
        StartRefused: as there, or a field of bytes has a default, which fastavro would give as a text.
    """
    one = schema_file(variable, path)
    if fields := sorted({name for kind in (one.schema, *one.named.values()) for name in _defaults_of_bytes(kind)}):
        raise StartRefused(f"{variable}: {path} has a default for bytes: take it from {', '.join(fields)}")
    return one


def _defaults_of_bytes(schema: Any) -> Iterator[str]:
    """The fields of *schema* that are bytes and have a default."""
    for field in schema.get("fields", ()) if isinstance(schema, dict) else ():
        kind = field["type"][0] if isinstance(field["type"], list) else field["type"]
        kind = kind["type"] if isinstance(kind, dict) else kind
        if kind in ("bytes", "fixed") and "default" in field:
            yield field["name"]


def by_mark(variable: str, folder: str) -> dict[bytes, SchemaFile]:
    """The schemas of *folder* by the eight bytes of their fingerprints.

    Raises:
        StartRefused: there is none, or one that cannot be read.
    """
    return {one.mark: one for one in (_read(variable, path) for path in _in_folder(variable, folder))}


def by_id(variable: str, folder: str) -> dict[bytes, SchemaFile]:
    """The schemas of *folder* by the four bytes of the id that each is called by.

    Raises:
        StartRefused: there is none, one that cannot be read, or one that is called by no id.
    """
    found = dict[bytes, SchemaFile]()
    for path in _in_folder(variable, folder):
        name = path.stem
        if not (name.isascii() and name.isdigit() and int(name) < _IDS and name == str(int(name))):
            problem = f"call each schema by its id in the registry, such as 42{SUFFIX}"
            raise StartRefused(f"{variable} has {path}: {problem}")
        found[int(name).to_bytes(4)] = _read(variable, path)
    return found


def _in_folder(variable: str, folder: str) -> list[Path]:
    paths = sorted(Path(folder).glob(f"*{SUFFIX}"))
    if not paths:
        raise StartRefused(f"{variable} is '{folder}': there is no *{SUFFIX} in it")
    return paths


def _read(variable: str, path: Path) -> SchemaFile:
    try:
        named = dict[str, Any]()
        return SchemaFile(path, parse_schema(_plain(json.loads(path.read_bytes())), named_schemas=named), named)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnknownType as error:
        problem = f"names a type that is not in the file: {error}"
    except (SchemaParseException, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        problem = f"is no schema of Avro: {type(error).__name__}: {error}"
    raise StartRefused(f"{variable}: {path} {problem}")


def _plain(schema: Any) -> Any:
    """*schema* without its logical types; defaults and what else is no schema stay as they are."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: value for key, value in schema.items() if key != "logicalType"}
    for key in ("type", "items", "values"):
        if key in plain:
            plain[key] = _plain(plain[key])
    if isinstance(plain.get("fields"), list):
        plain["fields"] = [_plain(field) for field in plain["fields"]]
    return plain
