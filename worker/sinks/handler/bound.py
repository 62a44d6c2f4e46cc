"""What every log line of one call of your code says of itself: which pipeline, which message, which receipt of it.

Takes the messages of a call, in the context in which it runs; whoever writes a line reads the context. The names are
those under which structlog looks for bound values, so that a configuration of your own finds them, too.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message

NAMED_MAX: Final = 10
"""Ids of a batch in each line of its call."""

_PIPELINE: Final[ContextVar[object]] = ContextVar("structlog_pipeline")
_MESSAGE: Final[ContextVar[object]] = ContextVar("structlog_message_id")
_RECEIPT: Final[ContextVar[object]] = ContextVar("structlog_receive_count")
_MESSAGES: Final[ContextVar[object]] = ContextVar("structlog_message_ids")
_COUNT: Final[ContextVar[object]] = ContextVar("structlog_messages")


def bind(pipeline: str, messages: Sequence[Message], *, batch: bool) -> None:
    """Say from now on in this context that *messages* of *pipeline* are handled."""
    _PIPELINE.set(pipeline)
    if batch:
        _MESSAGES.set([message.id for message in messages[:NAMED_MAX]])
        _COUNT.set(len(messages))
    else:
        _MESSAGE.set(messages[0].id)
        _RECEIPT.set(messages[0].receive_count)
