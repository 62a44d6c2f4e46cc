"""The settings of CODEC=avro."""

from __future__ import annotations

from typing import Annotated, Literal

from worker.plugins.setting import Section, Variable

Framing = Literal["raw", "single-object", "registry"]


class AvroSettings(Section):
    """Schemas, and how a body names its own."""

    framing: Annotated[Framing, Variable("AVRO_FRAMING")] = "raw"
    """What stands before the datum: nothing, Avro's own mark with the fingerprint of its schema, or the five bytes of a
    schema registry."""

    schema_file: Annotated[str | None, Variable("AVRO_SCHEMA_FILE", "a path")] = None
    """The schema of all bodies, with `AVRO_FRAMING=raw`."""

    schema_folder: Annotated[str | None, Variable("AVRO_SCHEMA_FOLDER", "a path")] = None
    """The folder of the schemas, `*.avsc`, with the two other framings; for `registry` each is called like its id, such
    as `42.avsc`."""

    reader_file: Annotated[str | None, Variable("AVRO_READER_FILE", "a path")] = None
    """The schema that values are to have, whatever they were written with. If it is not set: the writer's."""
