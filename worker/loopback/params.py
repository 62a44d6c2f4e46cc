"""A request's JSON, read with suspicion: each value has the type the model says, or the request is refused.

Takes the decoded body, gives typed values or raises the fault; pure.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

import orjson

from worker.loopback.errors import SqsFault, missing_parameter
from worker.message import NO_ATTRIBUTES, Attribute, Outgoing
from worker.sqs.limits import BATCH_ENTRIES, BATCH_ID_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

_BATCH_ID: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{BATCH_ID_CHARACTERS}}}")


def _wrong(name: str, what: str) -> SqsFault:
    return SqsFault("SerializationException", f"{name} is not {what}.")


class Params:
    """One JSON object of a request."""

    __slots__ = ("_values",)

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
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise _wrong(name, "a list of strings")
        return value

    def text_map(self, name: str) -> dict[str, str]:
        """An object of strings; empty if it is not there."""
        value = self._values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise _wrong(name, "an object of strings")
        return value

    def objects(self, name: str) -> dict[str, Params]:
        """An object of objects; empty if it is not there."""
        value = self._values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
            raise _wrong(name, "an object of objects")
        return {key: Params(one) for key, one in value.items()}

    def entries(self) -> list[Params]:
        """The entries of a batch: 1 to 10, each with its own well-formed Id."""
        value = self._values.get("Entries")
        if not isinstance(value, list | None) or not all(isinstance(one, dict) for one in value or ()):
            raise _wrong("Entries", "a list of objects")
        if not value:
            raise SqsFault("EmptyBatchRequest", "There should be at least one entry in the request.")
        if len(value) > BATCH_ENTRIES:
            detail = f"Maximum number of entries per request are {BATCH_ENTRIES}. You have sent {len(value)}."
            raise SqsFault("TooManyEntriesInBatchRequest", detail)
        entries = [Params(one) for one in value]
        ids = [one.text("Id") for one in entries]
        if not all(map(_BATCH_ID.fullmatch, ids)):
            detail = "A batch entry id can only contain alphanumeric characters, hyphens and underscores, at most 80."
            raise SqsFault("InvalidBatchEntryId", detail)
        if len(set(ids)) != len(ids):
            repeated = next(one for one in ids if ids.count(one) > 1)
            raise SqsFault("BatchEntryIdsNotDistinct", f"Id {repeated} repeated.")
        return entries

    def outgoing(self) -> Outgoing:
        """The message of a send or of one of its entries."""
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
            trace["AWSTraceHeader"].text("StringValue") if trace else None,
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
