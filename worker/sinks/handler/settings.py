"""The settings of SINK=handler."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from worker.plugins.setting import Seconds, Section, Variable
from worker.sqs.quotas import VISIBILITY_SECONDS

HANDLER_SECONDS_MAX: Final = VISIBILITY_SECONDS - 600
"""SQS takes a message back 12 h after its receipt, whatever is renewed; ten minutes are left for settling it."""
_HANDLER: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*[.:][^\W\d]\w*(\.[^\W\d]\w*)*")


def _dotted(text: str) -> str:
    if _HANDLER.fullmatch(text) is None:
        raise ValueError("give the place of a function, such as `package.module:function`")
    return text


class HandlerSettings(Section):
    """A function of yours."""

    function: Annotated[str, Variable("HANDLER", "`package.module:function`", single=True), AfterValidator(_dotted)]
    """Your function, for `SINK=handler`. Its module is found in the working folder or installed."""

    timeout_seconds: Annotated[Seconds, Variable("HANDLER_TIMEOUT_SECONDS"), Field(ge=1, le=HANDLER_SECONDS_MAX)] = (
        300.0
    )
    """Time limit of your function; then the message is retried. SQS's own end is 12 hours after the receipt."""
