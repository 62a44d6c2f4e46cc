"""An installed package of somebody else, as it lies in a folder of the module path."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SINK = '''
    from __future__ import annotations
    from typing import Annotated
    from pydantic import Field, SecretStr
    from worker.sinks import Demand, Guarantee, Rule, Section, SinkPlugin, Variable, Whole

    class LogSettings(Section):
        """A log."""

        topic: Annotated[str, Variable("SHOP_LOG_TOPIC", "a topic")]
        """Where lines go."""
        password: Annotated[SecretStr | None, Variable("SHOP_LOG_PASSWORD", "a password", secret=True)] = None
        """Of the log."""
        acks: Annotated[Whole, Variable("SHOP_LOG_ACKS"), Field(ge=0, le=3)] = 1
        """How many replicas confirm."""

    class LogSink:
        demand = Demand()

        def __init__(self, topic):
            self.topic = topic

        async def open(self):
            pass

        async def write(self, records):
            with open(self.topic, "a") as file:
                file.writelines(f"{record.key}\\n" for record in records)
            return [None] * len(records)

        async def close(self):
            pass

    def _acks(chosen, called):
        if chosen.settings.acks > chosen.pipeline.concurrency:
            return f"{called('acks')} is more than {called('pipeline.concurrency')}"

    LOG = SinkPlugin(
        name="shop-log",
        summary="A line for each message, in the log of the shop.",
        settings=LogSettings,
        make=lambda settings, context: LogSink(settings.topic),
        guarantee=Guarantee("at least once", "a redelivery is another line"),
        rules=(Rule(frozenset({"acks", "pipeline.concurrency"}), _acks),),
        notices=lambda settings: [f"{settings.topic} is a fine topic"],
    )
'''
CODEC = """
    from typing import Annotated
    from worker.codecs import CodecPlugin, Section, Variable

    class UpperSettings(Section):
        end: Annotated[str, Variable("SHOP_UPPER_END", "a text")] = "!"

    class Upper:
        name = "upper"

        def __init__(self, settings):
            self.end = settings.end

        def decode(self, body):
            return body.upper() + self.end

    UPPER = CodecPlugin(
        name="shop-upper",
        summary="Capitals.",
        settings=UpperSettings,
        make=lambda settings, limits: Upper(settings),
    )
"""
ENTRY_POINTS = """
    [sqs_worker.sinks]
    shop-log = shop.sinks:LOG

    [sqs_worker.codecs]
    shop-upper = shop.codecs:UPPER
"""


def install(folder: Path, *, package: str = "shop", entry_points: str = ENTRY_POINTS, **modules: str) -> None:
    """Put the modules of *package* into *folder*, with what an installer writes beside them."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").touch()
    for name, text in ({"sinks": SINK, "codecs": CODEC} | modules).items():
        (folder / package / f"{name}.py").write_text(dedent(text), encoding="utf-8")
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(dedent(entry_points), encoding="utf-8")
