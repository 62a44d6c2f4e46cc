"""The reference of all settings as Markdown, from the fields themselves: `docs/settings.md` is this text.

Takes nothing and gives the page. A test holds the file to it, so that the two cannot drift apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from worker.codecs.registry import CODECS
from worker.plugins.setting import settings_of
from worker.settings.names import RESERVED
from worker.settings.pipeline import PipelineSettings
from worker.settings.worker import WorkerSettings
from worker.sinks.registry import SINKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.codecs.plugin import CodecPlugin
    from worker.plugins.setting import Section, Setting
    from worker.sinks.plugin import SinkPlugin

_START: Final = """\
# Settings

For those who configure a worker: every setting, its values and its default. (Written by `worker config --markdown >
docs/settings.md`; change the fields, not this page: they are in `worker/settings/`, and in the `settings.py` of each
sink and codec.)

Every setting is an environment variable. A `worker.toml` says the same in tables: `[worker]` for the worker,
`[pipelines.NAME]` for each queue, with the keys below. `worker config` shows every value and where it came from.

- The environment wins over the file, for every pipeline of it; only a region in the file wins over `AWS_REGION`, which
  platforms set for every program.
- Without a file, or without pipelines in it, the environment describes one pipeline named `default`.
- With several pipelines, variables that name one pipeline's own things (marked ¹) are refused: set
  them in the file, in their pipeline.
- A variable that is empty counts as not set. A misspelt variable under our prefixes is refused; an unknown one is named
  in a notice and ignored.
- All problems are reported at once, before anything starts, with exit code 2.

```toml
# worker.toml
[worker]
drain_seconds = 25

[pipelines.thumbnails]
queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/thumbnail-generation"
handler = "thumbnails:handle"
handler_timeout_seconds = 120
concurrency = 16

[pipelines.analytics]
queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/analytics"
sink = "sqlite"
sqlite_path = "analytics.sqlite"
```

`handler` names a function of a module beside the file, or of an installed one:

```python
# thumbnails.py
from worker import Message


def handle(message: Message) -> None:
    print("a thumbnail of", message.value["picture"])
```

```sh
worker run    # reads ./worker.toml; --config or WORKER_CONFIG name another file
```
"""

_SINKS: Final = """
## The sinks

A sink's own settings stand in the environment, or in a table of the pipeline; or beside the pipeline's other settings,
under the variable's name in small letters:

```toml
# worker.toml
[pipelines.analytics]
queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/analytics"

[pipelines.analytics.sink]   # the same as sink = "sqlite" and sqlite_path = "analytics.sqlite"
type = "sqlite"
path = "analytics.sqlite"
```

Those of a sink that is not chosen are named in a notice and not used; a value that could never be right is refused all
the same. `SINK` may also name a sink of somebody else, whose settings are read, checked and shown like these: by the
name under which it was installed, or by its place, such as `shop.sinks:KAFKA` for the object `KAFKA` of a module
`shop/sinks.py` in the working folder.
"""

_CODECS: Final = """
## The codecs

As the sinks, in `[pipelines.NAME.codec]`.
"""

_LATER: Final = """
## Known, for sinks that are not part of this version

Set without their sink they are named in a notice and otherwise ignored.

| variable | sink |
|---|---|
"""


def manual() -> str:
    """The whole page."""
    return "".join(
        [
            _START,
            *_section("## The worker: `[worker]`", WorkerSettings),
            *_section("## A pipeline: `[pipelines.NAME]`", PipelineSettings),
            _SINKS,
            *(text for plugin in SINKS.ours() for text in _sink(plugin)),
            _CODECS,
            *(text for plugin in CODECS.ours() for text in _codec(plugin)),
            *([_LATER] if RESERVED else []),
            *(f"| `{name}` | {sink} |\n" for name, sink in RESERVED.items()),
        ]
    )


def _sink(plugin: SinkPlugin[Any]) -> Iterator[str]:
    """One sink: where messages go, what that guarantees, and its settings."""
    guarantee = plugin.guarantee
    key = f", on {guarantee.key}" if guarantee.key else ""
    prose = f"{plugin.summary} *{guarantee.kind.capitalize()}*{key}: {guarantee.words}. [Its page]({plugin.page})."
    yield from _section(f"### `SINK={plugin.name}`", plugin.settings, prose, of_part="sink")


def _codec(plugin: CodecPlugin[Any]) -> Iterator[str]:
    prose = f"{plugin.summary} [Its page]({plugin.page})." if plugin.page else plugin.summary
    yield from _section(f"### `CODEC={plugin.name}`", plugin.settings, prose, of_part="codec")


def _section(title: str, model: type[Section], prose: str = "", of_part: str = "") -> Iterator[str]:
    yield f"\n{title}\n" + (f"\n{prose}\n" if prose else "")
    settings = list(settings_of(model))
    if settings:
        own = f" in `[pipelines.NAME.{of_part}]`" if of_part else ""
        yield f"\n| variable | key{own} | values | default | meaning |\n|---|---|---|---|---|\n"
        yield from (_row(setting) for setting in settings)


def _row(setting: Setting) -> str:
    names = ", else ".join(f"`{name}`" for name in (setting.variable.name, *setting.variable.also))
    default = setting.default if setting.in_words else f"`{setting.default}`"
    mark = " ¹" if setting.variable.single else ""
    key = "" if setting.field == "config" else f"`{setting.field}`"
    return f"| {names}{mark} | {key} | {setting.expects} | {default} | {setting.description} |\n"
