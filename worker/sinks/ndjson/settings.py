"""The settings of SINK=ndjson."""

from __future__ import annotations

from typing import Annotated, Final

from worker.plugins.setting import Section, Variable

STDOUT: Final = "-"


class NdjsonSettings(Section):
    """A file of lines."""

    path: Annotated[str, Variable("NDJSON_PATH", "a path, or `-` for standard output", single=True)] = STDOUT
    """The file of `SINK=ndjson`."""
