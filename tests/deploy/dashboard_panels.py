"""The panels of the dashboard: what each asks and how it is drawn, row by row. `dashboard.py` makes the document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it asks, and how it is drawn."""

    title: str
    queries: tuple[tuple[str, str], ...]
    """Expression and legend."""
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 7
    help: str = ""


def stat(title: str, query: str, unit: str = "short", help_: str = "") -> Panel:
    """One large number."""
    return Panel(title, ((query, "{{queue}}"),), unit, "stat", 4, 4, help_)


J: Final = 'job=~"$job"'
Q: Final = 'job=~"$job",queue=~"$queue"'
WHO: Final = "{{instance}} {{process}}"


def _by(by: str, what: str, *, how: str = "sum") -> str:
    """*what* of each pipeline, gathered for the chosen queues: all deployments may have a pipeline of one name."""
    of = f"sqs_worker_pipeline_info{{{Q}}}"
    return f"{how} by ({by}) ({what} * on (job, instance, process, pipeline) group_left (queue) {of})"


def _rate(family: str, by: str) -> str:
    return _by(by, f"rate({family}{{{J}}}[$__rate_interval])")


def _quantiles(family: str) -> tuple[tuple[str, str], ...]:
    of = _rate(f"{family}_bucket", "le")
    return tuple((f"histogram_quantile({share}, {of})", f"p{share * 100:g}") for share in (0.5, 0.95, 0.99))


