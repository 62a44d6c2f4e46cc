"""The kinds of others (`crds/`) as JSON Schemas that refuse what a strict API server refuses: unknown fields too.

Takes a CustomResourceDefinition, gives a schema by `apiVersion` and `kind`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = Path(__file__).parent / "crds"
OBJECT_META: Final = {"type": "object", "required": ["name"]}
"""A definition leaves it to the server."""


@cache
def schemas() -> Mapping[tuple[str, str], dict[str, Any]]:
    """(apiVersion, kind) → schema, of every definition in the folder."""
    found = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        spec = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["spec"]
        for version in spec["versions"]:
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = OBJECT_META
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """As JSON Schema has it: OpenAPI's own words translated, and no field but those that are named."""
    made = {word: _inside(word, value) for word, value in schema.items() if not word.startswith("x-")}
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        made["type"] = ["integer", "string"]
        made.pop("anyOf", None)
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if "properties" in schema and not open_ended:
        made["additionalProperties"] = False
    if made.pop("nullable", False) and "type" in made:
        made["type"] = [made["type"], "null"]
    made.pop("format", None)
    return made


def _inside(word: str, value: Any) -> Any:
    if word == "properties":
        return {name: _strict(one) for name, one in value.items()}
    if word in {"items", "additionalProperties", "not"} and isinstance(value, dict):
        return _strict(value)
    if word in {"anyOf", "oneOf", "allOf"}:
        return [_loose(one) for one in value]
    return value


def _loose(schema: dict[str, Any]) -> dict[str, Any]:
    """A branch says what must be there, not what may: its fields are named beside it."""
    return {word: value for word, value in schema.items() if not word.startswith("x-")}
