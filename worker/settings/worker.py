"""The settings of the worker as a whole: its name, its stopping, its metrics port and its log.

Built by `load` from the environment and the `[worker]` table of a worker.toml; building it directly reads neither.
Frozen; a field that is out of bounds raises pydantic's ValidationError, which `load` turns into sentences.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic evaluates the annotations
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from worker.plugins.setting import Section, Variable, refuse_bool

PROCESSES_MAX = 64


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _host(value: object) -> object:
    """An address as a socket takes it; one of IPv6 may be given as in a URL."""
    if not isinstance(value, str):
        return value
    if "://" in value:
        raise ValueError("give the host alone, without http:// and without a port")
    if value.count(":") == 1 or "]:" in value:
        host, _, port = value.rpartition(":")
        raise ValueError(f"the port has a variable of its own: METRICS_HOST={host} METRICS_PORT={port}")
    if value == "*":
        raise ValueError("for all addresses give 0.0.0.0, or :: for those of IPv6 as well")
    return value[1:-1] if value.startswith("[") and value.endswith("]") else value


class WorkerSettings(Section):
    """What holds for the whole process, whatever its pipelines."""

    worker_id: Annotated[
        str,
        Variable("WORKER_ID", "1 to 128 letters, digits, `.`, `_` and `-`", otherwise="the host name"),
        Field(pattern=r"^[A-Za-z0-9._-]{1,128}$"),
    ] = "worker"
    """Names this worker in logs and reports. The host name if it is not set, which in a pod is the pod's name."""

    processes: Annotated[
        Annotated[int, Field(ge=1, le=PROCESSES_MAX)] | Literal["auto"],
        Variable("WORKER_PROCESSES", f"a whole number from 1 to {PROCESSES_MAX}, or `auto`"),
        BeforeValidator(refuse_bool),
        BeforeValidator(_lower),
    ] = 1
    """Processes of this worker, under one parent and behind one metrics port. `auto` is one for each CPU that affinity
    and the container's quota leave. Concurrency, batches and what may be in flight are those of each process."""

    drain_seconds: Annotated[
        float, Variable("WORKER_DRAIN_SECONDS"), BeforeValidator(refuse_bool), Field(ge=0, le=3600)
    ] = 25.0
    """How long stopping may take: what is in hand is finished until then, the rest given back to the queue. Keep it
    5 s below the time after which your platform kills the process (Kubernetes and ECS 30 s, docker 10 s)."""

    config: Annotated[Path | None, Variable("WORKER_CONFIG", "a path", otherwise="`worker.toml`, if there is one")] = (
        None
    )
    """A TOML file with `[worker]` and `[pipelines.NAME]` tables. `worker.toml` of the working directory if it exists.
    The environment wins over it."""

    report_seconds: Annotated[
        float, Variable("WORKER_REPORT_SECONDS"), BeforeValidator(refuse_bool), Field(ge=1, le=3600)
    ] = 60.0
    """Seconds between two report lines (messages processed and failed, rate) in the log."""

    enable_consumer: Annotated[bool, Variable("ENABLE_SQS_CONSUMER")] = True
    """`false` starts everything but receiving: the worker is up, healthy and takes no message."""

    metrics_host: Annotated[
        str,
        Variable("METRICS_HOST", "an address or host name"),
        BeforeValidator(_host),
        Field(pattern=r"^[^\s/\[\]]+$"),
    ] = "127.0.0.1"
    """Address of the metrics and health server. In a container `0.0.0.0`, so that Prometheus and probes reach it."""

    metrics_port: Annotated[int, Variable("METRICS_PORT"), BeforeValidator(refuse_bool), Field(ge=0, le=65535)] = 9100
    """Port of the metrics and health server. 0 takes any free one and logs it."""

    ecs_task_protection: Annotated[
        Literal["auto", "busy", "off"], Variable("ECS_TASK_PROTECTION"), BeforeValidator(_lower)
    ] = "auto"
    """On ECS: when scale-in and deployments shall pass this task by. `auto`: while something has been in the hands of
    the sink or of your function for more than 5 s, so that stopping might cut it off. `busy`: while any message is in
    hand. Asked of the agent at `ECS_AGENT_URI`; elsewhere nothing happens."""

    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Variable("LOG_LEVEL"), BeforeValidator(_lower)
    ] = "info"
    """What is logged: this level and the louder ones."""

    log_format: Annotated[Literal["json", "pretty", "auto"], Variable("LOG_FORMAT"), BeforeValidator(_lower)] = "auto"
    """`auto` is pretty on a terminal and JSON lines elsewhere."""
