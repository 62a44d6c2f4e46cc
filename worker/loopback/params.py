"""A request's JSON, read with suspicion: each value has the type the model says, or the request is refused.

Takes the decoded body, gives typed values or raises the fault; pure.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import orjson

from worker.loopback.errors import SqsFault, missing_parameter
from worker.loopback.long_poll import ReceiveRequest
from worker.message import NO_ATTRIBUTES, Attribute, Outgoing
from worker.sqs.quotas import BATCH_ENTRIES, BATCH_ID_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_BATCH_ID: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{BATCH_ID_CHARACTERS}}}")
_REMEMBERED_BYTES: Final = 2048
"""Longer bodies are read anew each time, so that what is remembered stays small."""


def _wrong(name: str, what: str) -> SqsFault:
    return SqsFault("SerializationException", f"{name} is not {what}.")


class ReceiveParams(NamedTuple):
    """What a ReceiveMessage asks for, its queue apart."""

    request: ReceiveRequest
    system: tuple[str, ...]
    """Names of system attributes to show."""
    attributes: Sequence[str]
    """Names and prefixes of message attributes to show."""


class Params:
    """One JSON object of a request."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    @classmethod
    def parse(cls, body: bytes) -> Params:
        """The parameters of a request with this body; an empty one has none."""
        try:
            values = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError as error:
            raise SqsFault("SerializationException", f"The body is not JSON: {error}.") from None
        if not isinstance(values, dict):
            raise _wrong("The body", "a JSON object")
        return cls(values)

    @classmethod
    def remembered(cls, body: bytes) -> Params:
        """As `parse`, for receives: a client asks with the same bytes again and again, so they are read once."""
        return _parsed(body) if len(body) <= _REMEMBERED_BYTES else cls.parse(body)

    def optional_text(self, name: str) -> str | None:
        """A string, or None."""
        value = self._values.get(name)
        if value is None or isinstance(value, str):
            return value
        raise _wrong(name, "a string")

    def text(self, name: str) -> str:
        """A string that must be there."""
        value = self.optional_text(name)
        if value is None:
            raise missing_parameter(name)
        return value

    def optional_integer(self, name: str) -> int | None:
        """An integer, or None."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong(name, "an integer")
        return value

    def integer(self, name: str) -> int:
        """An integer that must be there."""
        value = self.optional_integer(name)
        if value is None:
            raise missing_parameter(name)
        return value

    def texts(self, name: str) -> list[str]:
        """A list of strings; empty if it is not there."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not _all(str, value):
            raise _wrong(name, "a list of strings")
        return value

    def text_map(self, name: str) -> dict[str, str]:
        """An object of strings; empty if it is not there."""
        value = self._values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or not _all(str, value.values()):
            raise _wrong(name, "an object of strings")
        return value

    def objects(self, name: str) -> dict[str, Params]:
        """An object of objects; empty if it is not there."""
        value = self._values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or not _all(dict, value.values()):
            raise _wrong(name, "an object of objects")
        return {key: Params(one) for key, one in value.items()}

    @cached_property
    def receive(self) -> ReceiveParams:
        """The parameters of a ReceiveMessage."""
        system = self.texts("MessageSystemAttributeNames") or self.texts("AttributeNames")
        attributes = self.texts("MessageAttributeNames")
        limit = self.optional_integer("MaxNumberOfMessages")
        visibility = self.optional_integer("VisibilityTimeout")
        wait, attempt = self.optional_integer("WaitTimeSeconds"), self.optional_text("ReceiveRequestAttemptId")
        return ReceiveParams(
            ReceiveRequest(1 if limit is None else limit, wait, visibility, attempt), tuple(system), attributes
        )

    def entries(self) -> BatchEntries:
        """The entries of a batch: 1 to 10, each with its own well-formed Id."""
        value = self._values.get("Entries")
        if value is not None and not (isinstance(value, list) and _all(dict, value)):
            raise _wrong("Entries", "a list of objects")
        if not value:
            raise SqsFault("EmptyBatchRequest", "There should be at least one entry in the request.")
        if len(value) > BATCH_ENTRIES:
            detail = f"Maximum number of entries per request are {BATCH_ENTRIES}. You have sent {len(value)}."
            raise SqsFault("TooManyEntriesInBatchRequest", detail)
        entries = BatchEntries(value)
        _check_ids(tuple(entries.ids))
        return entries

    def outgoing(self, trace_header: str | None = None) -> Outgoing:
        """The message of a send or of one of its entries; its own trace header goes before the request's."""
        trace = self.objects("MessageSystemAttributes")
        if set(trace) - {"AWSTraceHeader"}:
            raise SqsFault("InvalidParameterValueException", "Only AWSTraceHeader may be sent as a system attribute.")
        attributes = self.objects("MessageAttributes")
        return Outgoing(
            self.text("MessageBody"),
            {name: one.attribute() for name, one in attributes.items()} if attributes else NO_ATTRIBUTES,
            self.optional_text("MessageGroupId"),
            self.optional_text("MessageDeduplicationId"),
            self.optional_integer("DelaySeconds"),
            trace["AWSTraceHeader"].text("StringValue") if trace else trace_header,
        )

    def attribute(self) -> Attribute:
        """A message attribute; a wrong pairing of type and value is left to the contents check."""
        binary = self.optional_text("BinaryValue")
        if binary is None:
            return Attribute(self.text("DataType"), self.optional_text("StringValue") or "")
        try:
            return Attribute(self.text("DataType"), base64.b64decode(binary, validate=True))
        except binascii.Error:
            raise _wrong("BinaryValue", "base64") from None


class BatchEntries:
    """The entries of a batch: JSON objects that each have an Id."""

    def __init__(self, rows: list[dict[str, object]]) -> None:
        self._rows = rows
        self.ids = self.texts("Id")

    def __iter__(self) -> Iterator[Params]:
        return map(Params, self._rows)

    def texts(self, name: str) -> list[str]:
        """The string *name* of each entry, which must be there."""
        found = [row.get(name) for row in self._rows]
        return cast("list[str]", found) if _all(str, found) else [one.text(name) for one in self]


def _all(kind: type, values: Iterable[object]) -> bool:
    """Whether every one is of this very type, which is all that JSON has."""
    found = [*map(type, values)]
    return found.count(kind) == len(found)


@lru_cache(maxsize=256)
def _parsed(body: bytes) -> Params:
    return Params.parse(body)


@lru_cache(maxsize=256)
def _check_ids(ids: tuple[str, ...]) -> None:
    """Refuse ids that no batch may have; most clients count from 0, so what passed is remembered."""
    if not all(map(_BATCH_ID.fullmatch, ids)):
        detail = "A batch entry id can only contain alphanumeric characters, hyphens and underscores, at most 80."
        raise SqsFault("InvalidBatchEntryId", detail)
    if len(set(ids)) != len(ids):
        repeated = next(one for one in ids if ids.count(one) > 1)
        raise SqsFault("BatchEntryIdsNotDistinct", f"Id {repeated} repeated.")
