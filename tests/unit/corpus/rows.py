"""The table of the hostile corpus: what is received, and the one outcome it may have.

A row whose subject the worker does not have (Avro, pointers to S3, compression and the like) names it in `lacks`; such
a body is plain data, refused by the json codec or stored literally, and nothing is fetched or unpacked for it.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import pickle
import zipfile
import zlib
from dataclasses import dataclass
from typing import Final

from worker.codecs.codec import Reason

MIB: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Row:
    """One input of the corpus."""

    id: str
    name: str
    body: str
    reason: Reason | None
    """None: the sink has it, literally."""
    codec: str = "json"
    key: str | None = None
    stored_key: str | None = None
    """What the row is found under; None: the message id."""
    lacks: str = ""

    def __str__(self) -> str:
        return f"{self.id}-{self.name}-{self.codec}"


def array(item: str, count: int) -> str:
    return '{"a":[' + ",".join([item] * count) + "]}"


def nest(depth: int) -> str:
    return '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


def padded(size: int) -> str:
    return '{"a":"' + "x" * (size - len('{"a":""}')) + '"}'


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def lacking(number: str, name: str, feature: str, body: str, reason: Reason = Reason.DECODE) -> list[Row]:
    """A format that we do not read: no JSON for the one codec, text like any other for the other."""
    return [Row(number, name, body, reason, lacks=feature), Row(number, name, body, None, codec="text", lacks=feature)]


def literal(number: str, name: str, feature: str, value: object) -> Row:
    """JSON that means something to others, and is an object like any other here."""
    return Row(number, name, json.dumps(value), None, lacks=feature)


def bomb() -> bytes:
    """A hundred mebibytes in a hundred kilobytes, made without ever holding them."""
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(100)) + packer.flush()


def archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("../../etc/cron.d/owned", "* * * * * root true")
    return packed.getvalue()


def pointer(**fields: object) -> str:
    return json.dumps(["software.amazon.payloadoffloading.PayloadS3Pointer", fields])


CERTIFICATE: Final = "https://sns.attacker.example/cert.pem"
NOTICE: Final = {"Type": "Notification", "Message": '{"n":1}', "Signature": "x", "SigningCertURL": CERTIFICATE}
EVENT: Final = {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "a%2Fb+c%00.txt"}}}]}
METADATA: Final = "http://169.254.169.254/latest/meta-data/"
GADGET: Final = b"cbuiltins\neval\n(S'1/0'\ntR."

ROWS: Final = [
    Row("B01", "empty", "", Reason.EMPTY),
    Row("B01", "blank", " \t\r\n ", Reason.EMPTY),
    Row("B01", "blank", " \t\r\n ", None, codec="text"),
    Row("B02", "word", "hello", Reason.DECODE),
    Row("B02", "word", "hello", None, codec="text"),
    Row("B02", "page", "<html><body>503</body></html>", Reason.DECODE),
    Row("B03", "array", '[{"a":1}]', Reason.SCHEMA),
    Row("B03", "number", "42", Reason.SCHEMA),
    Row("B03", "null", "null", Reason.SCHEMA),
    Row("B04", "nan", '{"a":NaN}', Reason.NUMBER),
    Row("B04", "infinity", '{"a":-Infinity}', Reason.NUMBER),
    Row("B04", "beyond-a-double", '{"a":1e999}', Reason.NUMBER),
    Row("B05", "32-digits", '{"a":' + "9" * 32 + "}", None),
    Row("B05", "4300-digits", '{"a":' + "9" * 4_300 + "}", Reason.NUMBER),
    Row("B05", "5000-digits", '{"a":' + "9" * 5_000 + "}", Reason.NUMBER),
    Row("B06", "mebibyte-of-long-integers", array("9" * 4_300, 243), Reason.NUMBER),
    Row("B07", "exponent-of-a-million", '{"a":1e1000000}', Reason.NUMBER),
    Row("B07", "as-a-key", '{"id":1e1000000}', Reason.NUMBER, key="id"),
    Row("B08", "mebibyte-of-1e308", array("1e308", 174_000), Reason.SIZE),
    Row("B08", "as-many-as-allowed", array("1e308", 99_000), None),
    Row("B09", "depth-100000", nest(100_000), Reason.DEPTH),
    Row("B09", "depth-1025", nest(1_025), Reason.DEPTH),
    Row("B09", "depth-512", nest(512), Reason.DEPTH),
    Row("B09", "depth-64", nest(64), None),
    Row("B10", "mebibyte-of-objects", array("{}", 349_000), Reason.SIZE),
    Row("B10", "as-many-as-allowed", array("{}", 99_000), None),
    Row("B11", "95000-keys", "{" + ",".join(f'"k{n}":1' for n in range(95_000)) + "}", Reason.KEYS),
    Row("B12", "last-wins", '{"id":"first","id":"last"}', None, key="id", stored_key="last"),
    Row("B13", "escaped-surrogate", '{"a":"\\ud800"}', Reason.UNICODE),
    Row("B13", "raw-surrogate", '{"a":"\ud800"}', Reason.UNICODE),
    Row("B13", "raw-surrogate", "\ud800", Reason.UNICODE, codec="text"),
    Row("B14", "escaped", '{"a":"x\\u0000y"}', None),
    Row("B14", "in-the-key", '{"id":"x\\u0000y"}', None, key="id", stored_key="x\0y"),
    Row("B14", "raw", '{"a":"\0"}', Reason.DECODE),
    Row("B15", "byte-order-mark", '\ufeff{"a":1}', Reason.UNICODE),
    Row("B15", "utf-16", '{"a":1}'.encode("utf-16").decode("latin-1"), Reason.UNICODE),
    Row("B15", "bad-utf-8", text(b'{"a":"\xff\xfe"}'), Reason.DECODE),
    Row("B16", "escaped-controls", '{"a":"\\u001b[31m\\r\\nINFO forged"}', None),
    Row("B16", "refused-with-controls", '\x1b[31m\r\n{"event":"forged"}', Reason.DECODE),
    Row("B17", "the-limit", padded(MIB), None),
    Row("B17", "one-byte-over", padded(MIB + 1), Reason.SIZE),
    Row("B18", "any-type", '{"id":5,"a":null,"b":"' + "x" * 100_000 + '"}', None, key="id", stored_key="number:5"),
    Row("B19", "values", '{"a":"\'); DROP TABLE messages; --"}', None),
    Row(
        "B19",
        "as-a-key",
        '{"id":"\'); DROP TABLE messages; --"}',
        None,
        key="id",
        stored_key="'); DROP TABLE messages; --",
    ),
    literal("B20", "table-and-column", "routing by content", {"table": 'x"; DROP TABLE messages', "column": "body--"}),
    literal("B21", "object-key", "S3 key templates", {"key": "../../etc/passwd%00" + "a" * 2_000}),
    Row("B21", "as-a-key", '{"id":"../../etc/passwd%00"}', None, key="id", stored_key="../../etc/passwd%00"),
    Row("B21", "long-key", '{"id":"' + "../" * 700 + '"}', Reason.KEY, key="id"),
    Row("B22", "templates", '{"a":"{{7*7}} %s {0.__class__} ${jndi:ldap://x}"}', None),
    Row("B22", "templates", "{{7*7}} %s %n {0.__class__.__mro__}", None, codec="text"),
    *lacking("B23", "pickle", "unpickling", text(pickle.dumps({"a": 1}))),
    *lacking("B23", "gadget", "unpickling", GADGET.decode()),
    *lacking("B23", "yaml", "YAML", "!!python/object/apply:builtins.eval ['1/0']"),
    *lacking("B24", "laughs", "XML", '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>'),
    *lacking("B24", "entity", "XML", f'<!DOCTYPE l [<!ENTITY x SYSTEM "{METADATA}">]><l>&x;</l>'),
    *lacking("B25", "bomb", "compression", text(bomb())),
    *lacking("B26", "twice", "compression", text(gzip.compress(gzip.compress(b'{"a":1}')))),
    *lacking("B27", "traversal", "archives", text(archive())),
    *lacking("B28", "container", "Avro", text(b"Obj\x01\x04\x14avro.codec\x0edeflate" + bomb()[:60_000])),
    *lacking("B29", "nulls", "Avro", text(b"\x80\xda\xc4\x13\x00")),
    literal("B30", "schema-inside", "Avro", {"schema_id": 999, "schema": {"type": "record", "fields": ["self"]}}),
    literal("B30", "registry", "Avro", {"schema_registry": METADATA, "payload": "AAAA"}),
    *lacking("B31", "thousand-deep", "Protobuf", text(b"\x0b" * 1_000 + b"\x0c" * 1_000)),
    *lacking("B31", "over-claim", "Protobuf", text(b"\x0a\xff\xff\xff\xff\x0fx")),
    *lacking("B32", "columns", "CSV", "," * 1_000_000, Reason.SIZE),
    *lacking("B32", "formula", "CSV", "=cmd|'/C calc'!A0,+1,-1,@SUM(A1)"),
    literal("B33", "forged-certificate", "SNS envelopes", NOTICE),
    literal("B33", "double-wrapped", "SNS envelopes", NOTICE | {"Message": json.dumps(NOTICE)}),
    literal("B33", "missing", "SNS envelopes", {"Type": "Notification"}),
    literal("B34", "encoded-key", "S3 events", EVENT),
    literal("B34", "test-event", "S3 events", {"Service": "Amazon S3", "Event": "s3:TestEvent"}),
    *lacking("B35", "confused-deputy", "S3 pointers", pointer(s3BucketName="theirs", s3Key="secret"), Reason.SCHEMA),
    *lacking("B36", "nothing-there", "S3 pointers", pointer(s3BucketName="ours", s3Key="404"), Reason.SCHEMA),
    *lacking(
        "B37", "five-gibibytes", "S3 pointers", pointer(s3BucketName="ours", s3Key="5GiB", size=5 << 30), Reason.SCHEMA
    ),
    Row("B43", "missing", '{"a":1}', Reason.KEY, key="id"),
    Row("B43", "null", '{"id":null}', Reason.KEY, key="id"),
    Row("B43", "nested", '{"id":{"id":1}}', Reason.KEY, key="id"),
    Row("B43", "mebibyte", '{"id":"' + "x" * (MIB - 20) + '"}', Reason.KEY, key="id"),
    Row("B44", "times", '{"at":"0000-01-01T00:00:00Z","to":"99999-12-31","leap":"2016-12-31T23:59:60Z"}', None),
    Row("B44", "as-a-key", '{"id":-62135596800}', None, key="id", stored_key="number:-62135596800"),
]

ELSEWHERE: Final = {
    "B38": "test_b38_a_crafted_handle_is_carried_and_never_read",
    "B39": "test_b39_ten_ugly_attributes_are_stored_and_fit_into_the_dead_letter",
    "B40": "test_b40_a_forged_dead_letter_attribute_is_replaced_by_ours",
    "B41": "test_b41_a_bad_trace_context_is_an_attribute_like_any_other",
    "B42": "test_b42_groups_leave_nothing_behind",
}
"""Rows that are not about the body alone, and their tests."""
