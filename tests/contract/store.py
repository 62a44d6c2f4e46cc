"""An S3 for tests: moto's, behind a front that checks what moto does not, and that fails on command.

The front refuses a body that does not have its checksum, as S3 does and moto does not. What it does besides is a list
of `Fault`s, each for one request; `away` and `pause_seconds` are for all. On 127.0.0.1, in threads of this process.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
import time
import zlib
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import boto3
import orjson
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


KEYS: Final = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
_SAID: Final = "<Error><Code>{}</Code><Message>its words</Message></Error>"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request."""

    operation: str
    """`PUT object`, `POST uploads`, `PUT part`, `POST complete`, `DELETE upload`."""
    kind: Literal["refused", "lost", "wrong", "plain", "bare"]
    """Refused with *code*; done, and answered with *code*; done, and answered with a wrong checksum, with an ETag alone
    as older stores do, or with nothing that is true."""
    code: str = "InternalError"
    status: int = 500


@dataclass(slots=True)
class Store:
    """The S3."""

    url: str = ""
    """Written once, by `store`."""
    faults: list[Fault] = field(default_factory=list)
    """Used up one by one."""
    requests: list[str] = field(default_factory=list)
    """What was asked for, in order."""
    away: bool = False
    pause_seconds: float = 0.0
    """Before each answer."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def client(self) -> Any:
        """boto3's."""
        return boto3.client("s3", endpoint_url=self.url, **KEYS, config=Config(retries={"total_max_attempts": 1}))

    def take(self, operation: str) -> Fault | None:
        """The next fault of *operation*, which is over by that."""
        with self.lock:
            self.requests.append(operation)
            found = next((fault for fault in self.faults if fault.operation == operation), None)
            if found:
                self.faults.remove(found)
            return found

    def files(self, bucket: str) -> dict[str, bytes]:
        """Name → bytes."""
        client = self.client
        listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {o["Key"]: client.get_object(Bucket=bucket, Key=o["Key"])["Body"].read() for o in listed}

    def keys(self, bucket: str) -> list[str]:
        """Of all rows, by NDJSON."""
        return [row["message_id"] for row in self.rows(bucket)]

    def rows(self, bucket: str) -> list[dict[str, Any]]:
        """Of all files of NDJSON."""
        files = {name: data for name, data in self.files(bucket).items() if name.endswith(".ndjson.gz")}
        return [orjson.loads(line) for data in files.values() for line in gzip.decompress(data).splitlines()]

    def uploads(self, bucket: str) -> list[str]:
        """Names of uploads that were begun and neither completed nor given up."""
        return [one["Key"] for one in self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


@contextmanager
def store() -> Iterator[Store]:
    """A store, as long as the block lasts."""
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        create_backend_app,
    )

    # a second of imports
    from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415  # as above

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: object) -> None:
            """Nothing."""

    made = Store()
    front = _Front(made, DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, front, threaded=True, request_handler=Quiet)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Front:
    """A WSGI application before another."""

    def __init__(self, store: Store, behind: Any) -> None:
        self._store = store
        self._behind = behind

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        operation = _operation(environ)
        fault = self._store.take(operation)
        time.sleep(self._store.pause_seconds)  # a store that is slow, which no event could tell apart
        if self._store.away:
            return _error(start, 503, "SlowDown")
        if not _checksum_holds(environ, body):
            return _error(start, 400, "BadDigest")
        if fault and fault.kind == "refused":
            return _error(start, fault.status, fault.code)
        answered: list[Any] = []
        content = list(self._behind(environ, lambda *said: answered.extend(said)))
        if fault and fault.kind == "lost":
            return _error(start, fault.status, fault.code)
        headers = [*answered[1], *_echoed(environ, answered)]
        start(answered[0], [_spoilt(header, fault.kind) for header in headers] if fault else headers)
        return content


def _echoed(environ: dict[str, Any], answered: list[Any]) -> list[tuple[str, str]]:
    """The checksum of what was put, which S3 answers with, and moto does not."""
    there = {name.lower() for name, _ in answered[1]}
    names = {"HTTP_X_AMZ_CHECKSUM_SHA256": "x-amz-checksum-sha256", "HTTP_X_AMZ_CHECKSUM_CRC32": "x-amz-checksum-crc32"}
    stored = environ["REQUEST_METHOD"] == "PUT" and answered[0].startswith("200")
    return [
        (name, environ[given]) for given, name in names.items() if stored and given in environ and name not in there
    ]


def _operation(environ: dict[str, Any]) -> str:
    method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
    if "uploads" in query:
        return f"{method} uploads"
    if "uploadId" in query:
        return f"{method} " + {"PUT": "part", "POST": "complete", "DELETE": "upload"}.get(method, "upload")
    return f"{method} object" if environ["PATH_INFO"].count("/") > 1 else f"{method} bucket"


def _checksum_holds(environ: dict[str, Any], body: bytes) -> bool:
    said: dict[str, Callable[[], bytes]] = {
        "HTTP_X_AMZ_CHECKSUM_SHA256": lambda: hashlib.sha256(body).digest(),
        "HTTP_X_AMZ_CHECKSUM_CRC32": lambda: zlib.crc32(body).to_bytes(4, "big"),
    }
    return all(environ[name] == b64encode(of()).decode() for name, of in said.items() if name in environ)


def _spoilt(header: tuple[str, str], kind: str) -> tuple[str, str]:
    name = header[0].lower()
    if name.startswith("x-amz-checksum-"):
        return (name, b64encode(b"something else").decode()) if kind == "wrong" else ("x-nothing", "")
    return (name, '"0123"') if name == "etag" and kind == "bare" else header


def _error(start: Callable[..., Any], status: int, code: str) -> list[bytes]:
    start(f"{status} {code}", [("Content-Type", "application/xml"), ("x-amz-request-id", "1")])
    return [_SAID.format(code).encode()]
