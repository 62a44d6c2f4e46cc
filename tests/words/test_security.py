"""What the threat model claims of the source itself: no execution of data, pinned dependencies, a hardened image."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "worker").rglob("*.py"))
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "yaml", "dill", "xml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


def names_of(tree: ast.AST) -> set[str]:
    """The top-level modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_can_run_what_a_message_says(source: Path) -> None:
    """No pickle, no evaluation, no loader that builds objects from text."""
    tree = ast.parse(source.read_text())
    assert not names_of(tree) & FORBIDDEN_MODULES
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & FORBIDDEN_CALLS


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "requirements").glob("*.txt")))
def test_every_dependency_is_pinned_with_hashes_and_names_no_registry(name: str) -> None:
    """Each requirement is `name==version` followed by hashes; no line holds an address."""
    text = (ROOT / "requirements" / name).read_text()
    assert "://" not in text
    blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert blocks
    assert all(re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", block) for block in blocks)
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_image_runs_as_a_number_without_a_shell_in_between() -> None:
    """A numeric user that is not root, an exec entrypoint, and no compiler in the last stage."""
    last = (ROOT / "Dockerfile").read_text().split("\nFROM ")[-1]
    assert re.search(r"^USER (\d{5,}):\1$", last, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["worker"\]$', last, re.MULTILINE)
    assert "apt-get" not in last
    assert "gcc" not in last


def test_the_containers_of_compose_are_hardened() -> None:
    """Read-only root, no capability, no way to gain one; ports on this machine alone."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])), name
