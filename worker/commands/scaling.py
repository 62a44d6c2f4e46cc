"""`worker scaling`: how many workers, at which depth more, and when the backlog is gone; as patches of our files."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, get_args

import click

from worker.commands.options import json_option
from worker.deploy.arithmetic import lines
from worker.deploy.measured import Measured, measured
from worker.deploy.patches import WHERE, Platform, patch
from worker.deploy.quantities import count_of, per_second_of, seconds_of
from worker.deploy.scaling import Plan, Wishes, Worker, Workload, plan
from worker.telemetry.http.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

OK = 200


class Amount(click.ParamType[float]):
    """An option that is read by one of the functions of `deploy/quantities.py`."""

    def __init__(self, name: str, read: Callable[[str], float]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The amount, in messages, seconds or messages a second."""
        try:
            return self._read(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


RATE, SPAN, COUNT = Amount("rate", per_second_of), Amount("time", seconds_of), Amount("count", count_of)
WORKERS = click.IntRange(min=0)


@click.command("scaling")
@click.option("--status", "urls", metavar="URL", multiple=True, help="A running worker, http://HOST:9100; repeatable.")
@click.option("--pipeline", metavar="NAME", help="Which of its pipelines, if it has several.")
@click.option("--rate", type=RATE, help="What one worker does, such as 40/s; else measured by --status.")
@click.option("--in-flight", type=COUNT, help="Messages that one worker holds; else measured by --status.")
@click.option("--backlog", type=COUNT, help="Messages that wait; else measured by --status.")
@click.option("--incoming", type=RATE, help="What comes in, such as 600000/day; else measured by --status.")
@click.option("--peak", type=RATE, help="What comes in at the worst time.")
@click.option("--deadline", type=SPAN, help="Until when the backlog shall be gone, such as 14d.")
@click.option("--freshness", type=SPAN, default="5m", show_default=True, help="How long a message may wait.")
@click.option("--busy", type=click.FloatRange(0.1, 1), default=0.8, show_default=True, help="Share of the rate to use.")
@click.option("--target", type=COUNT, help="Messages a worker, if they are not to follow from --freshness.")
@click.option("--min", "minimum", type=WORKERS, help="Fewest workers; 0 if something else starts the first one.")
@click.option("--max", "maximum", type=click.IntRange(min=1), help="Most workers.")
@click.option("--patch", "only", type=click.Choice(get_args(Platform)), help="Only this patch; the rest to stderr.")
@json_option
def command(
    *,
    urls: Sequence[str],
    pipeline: str | None,
    only: Platform | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Compute replicas and autoscaling targets from measured rates and a deadline, and print them as patches."""
    seen = _measured(urls, pipeline) if urls else None
    made = _plan(given, seen)
    if as_json:
        click.echo(json.dumps(as_document(made), indent=2))
        return
    for line in [*_remarks(seen), *lines(made)]:
        click.echo(line, err=only is not None)
    if only is not None:
        click.echo(patch(made, only))
        return
    for platform, where in WHERE.items():
        click.echo(f"\n# {platform}: {where}\n{patch(made, platform)}")


def as_document(made: Plan) -> Mapping[str, object]:
    """The plan for machines; what never comes is null."""
    empty = {str(n): made.seconds_to_empty(n) for n in (made.minimum, made.maximum)}
    return {
        "min_workers": made.minimum,
        "max_workers": made.maximum,
        "workers_to_keep_up": made.steady,
        "messages_per_worker": made.target,
        "keda_queue_length": made.keda_target,
        "seconds_per_target": round(made.target_seconds, 3),
        "seconds_to_empty": {n: round(s) if math.isfinite(s) else None for n, s in empty.items()},
    }


def _plan(given: Mapping[str, Any], seen: Measured | None) -> Plan:
    rate = given["rate"] or (seen.rate if seen else None)
    if not rate:
        raise click.UsageError("the rate of one worker is not known: give --rate, or --status of a worker under load")
    load = Workload(
        incoming=given["incoming"] or (seen.incoming if seen else None) or 0.0,
        peak=given["peak"] or 0.0,
        backlog=given["backlog"] if given["backlog"] is not None else (seen.backlog if seen else None) or 0,
        deadline=given["deadline"] or math.inf,
    )
    held = given["in_flight"] if given["in_flight"] is not None else (seen.in_flight if seen else 0)
    wishes = Wishes(given["freshness"], given["target"] or None, given["minimum"], given["maximum"])
    try:
        return plan(load, Worker(rate, held, given["busy"]), wishes)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _measured(urls: Sequence[str], pipeline: str | None) -> Measured:
    try:
        return measured([_document(url) for url in urls], pipeline)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _document(url: str) -> Mapping[str, Any]:
    try:
        status, body = fetch(url.rstrip("/").removesuffix("/status"), "/status")
    except OSError as error:
        why = getattr(error, "reason", error)
        raise click.ClickException(f"no answer from {url}: {why}; start the worker, or name its METRICS_PORT") from None
    if status != OK:
        raise click.ClickException(f"{url} answers {status}: it is no worker's /status")
    document: Mapping[str, Any] = json.loads(body)
    return document


def _remarks(seen: Measured | None) -> Iterator[str]:
    if seen is None:
        return
    yield f"measured on {seen.workers} worker{'' if seen.workers == 1 else 's'}: the rate while there is work"
    if seen.idle:
        yield (
            "note: it waits for messages, and with batches that are never full it may be quicker than it looks; measure"
            " while messages wait, or give --rate"
        )
