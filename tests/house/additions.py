"""Five parts as a newcomer would add them to a copy of the tree: a sink, a codec, a setting, a metric and a command.

Each takes the copy and changes it by the table of docs/contributing.md, the page that is written by programs included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.house.copied import Copy

SINK: Final = {
    "__init__.py": '"""SINK=tally: counts in a file."""\n',
    "settings.py": '''"""The settings of SINK=tally."""

from __future__ import annotations

from typing import Annotated

from worker.plugins.setting import Section, Variable


class TallySettings(Section):
    """A file of names."""

    path: Annotated[str, Variable("TALLY_PATH", "a path")] = "tally.txt"
    """The file of `SINK=tally`, a line for each message."""
''',
    "sink.py": '''"""Tally: takes batches of messages, appends what `who` says in each to a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from worker.outcome import Rejected
from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message


class TallySink:
    """*At least once*: a redelivery is counted again."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    @property
    def demand(self) -> Demand:
        """One writer: lines do not mix."""
        return Demand(max_writers=1)

    async def open(self) -> None:
        """Make the file."""
        await asyncio.to_thread(self._append, "")

    async def write(self, records: Sequence[Message]) -> Sequence[Rejected | None]:
        """Append a line for each; a message that says nobody is rejected."""
        names = [record.value.get("who") if isinstance(record.value, dict) else None for record in records]
        await asyncio.to_thread(self._append, "".join(f"{name}\\n" for name in names if name))
        return [None if name else Rejected("nobody", "no `who` in it") for name in names]

    async def close(self) -> None:
        """Nothing is kept open."""

    def _append(self, lines: str) -> None:
        with self._path.open("a") as file:
            file.write(lines)
''',
    "plugin.py": '''"""SINK=tally, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.sinks.plugin import Guarantee, SinkPlugin
from worker.sinks.tally.settings import TallySettings

if TYPE_CHECKING:
    from worker.sinks.plugin import SinkContext
    from worker.sinks.sink import Sink


def _make(settings: TallySettings, _context: SinkContext) -> Sink:
    from worker.sinks.tally.sink import TallySink  # noqa: PLC0415 - as every sink

    return TallySink(settings.path)


PLUGIN: Final = SinkPlugin(
    name="tally",
    summary="A line for each message, with its `who`.",
    settings=TallySettings,
    make=_make,
    guarantee=Guarantee("at least once", "a redelivery is counted again"),
    page="sinks/tally.md",
)
''',
}
SINK_PAGE: Final = """# Tally

For those who count who has sent something: `SINK=tally` appends `who` of each message to the file `TALLY_PATH`.

At least once: a redelivery is counted again. A message without `who` is rejected (`nobody`).
"""
CODEC: Final = {
    "__init__.py": '"""CODEC=pairs: `who=Ann;item=tea`."""\n',
    "codec.py": '''"""Pairs: takes a body such as `who=Ann;item=tea`, gives texts by name. Ends in `DecodeError`."""

from __future__ import annotations

from worker.codecs.codec import DecodeLimits, Reason
from worker.codecs.precheck import utf8
from worker.errors import DecodeError


class PairsCodec:
    """Names and values. Stateless after construction."""

    name: str = "pairs"

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits

    def decode(self, body: str) -> dict[str, str]:
        """The pairs of *body*; see the protocol."""
        utf8(body, self._limits)
        pairs = [part.partition("=") for part in body.split(";")]
        if not all(equals for _, equals, _ in pairs):
            raise DecodeError(Reason.DECODE, "a part without `=`")
        return {name: value for name, _, value in pairs}
''',
    "plugin.py": '''"""CODEC=pairs, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.codecs.plugin import CodecPlugin, NoSettings

if TYPE_CHECKING:
    from worker.codecs.codec import Codec, DecodeLimits


def _make(_settings: NoSettings, limits: DecodeLimits) -> Codec:
    from worker.codecs.pairs.codec import PairsCodec  # noqa: PLC0415 - only who decodes pays for it

    return PairsCodec(limits)


PLUGIN: Final = CodecPlugin(name="pairs", summary="Names and values.", settings=NoSettings, make=_make)
''',
}
SETTING: Final = '''    site: Annotated[str, Variable("WORKER_SITE", "a name"), Field(pattern=r"^[a-z]+$")] = "nowhere"
    """The building that this worker stands in."""

'''
METRIC: Final = '@counter("messages_asked", "Messages that receives asked for.", adds="asked")\n'
COMMAND: Final = '''"""`worker variables`: what the environment may say."""

from __future__ import annotations

import click

from worker.settings.names import KNOWN


@click.command("variables")
def command() -> None:
    """List the variables that are read."""
    for name in KNOWN:
        click.echo(name)
'''
COMMAND_LINE: Final = '    "variables": "List the variables that are read.",\n'


def add_sink(copy: Copy) -> None:
    """A folder and its page."""
    for name, text in SINK.items():
        copy.write(f"worker/sinks/tally/{name}", text)
    copy.write("docs/sinks/tally.md", SINK_PAGE)
    _write_settings_page(copy)


def add_codec(copy: Copy) -> None:
    """A folder."""
    for name, text in CODEC.items():
        copy.write(f"worker/codecs/pairs/{name}", text)
    _write_settings_page(copy)


def add_setting(copy: Copy) -> None:
    """A field."""
    copy.insert("worker/settings/worker.py", SETTING, before="    report_seconds: ")
    _write_settings_page(copy)


def add_metric(copy: Copy) -> None:
    """A line above its fact."""
    copy.insert("worker/facts/receiving.py", METRIC, before='@counter("receive_calls"')
    copy.python("-m", "tests.words.exposition")


def add_command(copy: Copy) -> None:
    """A file and a line."""
    copy.write("worker/commands/variables.py", COMMAND)
    copy.insert("worker/cli.py", COMMAND_LINE, before='    "health": ')


def _write_settings_page(copy: Copy) -> None:
    copy.root.joinpath("docs", "settings.md").write_text(copy.python("-m", "worker", "config", "--markdown"))
