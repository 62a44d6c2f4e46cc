"""`worker check`: the preflight against the real queue and the real sink, every line with its fix."""

from __future__ import annotations

import asyncio
import json
import shutil
import textwrap
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from worker.app.build import make_sink, open_queue
from worker.commands.options import config_option, json_option
from worker.preflight import Finding, Way, examine, memory_limit
from worker.settings import Loaded, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Findings = dict[str, list[Finding]]
"""Pipeline → what was found."""
REFUSED = 3


@click.command("check")
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool, config: Path | None) -> None:
    """Check settings, queue and sink; each finding comes with its fix. Receives nothing and writes nothing."""
    environ: Mapping[str, str] = ctx.obj
    loaded = load(environ, config=config)
    found = asyncio.run(_examine_all(loaded))
    click.echo(as_document(found, loaded.notices) if as_json else as_lines(found, loaded.notices, width=_columns()))
    refused = any(f.severity == "refuse" for findings in found.values() for f in findings)
    ctx.exit(REFUSED if refused else 0)


def as_document(found: Findings, notices: tuple[str, ...]) -> str:
    """The findings for machines."""
    pipelines = {name: [asdict(f) for f in findings] for name, findings in found.items()}
    return json.dumps({"pipelines": pipelines, "notices": list(notices)}, indent=2)


def as_lines(found: Findings, notices: tuple[str, ...], *, width: int = 100) -> str:
    """The findings for people, in lines of at most *width*: what, below it what to do, and at the end one sentence."""
    lines = [line for notice in notices for line in _wrapped(f"{'notice':7} ", notice, width)]
    for name, findings in found.items():
        lines.append(f"pipeline {name}")
        for f in findings:
            lines += _wrapped(f"  {f.severity:7} ", f"{f.check}: {f.finding}", width)
            lines += _wrapped(f"  {'':7} → ", f.fix, width) if f.fix else []
    return "\n".join([*lines, "", *_wrapped("", summary(found), width)])


def _wrapped(head: str, text: str, width: int) -> list[str]:
    """*text* behind *head*, broken between words; what is longer than a line, such as a URL, stays whole."""
    return textwrap.wrap(
        text,
        max(width, len(head) + 20),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def summary(found: Findings) -> str:
    """What all of it means."""
    severities = Counter(f.severity for findings in found.values() for f in findings)
    warned = severities["warn"]
    warnings = f"{warned} warning{'' if warned == 1 else 's'}" if warned else "no warning"
    if severities["refuse"]:
        return f"The worker would not start: {severities['refuse']} of {severities.total()} checks refuse, {warnings}."
    return f"The worker can start: {severities.total()} checks, {warnings}."


def _columns() -> int:
    return shutil.get_terminal_size((100, 24)).columns


async def _examine_all(loaded: Loaded) -> Findings:
    limit, ways = memory_limit(), list[Way]()
    return {
        settings.name: await examine(
            settings, loaded.worker, open_queue=open_queue, make_sink=make_sink, memory_limit=limit, ways=ways
        )
        for settings in loaded.pipelines
    }
