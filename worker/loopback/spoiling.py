"""What a fault rule makes of an answer: another status, a page, fewer bytes, a dead connection, damaged messages.

Takes the answer SQS would give (or none), gives the one the client gets; pure but for the plan's own dice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.loopback.errors import SqsFault
    from worker.loopback.faults import FaultPlan, FaultRule
    from worker.loopback.rendering import Json

JSON_TYPE: Final = "application/x-amz-json-1.0"
_PAGE: Final = b"<!doctype html><html><body><h1>Please sign in to the network</h1></body></html>"
_BUSY: Final = b"<html><body><b>Http/1.1 Service Unavailable</b></body></html>"
_WRONG_MD5: Final = "d41d8cd98f00b204e9800998ecf8427e"
"""The MD5 of nothing: no accepted body has it, since empty bodies are refused."""


class Reply(NamedTuple):
    """One HTTP answer, and what happens to the connection after it."""

    status: int
    body: bytes
    request_id: str | None = None
    content_type: str = JSON_TYPE
    query_error: str | None = None
    cut: int | None = None
    """Bytes that leave, head included; None: all."""
    ending: Literal["keep", "close", "reset", "silence"] = "keep"


def spoilt(rule: FaultRule, reply: Reply | None, refuse: Callable[[SqsFault], Reply]) -> Reply:
    """*reply* as *rule* lets it through; it is None where the operation was not performed."""
    reply = reply or Reply(200, b"{}")
    match rule.action:
        case "error" | "expired_token":
            changed = refuse(rule.fault())
        case "status":
            changed = Reply(rule.status or 503, _BUSY, content_type="text/html")
        case "html":
            changed = Reply(200, _PAGE, content_type="text/html")
        case "no_request_id":
            changed = reply._replace(request_id=None)
        case "truncate":
            changed = reply._replace(cut=rule.size, ending="close")
        case "lose_answer":
            changed = reply._replace(cut=0, ending="close")
        case "reset":
            changed = reply._replace(cut=0, ending="reset")
        case _:
            changed = reply._replace(cut=0, ending="silence")
    return changed


def damaged(messages: list[Json], plan: FaultPlan) -> list[Json]:
    """Received messages doubled, shuffled, with wrong MD5s and with fields missing."""
    wrong, missing = plan.first("wrong_md5"), plan.first("missing_field")
    shown = []
    for message in plan.arranged(messages):
        one = {**message, "MD5OfBody": _WRONG_MD5} if plan.hit(wrong) else message
        if missing is not None and plan.hit(missing):
            one = {name: value for name, value in one.items() if name != missing.field}
        shown.append(one)
    return shown