KEEPING_UP: Final = (
    stat("Waiting", f'max by (queue) (sqs_queue_messages{{{Q},state="visible"}})'),
    stat("Oldest", f"max by (queue) (job_queue:sqs_worker_oldest_message_age_seconds:max{{{Q}}})", "s"),
    stat(
        "Empty in",
        f'max by (queue) (job_queue_bound:sqs_worker_drain_seconds:max{{{Q},bound="expected"}})',
        "s",
        "If it goes on as in the last minutes; infinite: it does not shrink.",
    ),
    stat("Done in an hour", f"{_rate('sqs_worker_messages_deleted_total', 'queue')} * 3600"),
    stat("Dead letters", f"sum by (queue) (job_queue:sqs_dead_letter_queue_messages:max{{{J}}})"),
    stat("Workers", f"count(count by (instance) (sqs_worker_build_info{{{J}}}))"),
    Panel("Depth", ((f"max by (queue, state) (sqs_queue_messages{{{Q}}})", "{{queue}} {{state}}"),)),
    Panel(
        "Sent and done",
        (
            (f"sum by (queue) (job_queue:sqs_queue_arrivals:rate5m{{{Q}}})", "{{queue}} sent"),
            (f"sum by (queue) (job_queue:sqs_worker_messages_deleted:rate5m{{{Q}}})", "{{queue}} done"),
        ),
        "mps",
        help="Messages a second. Sent: what the queue grew by, and what all workers took out.",
    ),
    Panel(
        "Time until it is empty",
        ((f"max by (queue, bound) (job_queue_bound:sqs_worker_drain_seconds:max{{{Q}}})", "{{queue}} {{bound}}"),),
        "s",
        help="95 of 100 guesses lie between soonest and latest.",
    ),
    Panel(
        "Oldest message, and what is left of its retention",
        (
            (f"max by (queue) (job_queue:sqs_worker_oldest_message_age_seconds:max{{{Q}}})", "{{queue}} oldest"),
            (f"min by (queue) (job_queue:sqs_worker_retention_left_seconds:min{{{Q}}})", "{{queue}} left"),
        ),
        "s",
    ),
    Panel(
        "Late messages",
        (
            (f"max by (queue) (job_queue:sqs_messages_late:ratio_rate5m{{{Q}}})", "{{queue}} 5 minutes"),
            (f"max by (queue) (job_queue:sqs_messages_late:ratio_rate1h{{{Q}}})", "{{queue}} 1 hour"),
            (f"max by (queue) (job_queue:sqs_messages_late:ratio_rate6h{{{Q}}})", "{{queue}} 6 hours"),
        ),
        "percentunit",
        help="Share that was written too late (300 s, or what thresholds.yml says). 1 % is promised over 30 days.",
    ),
    Panel(
        "Worker-seconds that wait",
        ((f"max by (queue) (job_queue:sqs_worker_backlog_seconds:fleet{{{Q}}})", "{{queue}}"),),
        "s",
        help="Divided by the seconds in which the queue shall be empty: the number of processes that takes.",
    ),
)
HEALTHY: Final = (
    Panel(
        "Failures",
        (
            (_rate("sqs_worker_messages_retried_total", "queue"), "{{queue}} retried"),
            (_rate("sqs_worker_messages_rejected_total", "queue"), "{{queue}} rejected"),
        ),
        "mps",
    ),
    Panel("Retries by reason", ((_rate("sqs_worker_retries_total", "queue, reason"), "{{queue}} {{reason}}"),)),
    Panel("Rejections by reason", ((_rate("sqs_worker_rejections_total", "queue, reason"), "{{queue}} {{reason}}"),)),
    Panel("Dead letters", ((f"sum by (queue) (job_queue:sqs_dead_letter_queue_messages:max{{{J}}})", "{{queue}}"),)),
    Panel(
        "Alive, ready, sink there",
        (
            (f"min by (job) (sqs_worker_live{{{J}}})", "{{job}} alive"),
            (f"min by (job) (sqs_worker_ready{{{J}}})", "{{job}} ready"),
            (_by("queue", f"sqs_worker_sink_available{{{J}}}", how="min"), "{{queue}} sink"),
        ),
        help="The least of all workers: 0 if one of them says no.",
    ),
    Panel("Requests to SQS by their end", ((_rate("sqs_worker_api_requests_total", "code"), "{{code}}"),), "reqps"),
    Panel(
        "Leases",
        (
            (f"{_rate('sqs_worker_visibility_extensions_total', 'queue')} or vector(0)", "{{queue}} renewed"),
            (f"{_rate('sqs_worker_leases_lost_total', 'queue')} or vector(0)", "{{queue}} lost"),
        ),
        "mps",
    ),
    Panel("Event loop lag", ((f"max by (instance, process) (sqs_worker_event_loop_lag_seconds{{{J}}})", WHO),), "s"),
    Panel("Restarts in 30 minutes", ((f"changes(process_start_time_seconds{{{J}}}[30m])", WHO),)),
    Panel(
        "Alerts",
        (('ALERTS{alertname=~"Sqs.*"} or vector(0)', "{{alertname}} {{alertstate}} {{queue}} {{instance}}"),),
        width=24,
        height=5,
    ),
)
BOTTLENECK: Final = (
    Panel(
        "Share of time by stage",
        ((_by("stage", f"sqs_worker_time_share{{{J}}}", how="avg"), "{{stage}}"),),
        "percentunit",
        help="docs/performance.md says of whose time, and what to do about each.",
    ),
    Panel("Writing one batch", _quantiles("sqs_worker_sink_write_duration_seconds"), "s"),
    Panel("From sent to written", _quantiles("sqs_worker_message_end_to_end_seconds"), "s"),
    Panel("From sent to received", _quantiles("sqs_worker_message_queue_latency_seconds"), "s"),
    Panel(
        "Rows of a batch",
        (
            (
                " / ".join(_rate(f"sqs_worker_sink_batch_rows_{part}", "queue") for part in ("sum", "count")),
                "{{queue}} mean",
            ),
            (_by("queue", f"sqs_worker_batch_rows_limit{{{J}}}", how="avg"), "{{queue}} most"),
        ),
    ),
    Panel(
        "In flight by stage",
        (
            (_by("stage", f"sqs_worker_messages_in_flight{{{J}}}"), "{{stage}}"),
            (f"sum({_by('queue', f'sqs_worker_in_flight_limit{{{J}}}')})", "limit"),
        ),
    ),
    Panel(
        "Receives by how full they came", ((_rate("sqs_worker_receive_calls_total", "result"), "{{result}}"),), "reqps"
    ),
    Panel(
        "Requests to SQS, 95th percentile",
        (
            (
                f"histogram_quantile(0.95, {_rate('sqs_worker_api_request_duration_seconds_bucket', 'le, operation')})",
                "{{operation}}",
            ),
        ),
        "s",
        help="A receive is a long poll: 20 s when the queue is empty.",
    ),
    Panel(
        "Dollars of requests in a day",
        ((f"sum by (queue) (rate(sqs_worker_request_dollars_total{{{Q}}}[$__rate_interval])) * 86400", "{{queue}}"),),
        "currencyUSD",
    ),
)
WHO_ROW: Final = (
    Panel("Done by worker", ((_rate("sqs_worker_messages_deleted_total", "instance, process"), WHO),), "mps"),
    Panel(
        "Capacity of a process",
        ((f"max by (instance, process) (sqs_worker_capacity_messages_per_second{{{Q}}})", WHO),),
        "mps",
        help="Messages a second while there is work: idle time does not count.",
    ),
    Panel("In flight", ((_by("instance, process", f"sqs_worker_messages_in_flight{{{J}}}"), WHO),)),
    Panel("CPU", ((f"rate(process_cpu_seconds_total{{{J}}}[$__rate_interval])", WHO),), "short", help="1 is one CPU."),
    Panel("Memory", ((f"process_resident_memory_bytes{{{J}}}", WHO),), "bytes"),
    Panel(
        "Versions",
        ((f"count by (version, python) (sqs_worker_build_info{{{J}}})", "{{version}} on Python {{python}}"),),
    ),
)
ROWS: Final = (
    ("Is it keeping up?", KEEPING_UP),
    ("Is it healthy?", HEALTHY),
    ("Where is the bottleneck?", BOTTLENECK),
    ("Who?", WHO_ROW),
)
