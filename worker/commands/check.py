"""`worker check`: the preflight against the real queue and the real sink, every line with its fix."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from worker.app import make_sink, open_queue
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
    """Look at the settings, the queue and the sink, and say what will hurt. Receives and writes no message."""
    environ: Mapping[str, str] = ctx.obj
    loaded = load(environ, config=config)
    found = asyncio.run(_examine_all(loaded))
    click.echo(as_document(found, loaded.notices) if as_json else as_lines(found, loaded.notices))
    refused = any(f.severity == "refuse" for findings in found.values() for f in findings)
    ctx.exit(REFUSED if refused else 0)


def as_document(found: Findings, notices: tuple[str, ...]) -> str:
    """The findings for machines."""
    pipelines = {name: [asdict(f) for f in findings] for name, findings in found.items()}
    return json.dumps({"pipelines": pipelines, "notices": list(notices)}, indent=2)


def as_lines(found: Findings, notices: tuple[str, ...]) -> str:
    """The findings for people: what, and below it what to do."""
    lines = [f"{'notice':7} {notice}" for notice in notices]
    for name, findings in found.items():
        lines.append(f"pipeline {name}")
        for f in findings:
            lines.append(f"  {f.severity:7} {f.check}: {f.finding}")
            lines += [f"  {'':7} → {f.fix}"] if f.fix else []
    return "\n".join(lines)


async def _examine_all(loaded: Loaded) -> Findings:
    limit, ways = memory_limit(), list[Way]()
    return {
        settings.name: await examine(
            settings, loaded.worker, open_queue=open_queue, make_sink=make_sink, memory_limit=limit, ways=ways
        )
        for settings in loaded.pipelines
    }
