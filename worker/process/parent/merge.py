"""Merge: the expositions of several processes as one, each sample with the label `process`.

Takes texts in Prometheus' format; gives families that exist once, however many processes have them, so that what is
exposed of them is valid. A text that cannot be read is told apart from one that is empty. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LABEL: Final = "process"


def read(text: str) -> list[Metric] | None:
    """The families of *text*; None when it is not Prometheus', or is cut off."""
    if not text.endswith("\n"):
        return None
    try:
        return list(text_string_to_metric_families(text))
    except ValueError:
        return None


def merge(families_of: Mapping[str, Iterable[Metric]]) -> list[Metric]:
    """One family out of all that have its name, in the order of first sight; a sample says which process it is of."""
    merged: dict[str, Metric] = {}
    for process, families in families_of.items():
        for family in families:
            into = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            into.samples += [s._replace(labels={**s.labels, LABEL: process}) for s in family.samples]
    return list(merged.values())
