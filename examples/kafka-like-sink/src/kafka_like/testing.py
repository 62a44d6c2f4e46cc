"""For tests: a broker as a process of its own, which can be stopped, frozen, and started again at its port."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FROZEN_SECONDS = 0.6


class BrokerProcess:
    """One broker and its folder."""

    def __init__(self, folder: Path, token: str = "") -> None:
        self.folder = folder
        self.token = token
        self._port = 0
        """Written by `start`: the first time any free one."""
        self._process: subprocess.Popen[str] | None = None
        """Written by `start` and `stop`."""

    @property
    def address(self) -> str:
        """For the sink."""
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self.stop()

    def start(self) -> None:
        """Run until it listens."""
        command = [sys.executable, "-m", "kafka_like.broker", f"--folder={self.folder}", f"--port={self._port}"]
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, f"--token={self.token}"], stdout=subprocess.PIPE, text=True
        )
        said = self._process.stdout.readline() if self._process.stdout else ""
        self._port = int(said.rpartition(":")[2])

    def stop(self) -> None:
        """End it as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens."""
        self.stop()
        yield
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes a while to answer."""
        process = self._process
        if process is None:
            raise RuntimeError("the broker does not run")
        process.send_signal(signal.SIGSTOP)
        timer = threading.Timer(FROZEN_SECONDS, lambda: process.send_signal(signal.SIGCONT))
        timer.start()
        yield
        timer.join()

    def keys(self, topic: str, partition: str = "*") -> list[str]:
        """What is in the files, whoever wrote it."""
        files = sorted((self.folder / topic).glob(f"{partition}.log"))
        return [json.loads(line)["key"] for file in files for line in file.read_bytes().splitlines()]
