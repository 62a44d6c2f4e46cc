"""A run of a conformance suite over broken parts, in a process of its own: what each test said of each part.

Takes the file of a suite whose cases are called `Kind:test`, gives what was said by case. Skipped tests say nothing.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from pathlib import Path

PASSED = "passed"


def what_it_said(suite: str, root: Path, folder: Path) -> dict[str, list[str]]:
    """By case, the message of each failure, and `PASSED` for each test that found no fault."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", f"--junitxml={report}"]
    subprocess.run([*command, suite], cwd=root, check=False, capture_output=True)
    said: dict[str, list[str]] = {}
    for one in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest's own
        failures = [str(fault.get("message")) for fault in (*one.iterfind("failure"), *one.iterfind("error"))]
        if one.find("skipped") is None:
            said.setdefault(_case(str(one.get("name"))), []).extend(failures or [PASSED])
    return said


def _case(name: str) -> str:
    """Of a test that is called `test_x[Kind:test_x-emoji]`, or with the other parameter first."""
    return next((part for part in name.partition("[")[2].removesuffix("]").split("-") if ":" in part), "")
