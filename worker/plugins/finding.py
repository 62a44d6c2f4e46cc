"""One answer of the preflight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["refuse", "warn", "ok"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    """The check's name, from a closed set."""
    severity: Severity
    finding: str
    fix: str = ""
    """What to change; empty if all is well."""
