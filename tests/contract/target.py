"""Servers of AWS's JSON protocol, asked without the SDK."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.contract.servers import START_SECONDS


class Targets:
    """One service at one server."""

    service: str
    """In the scope of a signature, which nobody looks at."""
    target: str
    """Before the name of an operation: `Kinesis_20131202`."""
    version: str
    """Of the protocol: `1.0` or `1.1`."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url

    def ask(self, operation: str, **asked: Any) -> dict[str, Any]:
        """One call; an error of the server is an error of urllib."""
        headers = {
            "Content-Type": f"application/x-amz-json-{self.version}",
            "X-Amz-Date": "20260101T000000Z",
            "X-Amz-Target": f"{self.target}.{operation}",
            "Authorization": (
                f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{self.service}/aws4_request,"
                " SignedHeaders=host;x-amz-date;x-amz-target, Signature=0"
            ),
        }
        request = urllib.request.Request(self.endpoint_url, json.dumps(asked).encode(), headers)  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:  # noqa: S310 - as above
            told: dict[str, Any] = json.loads(answer.read())
        return told
