"""What no log line may hold: secrets, and characters that could forge a line or steer a terminal.

Takes strings, gives strings. Both are nets behind the rule that nobody logs secrets or bodies, for the texts that
others write: SDK messages, database errors, a handler's exceptions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK: Final = "***"
TEXT_CHARACTERS: Final = 2_000
"""A longer text is cut: one error may not fill the disk, nor the writer's buffer."""
LOOK_CHARACTERS: Final = 4 * TEXT_CHARACTERS
"""How much of a text is searched for secrets. More than is ever shown, so that no secret is cut in half and missed."""
SECRET_CHARACTERS_MIN: Final = 6
"""Shorter values are not masked by value: they would punch holes into every line."""

_NAMES: Final = (
    r"authorization|x-amz-security-token|x-amz-signature|x-amz-credential"
    r"|(?:aws)?[_-]?secret[_-]?(?:access)?[_-]?key(?:[_-]?id)?|(?:aws)?[_-]?(?:session|security)[_-]?token"
    r"|password|passwd|pwd|api[_-]?key|access[_-]?token|client[_-]?secret|receipt[_-]?handle"
)
_VALUE: Final = r"""(?:b?\\?"[^"\r\n]*"?|b?\\?'[^'\r\n]*'?|[^\s,;&<"'})\]]+)"""
_PATTERNS: Final = (
    # A header's value runs to the end of its line or its quotes: "AWS4-HMAC-SHA256 Credential=..., Signature=...".
    (re.compile(r"""(?i)\b(authorization\\?["']?\s*[:=,]\s*(?:b?\\?["'])?)[^"'\r\n]+"""), rf"\1{MASK}"),
    (re.compile(r"""(?i)\bAWS4-[A-Z0-9-]+\s+Credential=[^"'\r\n]*"""), MASK),
    (re.compile(rf"""(?i)((?:\b|_)(?:{_NAMES})\\?["']?\s*[:=>]\s*){_VALUE}"""), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]+"), rf"\1{MASK}"),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), rf"\1{MASK}@"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), MASK),
)
_SECRET_KEY: Final = re.compile(rf"(?i)^(?:{_NAMES})$")

_C0: Final = r"\x00-\x1f"
_HIDDEN: Final = r"\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
"""DEL, the C1 controls (an 8-bit terminal obeys them), line separators, directional marks, lone surrogates."""
_CONTROLS: Final = re.compile(f"[{_C0}{_HIDDEN}]")


class Redactor:
    """Masks secrets by how they are written, and the given ones by their value."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({s for s in secrets if len(s) >= SECRET_CHARACTERS_MIN}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        """*text* without secrets, and without what is too far behind to be shown."""
        text = text[:LOOK_CHARACTERS]
        if self._known is not None:
            text = self._known.sub(MASK, text)
        if text.isidentifier():
            return text
        for pattern, put in _PATTERNS:
            text = pattern.sub(put, text)
        return text

    def value(self, name: str, value: object) -> object:
        """The *value* of the field *name*, without secrets; containers are looked through."""
        if _SECRET_KEY.match(name):
            return MASK
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "replace"))
        if isinstance(value, dict):
            return {str(key): self.value(str(key), inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value("", inner) for inner in value]
        return value


def plain(text: str) -> str:
    """*text* on one line and without anything a terminal or a line reader obeys; what was there stays visible."""
    if len(text) > TEXT_CHARACTERS:
        text = f"{text[:TEXT_CHARACTERS]}… ({len(text)} characters)"
    return _CONTROLS.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = ord(found[0])
    return f"\\x{character:02x}" if character <= 0xFF else f"\\u{character:04x}"  # noqa: PLR2004 - one byte or two
