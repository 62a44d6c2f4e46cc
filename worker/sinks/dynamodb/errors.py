"""What an error of DynamoDB says about a batch: is it something in it, or is the table away. Pure.

What is known to be a record's fault refuses the batch, which is halved until the record is alone. Everything else is
passing, which loses nothing: a table that was dropped, or made anew with other keys, refuses every record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.errors import SinkRefused, SinkUnavailable

if TYPE_CHECKING:
    from worker.errors import SinkError
    from worker.sinks.aws.errors import AwsError

EXISTS: Final = "ConditionalCheckFailed"
MISSING: Final = "ResourceNotFound"
_RECORD: Final = frozenset({"ItemCollectionSizeLimitExceeded", "RequestEntityTooLarge", "Serialization", "Validation"})
_TABLE: Final = (
    "does not match the schema",
    "Missing the key",
    "Type mismatch for",
    "no such table",
)
"""In the words of a validation: the table has other keys or indexes than it had at the start."""


def in_write(error: AwsError, table: str) -> SinkError:
    """What *error* means for items that were on their way."""
    if error.code in _RECORD and not any(words in error.detail for words in _TABLE):
        return SinkRefused(f"DynamoDB: {error.code}")  # without its words, which may quote a value
    return SinkUnavailable(f"table {table}: {error}{reasons(error)}")


def reasons(error: AwsError) -> str:
    """Why it was throttled, as newer answers say, in brackets: `TableReadProvisionedThroughputExceeded`."""
    told = error.answer.get("ThrottlingReasons") or error.answer.get("throttlingReasons") or []
    names = dict.fromkeys(str(one.get("reason", "")) for one in told if isinstance(one, dict))
    return f" ({', '.join(filter(None, names))})" if any(names) else ""
