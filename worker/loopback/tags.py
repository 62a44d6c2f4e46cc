"""A queue's tags: what may be added and taken away.

Takes the tags there are, gives the new ones or raises the fault; pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.loopback.errors import SqsFault, missing_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TAGS_MAX: Final = 50
_KEY_CHARACTERS: Final = 128
_VALUE_CHARACTERS: Final = 256


def tagged(queue: str, tags: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """*tags* with *more*, which must be some."""
    if not more:
        raise missing_parameter("Tags")
    _check_keys(more)
    if any(len(value) > _VALUE_CHARACTERS for value in more.values()):
        raise _invalid(f"Tag values must be between 0 and {_VALUE_CHARACTERS} characters in length.")
    merged = {**tags, **more}
    if len(merged) > _TAGS_MAX:
        raise _invalid(f"Too many tags added for queue {queue}.")
    return merged


def untagged(tags: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """*tags* without *keys*, which must be some; one that is not there is no mistake."""
    _check_keys(keys or [""])
    return {key: value for key, value in tags.items() if key not in keys}


def _check_keys(keys: Mapping[str, str] | Sequence[str]) -> None:
    if not all(1 <= len(key) <= _KEY_CHARACTERS for key in keys):
        raise _invalid(f"Tag keys must be between 1 and {_KEY_CHARACTERS} characters in length.")


def _invalid(detail: str) -> SqsFault:
    return SqsFault("InvalidParameterValueException", detail)
