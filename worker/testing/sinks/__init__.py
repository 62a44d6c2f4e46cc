"""The conformance suite for sinks: what the worker relies on, whatever the destination.

Make a class of it, give it the fixture `case`, and pytest runs everything::

    class TestMySink(SinkConformance):
        @pytest.fixture
        def case(self, tmp_path: Path) -> Case:
            path = tmp_path / "rows"
            return Case(
                name="mine",
                make=lambda: PLUGIN.make(MySettings(path=str(path)), make_context()),
                keys=lambda: path.read_text().split(),
                guarantee=PLUGIN.guarantee,
                ordered=True,
                child=Child("my_package.sink:MySink", (str(path),)),
                refused=lambda: MySink(str(path / "no" / "such" / "folder")),
                cannot={"bad": "every value can be stored", …},
            )

`Case` says what else it may be given; what your destination cannot do needs a reason in `cannot`, and the tests that
need it are skipped with that reason. Failures say the promise and what was seen.

Promised to other packages: these names, the fields of `Case` and the meaning of each test stay through all releases
with the same first two numbers. A new release may add tests, and abilities that a case has to give or excuse; the
changelog names them.
"""

from __future__ import annotations

from worker.testing.sinks.batches import Batches
from worker.testing.sinks.case import ABILITIES, Case, Child
from worker.testing.sinks.context import make_context
from worker.testing.sinks.kills import Kills
from worker.testing.sinks.lives import Lives
from worker.testing.sinks.refusals import Refusals
from worker.testing.sinks.troubles import Troubles

__all__ = ["ABILITIES", "Case", "Child", "SinkConformance", "make_context"]


class SinkConformance(Batches, Refusals, Troubles, Lives, Kills):
    """Every test of the contract. Give it a fixture `case`."""
