"""What a container would find around it, for a process that has none: its network, its folders, the names of Services.

A pod here has an address of its own, but sees the whole machine. So the text of its command and environment is
translated: its "localhost" and "every address" are the pod's address, a Service's name is the address of the Service,
and a path below a mount is the folder of the volume. What a program does with other text is its own affair.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MACHINE = "machine.internal"
"""The machine below the nodes, for what a cluster has outside: a database."""
HERE = "127.0.0.1"
OWN = re.compile(r"(?<![\w.-])(?:0\.0\.0\.0|127\.0\.0\.1|localhost)(?![\w.-])")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Of one container."""

    address: str
    """The pod's."""
    namespace: str
    mounts: Mapping[str, Path]
    """Folders on this machine by their paths in the container."""
    services: Mapping[tuple[str, str], str]
    """Addresses by namespace and name."""

    def translate(self, text: str) -> str:
        """*text* as it has to read on this machine."""
        text = OWN.sub(self.address, text)
        for (namespace, name), address in self.services.items():
            short = "?" if namespace == self.namespace else ""
            full = rf"{re.escape(name)}(?:\.{re.escape(namespace)}(?:\.svc(?:\.cluster\.local)?)?){short}"
            text = re.sub(rf"(?<![\w.-]){full}(?=:\d)", address, text)
        return self.path(text).replace(MACHINE, HERE)

    def path(self, text: str) -> str:
        """*text* with the paths below a mount as they are on this machine."""
        if not self.mounts:
            return text
        deepest_first = "|".join(map(re.escape, sorted(self.mounts, key=len, reverse=True)))
        return re.sub(rf"(?<![\w./-])({deepest_first})(?![\w.-])", lambda found: str(self.mounts[found[1]]), text)
