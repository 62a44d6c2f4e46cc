"""Several pipelines in one worker: the worker.toml, and how the environment goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.errors import SettingsError
from worker.settings import Loaded, load
from worker.sinks.handler.settings import HandlerSettings

if TYPE_CHECKING:
    from pathlib import Path

VIDEO_SITE = """
[worker]
drain_seconds = 20
log_level = "warning"

[pipelines.video-processing]
queue = "video-processing"
handler = "site.video:process"
handler_timeout_seconds = 900
concurrency = 2
region = "eu-central-1"

[pipelines.thumbnails]
queue = "thumbnail-generation"
handler = "site.thumbnails:handle"
concurrency = 16

[pipelines.analytics]
queue = "analytics"
sink = "ndjson"
ndjson_path = "analytics.ndjson"
"""
ONE = """
[pipelines.orders]
queue = "orders"
concurrency = 3
"""


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(tmp_path: Path, text: str, **environ: str) -> Loaded:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return load(environ, config=path, host_name=lambda: "host-1")


def problems(tmp_path: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text, **environ)
    return caught.value.problems


def test_each_pipeline_has_its_own_settings(tmp_path: Path) -> None:
    """One process serves several queues, each with its handler, concurrency and timeout."""
    settings = read(tmp_path, VIDEO_SITE)
    video, thumbnails, analytics = settings.pipelines
    assert (video.name, video.concurrency) == ("video-processing", 2)
    assert video.sink_settings == HandlerSettings(function="site.video:process", timeout_seconds=900)
    assert (thumbnails.sink, thumbnails.concurrency, analytics.sink) == ("handler", 16, "ndjson")
    assert (settings.worker.drain_seconds, settings.worker.log_level) == (20, "warning")
    assert settings.origins["pipelines.thumbnails.concurrency"] == ("16", "site.toml")


def test_the_environment_wins_over_the_file_in_every_pipeline(tmp_path: Path) -> None:
    """A tuning variable is for the whole worker, so an operator can turn one screw without a new file."""
    settings = read(tmp_path, VIDEO_SITE, WORKER_CONCURRENCY="4", WORKER_DRAIN_SECONDS="5")
    assert [p.concurrency for p in settings.pipelines] == [4, 4, 4]
    assert settings.worker.drain_seconds == 5
    assert settings.origins["pipelines.video-processing.concurrency"] == ("4", "environment")


def test_a_region_in_the_file_wins_over_the_platform_s(tmp_path: Path) -> None:
    """ECS and Kubernetes set AWS_REGION for every program; it does not mean our queue."""
    video, thumbnails, _ = read(tmp_path, VIDEO_SITE, AWS_REGION="us-east-2").pipelines
    assert (video.region, thumbnails.region) == ("eu-central-1", "us-east-2")


def test_with_one_pipeline_the_plain_variables_are_its_own(tmp_path: Path) -> None:
    """The file may be part of the image and the queue come from the environment."""
    settings = read(tmp_path, ONE, SQS_QUEUE_URL="other", SQS_DLQ_URL="dead")
    assert [(p.name, p.queue, p.dlq, p.concurrency) for p in settings.pipelines] == [("orders", "other", "dead", 3)]


def test_with_several_pipelines_a_variable_for_one_is_refused(tmp_path: Path) -> None:
    """Otherwise three pipelines would read the same queue."""
    (problem, *_) = problems(tmp_path, VIDEO_SITE, SQS_QUEUE_URL="orders")
    assert problem.startswith("SQS_QUEUE_URL belongs to one pipeline, and site.toml has 3")
    assert "write queue into each [pipelines.NAME]" in problem


def test_problems_name_the_place_in_the_file(tmp_path: Path) -> None:
    """All of them, in the words of the file, with a suggestion where one is near."""
    text = """
    [worker]
    drain = 5
    config = "other.toml"
    [pipelines.Orders]
    queue = "orders"
    [pipelines.a]
    queu = "a"
    SQS_MAX_MESSAGES = 5
    concurrency = true
    wait_seconds = "long"
    [pipelines.b]
    queue = ["b"]
    zzzzzz = 1
    [extra]
    """
    found = problems(tmp_path, text)
    assert "site.toml: [extra] is not known; a worker.toml has [worker] and [pipelines.NAME]" in found
    assert "site.toml: worker.drain is not a setting: did you mean drain_seconds?" in found
    assert "site.toml: worker.config is not a setting; `worker config` lists them" in found
    assert "site.toml: pipelines.a.queu is not a setting: did you mean queue?" in found
    assert "site.toml: pipelines.a.SQS_MAX_MESSAGES is not a setting: did you mean max_messages?" in found
    assert "site.toml: pipelines.b.zzzzzz is not a setting; `worker config` lists them" in found
    assert "pipelines.a.queue is not set: give a URL, an ARN or a name" in found
    assert "pipelines.a.concurrency is 'True': true and false are not numbers" in found
    assert "pipelines.a.wait_seconds is 'long': give a whole number from 0 to 20" in found
    assert "pipelines.b.queue is '['b']': give a URL, an ARN or a name" in found
    assert any(problem.startswith("pipelines.Orders is 'Orders'") for problem in found)
    assert len(found) == 11


def test_a_name_of_a_later_sink_in_the_file_is_a_notice(tmp_path: Path) -> None:
    """As in the environment: known, not used, and not an error."""
    settings = read(tmp_path, ONE + 'postgres_dsn = "postgresql://me:geheim@db/shop"\n')
    assert settings.notices == ("pipelines.orders.postgres_dsn is set but not used by SINK=sqlite",)


def test_two_pipelines_do_not_read_one_queue(tmp_path: Path) -> None:
    """Each would take the other's redeliveries for new messages."""
    text = '[pipelines.a]\nqueue = "orders"\n[pipelines.b]\nqueue = "arn:aws:sqs:eu-west-1:1:orders"\n'
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("pipelines a and b read the same queue")


