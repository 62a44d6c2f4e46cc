"""What facts declare is what is booked, and a declaration that cannot be meant is refused where it stands."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar

import pytest
from prometheus_client import CollectorRegistry

from worker import facts
from worker.facts.counting import counter, gauge, uncounted
from worker.facts.fact import Fact, fact
from worker.telemetry.account import Accounts
from worker.telemetry.metrics.families import Families

if TYPE_CHECKING:
    from worker.facts.metric import Metric

Uncounted = facts.ReceiversChanged
"""The facts of these tests stand below it: those right below `Fact` are held against the list of all."""


def declared(*lines: object) -> tuple[Metric, ...]:
    """The metrics of a fact with *lines* above it, from the lowest up."""

    @fact(frozen=True, slots=True)
    class Sold(Uncounted):
        """An apple was sold."""

        shop: ClassVar[str] = "north"
        apples: int
        ripe: bool

    kind: type[Fact] = Sold
    for line in lines:
        assert callable(line)
        kind = line(kind)
    return kind.metrics


def test_every_fact_has_a_metric_or_says_why_not() -> None:
    """And not both; the account counts what is left."""
    undecided = {kind for kind in facts.KINDS if bool(kind.metrics) is bool(kind.uncounted)}
    assert undecided == {facts.DeliveriesSettled}
    assert undecided <= Accounts().kinds()


def test_lines_are_read_from_the_top() -> None:
    """The order of a page is the order above the fact."""
    upper, lower = counter("sales", "Sales."), counter("apples", "Apples.", adds="apples")
    assert [metric.name for metric in declared(lower, upper)] == ["sqs_worker_sales", "sqs_worker_apples"]


def test_a_fact_is_booked_in_each_of_its_metrics() -> None:
    """With a label of every sort: `pipeline`, a constant of the kind, a field; what is not given is not booked."""
    registry = CollectorRegistry(auto_describe=False)
    metrics = declared(
        counter("a", "A.", "shop", "ripe"),
        counter("b", "B.", adds="apples", given="ripe"),
        gauge("c", "C.", shows="apples"),
    )
    acts = Families(registry).acts(metrics)
    for apples, ripe in ((3, True), (4, False), (5, True)):
        for act in acts:
            act(SimpleNamespace(pipeline="p", shop="north", apples=apples, ripe=ripe))  # type: ignore[arg-type]
    found = {(s.name, *s.labels.values()): s.value for family in registry.collect() for s in family.samples}
    assert found == {
        ("sqs_worker_a_total", "p", "north", "yes"): 2.0,
        ("sqs_worker_a_total", "p", "north", "no"): 1.0,
        ("sqs_worker_b_total", "p"): 8.0,
        ("sqs_worker_c", "p"): 5.0,
    }


@pytest.mark.parametrize(
    "line",
    [
        counter("sales", "Sales.", "colour"),
        counter("sales", "Sales.", adds="colour"),
        counter("sales", "Sales.", given="colour"),
        gauge("sales", "Sales.", shows="colour"),
    ],
)
def test_what_a_fact_has_not_cannot_be_counted(line: object) -> None:
    """A slip of the pen ends the import, and names the fact and the metric."""
    with pytest.raises(TypeError, match="Sold has no colour, which sqs_worker_sales counts"):
        declared(line)


def test_two_families_of_one_name_are_refused() -> None:
    """Facts may share a family, but only the same one: other words or labels would be shown as one of the two."""
    families = Families(CollectorRegistry(auto_describe=False))
    same = declared(counter("sales", "Sales."))
    families.acts(same)
    families.acts(same)
    with pytest.raises(ValueError, match="sqs_worker_sales"):
        families.acts(declared(counter("sales", "Sold apples.")))


def test_an_uncounted_fact_says_why() -> None:
    """The reason is kept with the kind, and none of its kin has it."""

    @uncounted("apples are counted elsewhere")
    @fact(frozen=True, slots=True)
    class Eaten(Uncounted):
        """An apple was eaten."""

    assert (Eaten.uncounted, Fact.uncounted) == ("apples are counted elsewhere", "")
    assert Uncounted.uncounted.startswith("the gauge is read")
