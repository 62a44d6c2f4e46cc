"""Expressions of our rules and of the dashboard, and what they are made of. Takes files, gives trees; asks nobody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import promql_parser
import yaml

from tests.deploy.dashboard import queries
from tests.words.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES: Final = ROOT / "ecosystem" / "prometheus" / "rules"
_GRAFANA: Final = re.compile(r"\$__rate_interval")
_CHILDREN: Final = ("lhs", "rhs", "expr", "args", "vector_selector", "param")


def rules() -> list[dict[str, Any]]:
    """Every rule of every file, in order."""
    files = [yaml.safe_load(file.read_text()) for file in sorted(RULES.glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def expressions() -> list[tuple[str, str]]:
    """Where it stands and what it is, as Prometheus reads it."""
    of_rules = [(str(rule.get("alert") or rule["record"]), str(rule["expr"])) for rule in rules()]
    return [*of_rules, *((where, asked(query, interval="1m")) for where, query in queries())]


def asked(query: str, *, interval: str, everything: str = ".*") -> str:
    """A query of the dashboard as Grafana asks it, with all of every variable chosen."""
    return re.sub(r"\$(job|queue)\b", everything, _GRAFANA.sub(interval, query))


def nodes(expression: str) -> Iterator[Any]:
    """Every node of the tree of *expression*."""
    todo = [promql_parser.parse(expression)]
    while todo:
        node = todo.pop()
        yield node
        for name in _CHILDREN:
            child = getattr(node, name, None)
            todo += child if isinstance(child, list) else [] if child is None or isinstance(child, str) else [child]


def names(expression: str) -> set[str]:
    """The metrics that *expression* reads."""
    return {node.name for node in nodes(expression) if isinstance(node, promql_parser.VectorSelector) and node.name}


def labels(selector: Any) -> set[str]:
    """The labels that a vector selector matches on."""
    return {matcher.name for matcher in selector.matchers.matchers}
