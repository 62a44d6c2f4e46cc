"""What your code says through structlog, on our stream and in our form, unless you have configured structlog yourself.

Takes calls from any thread, gives lines. Removed, structlog is as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from structlog.typing import Processor


class Structured:
    """structlog's configuration while a worker runs, and its factory of loggers."""

    def __init__(self, write: Callable[[str], None], *, processors: Sequence[Processor], level: int) -> None:
        self._write = write
        self._processors = [structlog.contextvars.merge_contextvars, *processors]
        self._level = level

    def __call__(self, *_: object) -> Lines:
        """A logger."""
        return Lines(self._write)

    def install(self) -> None:
        """Configure it, where nobody but another worker has: a module of yours that does so later has the last word."""
        if structlog.is_configured() and not isinstance(_factory(), Structured):
            return
        structlog.configure(
            processors=self._processors,
            wrapper_class=structlog.make_filtering_bound_logger(self._level),
            logger_factory=self,
            cache_logger_on_first_use=False,
        )

    def remove(self) -> None:
        """Take it back, if it is still ours."""
        if _factory() is self:
            structlog.reset_defaults()


def _factory() -> object:
    return structlog.get_config()["logger_factory"]


class Lines:
    """What structlog calls a logger: a method for each level, here all the same."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = self.msg = write
