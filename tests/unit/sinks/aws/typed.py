"""Commands of a page, typed at an emulator."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path


def typed(command: str, service: str, url: str) -> None:
    """*command* of the AWS command line, with *service* at the server of *url*."""
    program, *words = shlex.split(command.replace("\\\n", " "))
    assert program == "aws"
    subprocess.run(
        [sys.executable, str(Path(sys.executable).with_name("aws")), *words],
        env={**os.environ, f"AWS_ENDPOINT_URL_{service}": url},
        stdout=subprocess.DEVNULL,
        check=True,
    )
