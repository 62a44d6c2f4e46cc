"""The definition of a table over the files, for Athena: read as they are there, no partition has to be added. Pure.

Partitions are *projected*: Athena computes the folders from the query. The second statement is the view that has each
message once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from worker.sinks.parts.part import Format
    from worker.sinks.s3.layout import Partition

NAME: Final = "_table.sql"
"""Readers of folders leave out what begins with `_`."""

_MOMENTS: Final[dict[Format, str]] = {"ndjson": "double", "parquet": "timestamp", "avro": "timestamp"}
_STORED: Final[dict[Format, str]] = {
    "ndjson": "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'",
    "parquet": "STORED AS PARQUET",
    "avro": "STORED AS AVRO",
}
_ONCE: Final = """\
CREATE OR REPLACE VIEW TABLE_once AS
SELECT * FROM (
  SELECT *, row_number() OVER (PARTITION BY message_id ORDER BY received_at) AS copy
  FROM TABLE
) WHERE copy = 1;
"""
_FOLDERS: Final[dict[Partition, tuple[str, ...]]] = {"hour": ("dt", "hour"), "day": ("dt",), "none": ()}
_PROJECTIONS: Final = {
    "dt": {"type": "date", "format": "yyyy-MM-dd", "range": "2020-01-01,NOW+1DAYS"},
    "hour": {"type": "integer", "range": "0,23", "digits": "2"},
}


def definition(table: str, location: str, kind: Format, partition: Partition) -> str:
    """The statements for *table* over `s3://` *location*, which ends with a slash."""
    folders = _FOLDERS[partition]
    columns = ",\n".join(f"  `{name}` {type_}" for name, type_ in _columns(_MOMENTS[kind]))
    partitioned = f"PARTITIONED BY ({', '.join(f'`{name}` string' for name in folders)})\n" if folders else ""
    properties = _properties(location, folders)
    made = f"CREATE EXTERNAL TABLE IF NOT EXISTS `{table}` (\n{columns}\n)\n{partitioned}{_STORED[kind]}\n"
    return f"{made}LOCATION '{location}'\n{properties};\n\n{_ONCE.replace('TABLE', table)}"


def _columns(moment: str) -> list[tuple[str, str]]:
    return [
        ("message_id", "string"),
        ("body", "string"),
        ("sent_at", moment),
        ("received_at", moment),
        ("receive_count", "int"),
        ("group_id", "string"),
        ("attributes", "string"),
    ]


def _properties(location: str, folders: tuple[str, ...]) -> str:
    if not folders:
        return "TBLPROPERTIES ('projection.enabled'='false')"
    lines = {"projection.enabled": "true"}
    for name in folders:
        lines |= {f"projection.{name}.{key}": value for key, value in _PROJECTIONS[name].items()}
    lines["storage.location.template"] = location + "".join(f"{name}=${{{name}}}/" for name in folders)
    return "TBLPROPERTIES (\n" + ",\n".join(f"  '{key}'='{value}'" for key, value in lines.items()) + "\n)"
