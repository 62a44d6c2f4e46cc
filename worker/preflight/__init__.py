"""Preflight: what in the settings and the queue's own attributes will hurt later, found before anything is received.

`inspect` takes settings and attributes and gives findings, each with what to change; it asks nobody. `examine` asks the
real queue and sink first. `refuse` means that messages would be lost or the pipeline would stand still, `warn` that it
will cost time, money or sleep.
"""

from __future__ import annotations

from worker.plugins.finding import Finding, Severity
from worker.preflight.circles import Way, circle, way_of
from worker.preflight.examine import examine
from worker.preflight.inspect import inspect
from worker.preflight.memory import bytes_for, memory_limit

__all__ = ["Finding", "Severity", "Way", "bytes_for", "circle", "examine", "inspect", "memory_limit", "way_of"]
