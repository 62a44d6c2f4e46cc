"""Probes as the kubelet asks them: HTTP, a command, or a connection; each verdict only after its threshold.

Takes the probe of a container and its pod's address; tells verdicts, and does nothing about them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.cluster.api import Object

FINE = range(200, 400)


class Prober:
    """One probe of one running container."""

    def __init__(
        self, probe: Object, container: Object, address: str, execute: Callable[[list[str]], Awaitable[int]]
    ) -> None:
        self._probe = probe
        self._container = container
        self._address = address
        self._execute = execute
        self._period = float(probe.get("periodSeconds", 10))
        self._timeout = float(probe.get("timeoutSeconds", 1))
        self._failures = int(probe.get("failureThreshold", 3))
        self._successes = int(probe.get("successThreshold", 1))

    async def verdicts(self, tell: Callable[[bool], None]) -> None:
        """Tell every verdict, the same one again too, until cancelled."""
        await asyncio.sleep(float(self._probe.get("initialDelaySeconds", 0)))
        good = bad = 0
        while True:
            good, bad = (good + 1, 0) if await self.ask() else (0, bad + 1)
            if good >= self._successes:
                tell(True)  # noqa: FBT003 - a verdict
            elif bad >= self._failures:
                tell(False)  # noqa: FBT003 - a verdict
            await asyncio.sleep(self._period)

    async def ask(self) -> bool:
        """One answer."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._answer()
        except (OSError, aiohttp.ClientError, TimeoutError):
            return False

    async def _answer(self) -> bool:
        if "httpGet" in self._probe:
            asked = self._probe["httpGet"]
            url = f"http://{self._address}:{self._port(asked['port'])}{asked.get('path', '/')}"
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                return answer.status in FINE
        if "exec" in self._probe:
            return await self._execute(self._probe["exec"]["command"]) == 0
        _, writer = await asyncio.open_connection(self._address, self._port(self._probe["tcpSocket"]["port"]))
        writer.close()
        return True

    def _port(self, named: int | str) -> int:
        if isinstance(named, int):
            return named
        return next(int(port["containerPort"]) for port in self._container["ports"] if port.get("name") == named)
