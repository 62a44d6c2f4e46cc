"""Parts of others in the real program: `worker config` shows, checks and masks their settings as it does ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.plugins.shop import install

ROOT = Path(__file__).parents[3]


def config(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`worker config`, with what is installed in *folder*."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, str(ROOT / "sqs_worker_daemon.py"), "config", *arguments],
        env={**kept, "PYTHONPATH": str(folder), "SQS_QUEUE_URL": "orders", "AWS_REGION": "eu-west-1", **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("sink", ["shop-log", "shop.sinks:LOG"])
def test_an_installed_sink_is_configured_like_ours(tmp_path: Path, sink: str) -> None:
    """By its entry point or its place: values, defaults, origins, notices; its secret is masked."""
    install(tmp_path)
    result = config(
        tmp_path,
        "--json",
        SINK=sink,
        SHOP_LOG_TOPIC="orders",
        SHOP_LOG_PASSWORD="geheim",
        CODEC="shop-upper",
        SHOP_UPPER_END="?",
    )
    document = json.loads(result.stdout)
    assert document["settings"]["SINK"]["value"] == sink
    assert document["settings"]["CODEC"]["value"] == "shop-upper"
    assert document["settings"]["SHOP_LOG_TOPIC"] == {"value": "orders", "origin": "environment"}
    assert document["settings"]["SHOP_LOG_PASSWORD"] == {"value": "********", "origin": "environment"}
    assert document["settings"]["SHOP_LOG_ACKS"] == {"value": "1", "origin": "default"}
    assert document["settings"]["SHOP_UPPER_END"] == {"value": "?", "origin": "environment"}
    assert document["notices"] == ["orders is a fine topic"]
    assert "geheim" not in result.stdout


def test_a_module_beside_worker_toml_is_a_sink(tmp_path: Path) -> None:
    """Nothing needs to be installed; its settings stand in its table."""
    install(tmp_path / "library")
    (tmp_path / "library" / "shop").rename(tmp_path / "shop")
    text = '[pipelines.orders.sink]\ntype = "shop.sinks:LOG"\ntopic = "orders"\n'
    (tmp_path / "worker.toml").write_text('[pipelines.orders]\nqueue = "orders"\n' + text, encoding="utf-8")
    result = config(tmp_path, PYTHONPATH="")
    assert result.returncode == 0, result.stderr
    assert ["SHOP_LOG_TOPIC", "orders", "worker.toml"] in [line.split() for line in result.stdout.splitlines()]


def test_its_problems_are_told_together_with_ours(tmp_path: Path) -> None:
    """A missing setting, one out of bounds, a misspelt one; nothing is told twice."""
    install(tmp_path)
    result = config(tmp_path, SINK="shop-log", SHOP_LOG_ACKS="7", SHOP_LOG_TOPICS="a", SQS_MAX_MESSAGES="11")
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "worker: the settings cannot work:",
        "  - SHOP_LOG_TOPICS is not a setting: did you mean SHOP_LOG_TOPIC?",
        "  - SQS_MAX_MESSAGES is '11': give a whole number from 1 to 10",
        "  - SHOP_LOG_TOPIC is not set: for SINK=shop-log give a topic",
        "  - SHOP_LOG_ACKS is '7': give a whole number from 0 to 3",
    ]


def test_its_rules_hold(tmp_path: Path) -> None:
    """Between its own settings and those of the pipeline."""
    install(tmp_path)
    result = config(tmp_path, SINK="shop-log", SHOP_LOG_TOPIC="a", SHOP_LOG_ACKS="3", WORKER_CONCURRENCY="2")
    assert result.stderr.splitlines()[1:] == ["  - SHOP_LOG_ACKS is more than WORKER_CONCURRENCY"]


def test_settings_that_are_ours_already_are_refused(tmp_path: Path) -> None:
    """One variable cannot mean two things."""
    install(tmp_path)
    module = tmp_path / "shop" / "sinks.py"
    module.write_text(module.read_text().replace("SHOP_LOG_TOPIC", "SQLITE_PATH").replace("SHOP_LOG_ACKS", "QUEUE"))
    result = config(tmp_path, SINK="shop-log")
    assert result.returncode == 2
    assert result.stderr.splitlines()[1:] == [
        "  - SINK is 'shop-log': its settings SQLITE_PATH and QUEUE are others' already: rename them"
    ]


def test_two_parts_with_one_variable_are_refused(tmp_path: Path) -> None:
    """Chosen together they would both read it."""
    install(tmp_path)
    module = tmp_path / "shop" / "codecs.py"
    module.write_text(module.read_text().replace("SHOP_UPPER_END", "SHOP_LOG_TOPIC"))
    result = config(tmp_path, SINK="shop-log", CODEC="shop-upper", SHOP_LOG_TOPIC="orders")
    assert result.stderr.splitlines()[1:] == [
        "  - SHOP_LOG_TOPIC is a setting of both shop-log and shop-upper: rename it in one of them"
    ]
    assert config(tmp_path, SINK="shop-log", SHOP_LOG_TOPIC="orders").returncode == 0


@pytest.mark.parametrize(
    ("sink", "module", "sentence"),
    [
        ("nowhere:LOG", "", "SINK is 'nowhere:LOG': there is no module nowhere; name a SinkPlugin"),
        ("shop.broken:LOG", "import shop.sinks\n1 / 0\n", "its module fails at import: ZeroDivisionError"),
        ("shop.broken:LOG", "import sys\nsys.exit(5)\n", "its module fails at import: SystemExit: 5"),
        ("shop.broken:LOG", "print('run', file=open('runs', 'a'))\n1 / 0\n", "ZeroDivisionError"),
        ("shop.broken:LOG", "LOG = 3\n", "shop.broken:LOG is of type int, but must be an object of SinkPlugin"),
    ],
)
def test_what_cannot_be_loaded_is_one_sentence_and_exit_code_2(
    tmp_path: Path, sink: str, module: str, sentence: str
) -> None:
    """Never a traceback, whatever a module does when it is imported; and it is run once."""
    install(tmp_path, broken=module)
    result = config(tmp_path, SINK=sink, SHOP_LOG_TOPIC="orders")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 2
    assert sentence in result.stderr
    assert not (tmp_path / "runs").exists() or (tmp_path / "runs").read_text() == "run\n"


def test_to_import_the_public_names_costs_no_library() -> None:
    """Neither the SDK nor a driver; and every name that is promised is there."""
    code = (
        "import sys, worker.sinks, worker.codecs\n"
        "for room in (worker.sinks, worker.codecs):\n"
        "    for name in room.__all__: getattr(room, name)\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'aiobotocore', 'botocore', 'asyncpg', 'structlog', 'prometheus_client', 'rich'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
