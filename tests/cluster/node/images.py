"""Images are names here: what the worker's runs is read from the Dockerfile, and it runs from this tree's environment.

Takes an image's name; gives its command and environment, or says that there is no such image. Nothing is pulled.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
WORKER = "sqs-worker-daemon"
PREFIX = sys.prefix
"""What stands for the environment that the image has at `INSIDE`."""
INSIDE = "/opt/worker"


class NoImage(LookupError):
    """There is no such image on this node."""


@dataclass(frozen=True, slots=True)
class Image:
    """What a container starts with, unless its manifest says otherwise."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    """The working directory."""


def find(name: str) -> Image:
    """The image of that name, whatever its registry and tag.

    Raises:
        NoImage: it is not the worker's.
    """
    repository = re.sub(r"(@.*|:[^:/]*)$", "", name)
    if repository.rpartition("/")[2] != WORKER:
        raise NoImage(f"this node has {WORKER} only, not {name}")
    return from_dockerfile((ROOT / "Dockerfile").read_text())


def from_dockerfile(text: str) -> Image:
    """What the last stage of a Dockerfile says about its start."""
    last = re.split(r"^FROM ", text.replace("\\\n", " "), flags=re.MULTILINE)[-1]
    said = [tuple(line.split(maxsplit=1)) for line in last.splitlines() if re.match(r"[A-Z]+ ", line)]
    environment = {"HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108 - inside the container
    for what, rest in said:
        if what == "ENV":
            environment |= dict(word.split("=", 1) for word in shlex.split(rest))
    environment["PATH"] = f"{PREFIX}/bin{os.pathsep}{os.environ['PATH']}"
    once = dict(said)
    entrypoint, command = (tuple(json.loads(once[what])) for what in ("ENTRYPOINT", "CMD"))
    return Image(entrypoint, command, environment, once["WORKDIR"].strip())
