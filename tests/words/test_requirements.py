"""What is installed together fits together."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires

from packaging.requirements import Requirement

from tests.words.pages import ROOT


def pins() -> dict[str, str]:
    """Name → version, of what the worker itself needs."""
    text = ROOT.joinpath("requirements/run.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def test_boto3_is_there_in_the_version_that_fits() -> None:
    """`pip install boto3` beside the worker has nothing to do; alone it takes a botocore that aiobotocore refuses."""
    pinned = pins()
    for name in ("aiobotocore", "boto3"):
        asked = [Requirement(text) for text in requires(name) or []]
        (botocore,) = (one for one in asked if one.name == "botocore" and not one.marker)
        assert botocore.specifier.contains(pinned["botocore"]), name
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "boto3" in {Requirement(text).name for text in project["dependencies"]}


def test_every_dependency_is_pinned() -> None:
    """What pyproject.toml asks for, in a version that it accepts."""
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
    for one in map(Requirement, project["dependencies"]):
        assert one.specifier.contains(pins()[one.name]), one.name
