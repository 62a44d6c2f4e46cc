"""What has to hold of the documents for AWS and no schema says. Pure: documents in, complaints out, each a sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from worker.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.deploy.aws import Doc

STOP_SECONDS_MAX: Final = 120
"""Of Fargate, which kills then whatever the worker still does."""
MARGIN_SECONDS: Final = 5
FARGATE: Final[Mapping[str, range]] = {
    "256": range(512, 2049, 512),
    "512": range(1024, 4097, 1024),
    "1024": range(2048, 8193, 1024),
    "2048": range(4096, 16385, 1024),
    "4096": range(8192, 30721, 1024),
}
"""CPU units → MiB of memory that go with them."""
SECRET: Final = re.compile(r"PASSWORD|SECRET|TOKEN|DSN|ACCESS_KEY")
METRICS: Final[Mapping[str, frozenset[str]]] = {
    "AWS/SQS": frozenset(
        {
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
            "NumberOfEmptyReceives",
            "NumberOfMessagesDeleted",
            "NumberOfMessagesReceived",
            "NumberOfMessagesSent",
            "SentMessageSize",
        }
    ),
    "AWS/ECS": frozenset({"CPUUtilization", "MemoryUtilization"}),
    "ECS/ContainerInsights": frozenset({"RunningTaskCount", "DesiredTaskCount", "PendingTaskCount"}),
    "SqsWorker": frozenset({"ThroughputPerSecond", "Troubles"}),
}
"""Namespace → metrics: AWS's by its documentation, ours by `cloudwatch/filters`."""
DIMENSIONS: Final[Mapping[str, frozenset[str]]] = {
    "AWS/SQS": frozenset({"QueueName"}),
    "AWS/ECS": frozenset({"ClusterName", "ServiceName"}),
    "ECS/ContainerInsights": frozenset({"ClusterName", "ServiceName"}),
    "SqsWorker": frozenset(),
}
FUNCTIONS: Final = frozenset({"IF", "FILL"})
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


def environment(container: Doc) -> dict[str, str]:
    """What the worker in *container* is told, secrets stood in for."""
    told = {one["name"]: one["value"] for one in container.get("environment", [])}
    return told | {one["name"]: "postgresql://user@host/database" for one in container.get("secrets", [])}


def task_troubles(document: Doc) -> Iterator[str]:
    """Of a task definition."""
    if int(document["memory"]) not in FARGATE.get(document["cpu"], ()):
        yield f"Fargate has no {document['cpu']} CPU units with {document['memory']} MiB"
    if document["executionRoleArn"] == document["taskRoleArn"]:
        yield "one role for starting a task and for what runs in it"
    for container in document["containerDefinitions"]:
        yield from _container_troubles(container)


def _container_troubles(container: Doc) -> Iterator[str]:
    loaded = load(environment(container))
    yield from loaded.notices
    stop = container.get("stopTimeout", 30)
    if not loaded.worker.drain_seconds + MARGIN_SECONDS <= stop <= STOP_SECONDS_MAX:
        yield f"a drain of {loaded.worker.drain_seconds:g} s and {MARGIN_SECONDS} s do not fit into stopTimeout {stop}"
    yield from (
        f"{one['name']} is a secret in plain sight" for one in container["environment"] if SECRET.search(one["name"])
    )
    tag = container["image"].rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        yield f"{container['image']} may be another image tomorrow"
    if not container.get("readonlyRootFilesystem") or container["linuxParameters"]["capabilities"]["drop"] != ["ALL"]:
        yield "its root can be written to, or it has capabilities"
    if not re.fullmatch(r"[1-9]\d{3,}(:\d+)?", container.get("user", "")):
        yield "it does not run as a number that is not root"
    if container["healthCheck"]["command"] != ["CMD", "worker", "health"]:
        yield "its health is not asked of the worker"
    if container["logConfiguration"]["options"].get("mode") != "non-blocking":
        yield "a log that blocks would stop the worker"


def scaling_troubles(document: Doc) -> Iterator[str]:
    """Of a scaling policy by metric math."""
    metrics = document["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]["Metrics"]
    yield from _math_troubles(metrics)
    yield from (trouble for one in metrics if "MetricStat" in one for trouble in _metric_troubles(one["MetricStat"]))


def alarm_troubles(document: Doc) -> Iterator[str]:
    """Of one alarm."""
    if "Metrics" in document:
        yield from _math_troubles(document["Metrics"])
        stats = [one["MetricStat"] for one in document["Metrics"] if "MetricStat" in one]
        yield from (trouble for stat in stats for trouble in _metric_troubles(stat))
    else:
        yield from _metric_troubles({"Metric": document})
        if document["Statistic"] != "Maximum":
            yield "the depth and the age are gauges: take the maximum of a minute"
    if document["TreatMissingData"] != "notBreaching":
        yield "SQS is silent about an inactive queue: what is missing is no alarm"
    if not document["AlarmActions"]:
        yield "nobody is told"
    if document["DatapointsToAlarm"] > document["EvaluationPeriods"]:
        yield "it asks for more points than it looks at"
    if not 80 < len(document["AlarmDescription"]) <= 1024:
        yield "its words do not say what happened, what it means and what to do"


def dashboard_troubles(document: Doc) -> Iterator[str]:
    """Of the body of a dashboard."""
    taken: set[tuple[int, int]] = set()
    for widget in document["widgets"]:
        cells = {(widget["x"] + x, widget["y"] + y) for x in range(widget["width"]) for y in range(widget["height"])}
        if widget["x"] + widget["width"] > 24 or cells & taken:
            yield f"{widget['properties'].get('title')} lies over another widget, or beside the page"
        taken |= cells
        if widget["type"] == "metric":
            yield from _widget_troubles(widget["properties"])


def _widget_troubles(properties: Doc) -> Iterator[str]:
    known: set[str] = set()
    for row in properties["metrics"]:
        more = row[-1] if isinstance(row[-1], dict) else {}
        if "expression" in more:
            yield from (f"{properties['title']}: nothing is called {n}" for n in names(more["expression"]) - known)
        else:
            words = row[:-1] if more else row
            dimensions = [{"Name": name} for name in words[2::2]]
            metric = {"Namespace": words[0], "MetricName": words[1], "Dimensions": dimensions}
            yield from _metric_troubles({"Metric": metric})
        known.add(more.get("id", ""))


def _metric_troubles(stat: Mapping[str, Any]) -> Iterator[str]:
    metric = stat["Metric"]
    if metric["MetricName"] not in METRICS.get(metric["Namespace"], ()):
        yield f"{metric['Namespace']} has no metric {metric['MetricName']}"
    if {one["Name"] for one in metric.get("Dimensions", [])} != DIMENSIONS.get(metric["Namespace"], frozenset()):
        yield f"{metric['MetricName']} is not kept by these dimensions, so that it has no data"


def _math_troubles(metrics: Sequence[Doc]) -> Iterator[str]:
    ids = [one["Id"] for one in metrics]
    if sum(one.get("ReturnData", True) for one in metrics) != 1:
        yield "not exactly one of the metrics is the result"
    if len(set(ids)) != len(ids):
        yield "two metrics have one id"
    for one in metrics:
        yield from (f"nothing is called {name}" for name in names(one.get("Expression", "")) - set(ids))


def names(expression: str) -> set[str]:
    """The metrics that an expression of metric math is made of."""
    return set(_WORD.findall(expression)) - FUNCTIONS
