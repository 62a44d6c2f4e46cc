"""Whoever gives out keys, on this machine: a container's or a machine's metadata over a socket, and a program.

Takes what it shall give and counts how often it was asked; it ends with its context.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Source = Literal["process", "container", "machine"]
SOURCES: Final[tuple[Source, ...]] = ("process", "container", "machine")
ROLES: Final = "/latest/meta-data/iam/security-credentials/"


class Issuer:
    """Gives one key at a time. `give` and `away` are the test's; the rest is written by its connections."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._document: dict[str, str] = {}
        self._away = False
        self._questions = 0
        self.port = 0
        """Written once, when it listens."""

    def give(self, key: str, *, seconds: float) -> None:
        """From now on *key*, which lives so long."""
        ends = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._document = {"AccessKeyId": key, "SecretAccessKey": "secret", "Expiration": ends}
        printed = self._document | {"Version": 1, "SessionToken": "token"}
        (self._folder / "printed.json").write_text(json.dumps(printed))

    def leave(self) -> None:
        """From now on nobody answers."""
        self._away = True
        (self._folder / "printed.json").unlink()

    @property
    def asked(self) -> int:
        """How often keys were asked for."""
        runs = self._folder / "runs"
        return self._questions + (runs.stat().st_size if runs.exists() else 0)

    def environment(self, source: Source) -> dict[str, str]:
        """The variables that lead the SDK here, and nowhere else."""
        config = self._folder / "config"
        program = f'sh -c "printf x >> {self._folder}/runs; exec cat {self._folder}/printed.json"'
        config.write_text(f"[default]\ncredential_process = {program}\n" if source == "process" else "")
        url = f"http://127.0.0.1:{self.port}"
        found = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(self._folder / "none")}
        if source == "container":
            found["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{url}/container"
        if source == "machine":
            found |= {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{url}/", "AWS_EC2_METADATA_DISABLED": "false"}
        return found

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question, in the manner of HTTP/1.0."""
        line = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0].decode()
        body = self._answer(line.split()[1])
        status = "500 Away" if self._away else "200 OK"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body.encode())
        writer.close()

    def _answer(self, path: str) -> str:
        """Tokens and the names of roles are not keys, and not counted."""
        if path == "/latest/api/token":
            return "token"
        if path == ROLES:
            return "role"
        self._questions += 1
        return json.dumps(self._document | {"Code": "Success", "Token": "token"})


@asynccontextmanager
async def issuing(folder: Path) -> AsyncIterator[Issuer]:
    """An issuer that answers."""
    issuer = Issuer(folder)
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
    issuer.port = server.sockets[0].getsockname()[1]
    try:
        yield issuer
    finally:
        server.close()
        await server.wait_closed()
