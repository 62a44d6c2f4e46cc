"""Where files go: folders by the time at which messages were sent, and names by what they hold. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message

Partition = Literal["hour", "day", "none"]

_SECONDS: Final[dict[Partition, int]] = {"hour": 3600, "day": 86_400}
_FORMS: Final[dict[Partition, str]] = {"hour": "dt=%Y-%m-%d/hour=%H/", "day": "dt=%Y-%m-%d/"}
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one pipeline."""

    prefix: str
    """Without slashes at its ends."""
    partition: Partition
    queue: str
    """What its files are called, before the name of each."""

    @property
    def root(self) -> str:
        """What every name begins with."""
        return f"{self.prefix}/" if self.prefix else ""

    def divided(self, messages: Sequence[Message]) -> dict[str, list[int]]:
        """Folder → which of *messages* go there, by their places, in order."""
        folders: dict[int, list[int]] = {}
        width = _SECONDS.get(self.partition)
        for place, message in enumerate(messages):
            folders.setdefault(int(message.sent_at // width) if width else 0, []).append(place)
        return {self._folder(number): places for number, places in folders.items()}

    def file(self, folder: str, name: str, suffix: str) -> str:
        """The whole name of a file."""
        return f"{folder}{_ODD.sub('-', self.queue)}-{name}{suffix}"

    def _folder(self, number: int) -> str:
        if self.partition == "none":
            return self.root
        began = datetime.fromtimestamp(number * _SECONDS[self.partition], UTC)
        return self.root + began.strftime(_FORMS[self.partition])