def test_two_pipelines_do_not_write_one_file(tmp_path: Path) -> None:
    """Cutting a torn line of one would cut the other's."""
    table = 'queue = "{0}"\nsink = "ndjson"\nndjson_path = "{1}"\n'
    text = f"[pipelines.a]\n{table.format('a', 'out')}[pipelines.b]\n{table.format('b', './out')}"
    (problem,) = problems(tmp_path, text)
    assert "write the same file out" in problem


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"= nonsense", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        (b"worker = 1", "must be a table"),
        (b"pipelines = 1", "tables"),
    ],
)
def test_a_file_that_is_not_a_worker_toml_is_explained(tmp_path: Path, content: bytes, words: str) -> None:
    """A wrong file ends in a sentence, not in a traceback."""
    path = tmp_path / "site.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=words):
        load({"SQS_QUEUE_URL": "orders"}, config=path)


def test_a_missing_file_is_the_only_problem_it_causes() -> None:
    """Nobody is told to set SQS_QUEUE_URL when the file that holds the queues was not found."""
    with pytest.raises(SettingsError) as caught:
        load({"WORKER_CONFIG": "nowhere.toml"})
    (problem,) = caught.value.problems
    assert problem.startswith("nowhere.toml: cannot be read (No such file or directory)")


def test_the_working_directory_s_file_is_read_without_being_named(tmp_path: Path) -> None:
    """worker.toml is the default, and WORKER_CONFIG and --config come before it."""
    (tmp_path / "worker.toml").write_text(ONE, encoding="utf-8")
    (tmp_path / "other.toml").write_text(ONE.replace("orders", "others"), encoding="utf-8")
    assert load({}).pipelines[0].name == "orders"
    assert load({"WORKER_CONFIG": "other.toml"}).pipelines[0].name == "others"
    assert load({"WORKER_CONFIG": "missing.toml"}, config=tmp_path / "other.toml").pipelines[0].name == "others"
    assert load({}).origins["WORKER_CONFIG"] == ("worker.toml", "working directory")


REGION = "https://sqs.eu-central-1.amazonaws.com/123456789012/"
ARN = "arn:aws:sqs:eu-central-1:123456789012:"


@pytest.mark.parametrize(
    ("ways", "told"),
    [
        ("a>b b>a", "pipelines p0 and p1 send their dead letters in a circle (a → b → a)"),
        (f"{REGION}a>{ARN}b b>{REGION}a", "pipelines p0 and p1 send their dead letters in a circle (a → b → a)"),
        ("a>b b>c c>a", "pipelines p0 and p1 and p2 send their dead letters in a circle (a → b → c → a)"),
        ("x>a a>b b>a", "pipelines p1 and p2 send their dead letters in a circle (a → b → a)"),
        ("a>b b>c", ""),
        ("a>b b>", ""),
        (f"{REGION}a>{ARN}b arn:aws:sqs:us-west-2:123456789012:b>{REGION}a", ""),
        (f"{REGION}a>arn:aws:sqs:eu-central-1:999999999999:b {REGION}b>{REGION}a", ""),
    ],
)
def test_dead_letters_that_would_go_round_are_a_problem_told_once(ways: str, told: str, tmp_path: Path) -> None:
    """By URL, ARN or name, over two pipelines or more; a queue of the same name elsewhere is another one."""
    lines: list[str] = []
    for number, pair in enumerate(ways.split()):
        queue, dlq = pair.split(">")
        lines += [f"[pipelines.p{number}]", f'queue = "{queue}"', 'sink = "discard"']
        lines += [f'dlq = "{dlq}"'] if dlq else []
    file = tmp_path / "worker.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    try:
        load({}, config=file)
    except SettingsError as error:
        (problem,) = error.problems
        assert problem.startswith(told)
        assert told
    else:
        assert not told


def test_a_dead_letter_queue_is_not_spoken_to_without_tls_over_a_network(tmp_path: Path) -> None:
    """Its own URL is where it is reached, so it is held to the rule of endpoints."""
    file = tmp_path / "worker.toml"
    file.write_text('[pipelines.a]\nqueue = "a"\nsink = "discard"\ndlq = "http://sqs.example.com/1/dead"\n')
    with pytest.raises(SettingsError, match=r"pipelines\.a\.dlq: plain http"):
        load({}, config=file)
