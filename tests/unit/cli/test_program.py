"""The real program, as a process: exit codes, and what it does not import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
HEAVY = {
    "aiobotocore",
    "botocore",
    "rich",
    "pydantic",
    "pydantic_settings",
    "structlog",
    "prometheus_client",
    "asyncio",
}


def program(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**kept, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_imports_nothing_heavy() -> None:
    """`worker --help` answers at once: neither the SDK nor the settings' machinery is loaded for it."""
    result = program("-X", "importtime", "-m", "worker", "--help")
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in result.stderr.splitlines() if "|" in line}
    assert result.returncode == 0
    assert "Commands:" in result.stdout
    assert "click" in imported
    assert imported & HEAVY == set()


def test_a_probe_imports_nothing_heavy() -> None:
    """A container asks every few seconds, with half a CPU: settings take four times as long as the rest."""
    result = program("-X", "importtime", "-m", "worker", "health", METRICS_HOST="127.0.0.1", METRICS_PORT="1")
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in result.stderr.splitlines() if "|" in line}
    assert result.returncode == 1
    assert "no answer from http://127.0.0.1:1" in result.stderr
    assert "click" in imported
    assert imported & HEAVY == set()


def test_bad_settings_are_exit_code_2(tmp_path: Path) -> None:
    """All problems on stderr, nothing else, no traceback."""
    result = program("-m", "worker", "config", WORKER_CONFIG=str(tmp_path / "missing.toml"), SQS_MAX_MESAGES="3")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "did you mean SQS_MAX_MESSAGES?" in result.stderr
    assert "missing.toml: cannot be read" in result.stderr
    assert "Traceback" not in result.stderr


def test_config_needs_no_terminal() -> None:
    """Piped into a file it is plain text, and exit code 0."""
    result = program("-m", "worker", "config", SQS_QUEUE_URL="orders")
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert result.stdout.splitlines()[0].startswith("WORKER_ID")


def test_markdown_is_the_page_of_the_documentation() -> None:
    """The hidden option writes docs/settings.md, byte for byte, without any settings."""
    result = program("-m", "worker", "config", "--markdown")
    assert result.stdout == (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
