"""What libraries say through `logging`, on our stream and in our form.

Takes records from any thread, gives lines. While installed it is the root's only handler; removed, `logging` is as it
was. The SDK's loggers are held at INFO whatever our level: below it botocore prints credentials and bodies.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from structlog.typing import EventDict, Processor

TALKATIVE: Final = ("botocore", "aiobotocore", "boto3", "aiohttp", "urllib3", "s3transfer", "asyncio")
"""Loggers whose DEBUG is not for production: the SDK's prints secrets, the others print every request."""


OF_A_RECORD: Final = frozenset({*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"})
"""Attributes that every record has."""
STRAY: Final = logging.getLogger("worker.stray")
"""What is raised where nobody is to catch it; Python would print its traceback to stderr."""
CREDENTIALS: Final = frozenset({"botocore.credentials", "aiobotocore.credentials"})


class Bridge(logging.Handler):
    """The root handler."""

    def __init__(
        self, write: Callable[[str], None], *, head: Sequence[Processor], tail: Sequence[Processor], level: int
    ) -> None:
        super().__init__()
        self._write = write
        self._root_level = level
        self.failures = 0
        """Records that could not be formatted. Written by `handleError`, on any thread; read by `Logs.dropped`."""
        self._before: tuple[list[logging.Handler], int, dict[str, int]] = ([], logging.WARNING, {})
        """Root handlers, root level and talkative loggers' levels before `install`, which writes them."""
        remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        before = [structlog.contextvars.merge_contextvars, *head, _extras]
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=[remove_meta, *tail])
        )
        self.addFilter(_quiet_enough)
        self.addFilter(_Once())

    def install(self) -> None:
        """Take over the root logger and Python's warnings."""
        root = logging.getLogger()
        self._before = (root.handlers[:], root.level, {n: logging.getLogger(n).level for n in TALKATIVE})
        root.handlers[:] = [self]
        root.setLevel(self._root_level)
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(max(logging.INFO, self._root_level))
        logging.captureWarnings(capture=True)
        threading.excepthook, sys.unraisablehook = _in_thread, _in_finalizer

    def remove(self) -> None:
        """Give `logging` back."""
        root = logging.getLogger()
        root.handlers[:], level, levels = self._before
        root.setLevel(level)
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)
        logging.captureWarnings(capture=False)
        threading.excepthook, sys.unraisablehook = threading.__excepthook__, sys.__unraisablehook__

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*, or count it."""
        try:
            self._write(self.format(record))
        except Exception:  # noqa: BLE001 - as logging itself does: a bad record may not hurt who logged it
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the name and arguments are logging's
        """Count instead of printing a traceback to stderr."""
        self.failures += 1


def _extras(_: object, __: str, event: EventDict) -> EventDict:
    """What `extra` gave to the line; what would stand in the place of a word of ours has `extra_` in front."""
    for name, value in event["_record"].__dict__.items():
        if name not in OF_A_RECORD:
            event[f"extra_{name}" if name in event else name] = value
    return event


def _in_thread(hooked: threading.ExceptHookArgs, /) -> None:
    """A thread of a library or of yours has died."""
    if hooked.exc_value is not None and not issubclass(hooked.exc_type, SystemExit):
        name = hooked.thread.name if hooked.thread is not None else "unknown"
        STRAY.error("the thread %s has died", name, exc_info=hooked.exc_value)


def _in_finalizer(hooked: sys.UnraisableHookArgs, /) -> None:
    """An error where nobody can catch it, such as in a `__del__`."""
    STRAY.error("%s: %r", hooked.err_msg or "an error that no code can catch, raised in", hooked.object,
                exc_info=hooked.exc_value)  # fmt: skip


class _Once:
    """Lets through once what the SDK says of its credentials, and says again for each client: one for each queue."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        """Written by `filter`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for what was said before."""
        if record.levelno != logging.INFO or record.name not in CREDENTIALS:
            return True
        text = record.getMessage()
        new = text not in self._said
        self._said.add(text)
        return new


def _quiet_enough(record: logging.LogRecord) -> bool:
    """False for the DEBUG of a talkative logger, even where somebody lowered the level of a child of it."""
    return record.levelno >= logging.INFO or record.name.partition(".")[0] not in TALKATIVE
