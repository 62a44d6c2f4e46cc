"""`make help` leaves nothing out, and hooks refuse what `make lint` refuses."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from tests.house.map import ROOT

if TYPE_CHECKING:
    from pathlib import Path

MAKEFILE: Final = ROOT.joinpath("Makefile").read_text()


def ran(*argv: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """*argv*, and what it said; git knows nobody's own settings there."""
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(argv, cwd=cwd, env=environ, capture_output=True, text=True, check=False)


def test_help_lists_every_target_in_its_group() -> None:
    """What a person may type stands in `.PHONY`, and has a line each under a headline."""
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    said = ran("make", "help").stdout
    assert re.findall(r"^  make ([a-z-]+) +\S", said, re.MULTILINE) == phony[1].split()
    assert len(re.findall(r"^\w.*$", said, re.MULTILINE)) == MAKEFILE.count("\n##@ ")
    assert max(map(len, said.splitlines())) < 125


def test_a_target_without_a_word_of_help_is_found() -> None:
    """Every rule that is no file is in `.PHONY`, so that the test above sees it."""
    rules = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
    assert rules == set(re.findall(r"^([a-z][a-z-]*):.* ## \S", MAKEFILE, re.MULTILINE))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for argv in (("git", "init", "-q"), ("git", "config", "user.name", "A"), ("git", "config", "user.email", "a@b.c")):
        assert ran(*argv, cwd=tmp_path).returncode == 0
    return tmp_path


def hooked(repository: Path, pre_commit: str = "/nowhere/pre-commit") -> subprocess.CompletedProcess[str]:
    return ran("make", "hooks", "-o", "setup", f"PRE_COMMIT={pre_commit}", cwd=repository)


@pytest.mark.parametrize(("lint", "commits"), [("@true", 1), ("@false", 0)])
def test_without_pre_commit_git_itself_lints_before_a_commit(repository: Path, lint: str, commits: int) -> None:
    """The hook is run by a real `git commit`, which goes through exactly where lint does."""
    assert "is not installed" in hooked(repository).stdout
    repository.joinpath("Makefile").write_text(f"lint:\n\t{lint}\n")
    ran("git", "add", "Makefile", cwd=repository)
    ran("git", "commit", "-q", "-m", "Lint", cwd=repository)
    assert len(ran("git", "log", "--oneline", cwd=repository).stdout.splitlines()) == commits


def test_a_hook_of_somebody_else_is_left_alone(repository: Path) -> None:
    """Ours may be written again; another one stays as it was, and is told of."""
    assert [hooked(repository).returncode, hooked(repository).returncode] == [0, 0]
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.write_text("exit 0\n")
    done = hooked(repository)
    assert (done.returncode != 0, hook.read_text()) == (True, "exit 0\n")
    assert "is not ours" in done.stdout


def test_pre_commit_installs_its_own_where_it_is_there(repository: Path) -> None:
    """Whoever has it gets the hooks of `.pre-commit-config.yaml`."""
    program = repository / "pre-commit"
    program.write_text("#!/bin/sh\necho told to $*\n")
    program.chmod(0o755)
    assert hooked(repository, str(program)).stdout == "told to install\n"
    assert not repository.joinpath(".git", "hooks", "pre-commit").exists()


def test_the_hooks_of_pre_commit_are_the_checks_of_lint() -> None:
    """The same programs of the same .venv; nothing is fetched from anywhere."""
    (local,) = yaml.safe_load(ROOT.joinpath(".pre-commit-config.yaml").read_text())["repos"]
    entries = [hook["entry"].replace(" --force-exclude", "") for hook in local["hooks"]]
    checks = re.search(r"for check in (.*); do", MAKEFILE.partition("\nlint:")[2])
    assert checks is not None
    lint = [re.sub(r" (\.|--check)", "", "".join(pair)) for pair in re.findall(r'"([^"]*)"|(\S+)', checks[1])]
    assert (local["repo"], entries) == ("local", [f".venv/bin/{check}" for check in lint])
