"""Asks the pages of a worker on this machine: for `worker health`, which a container runs every few seconds.

Takes a base URL and a path, gives status and body. Apart from the server, whose libraries take longer to import than
a probe to answer.
"""

from __future__ import annotations

from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

FETCH_BYTES_MAX: Final = 4 * 1024 * 1024


def fetch(url: str, path: str, *, timeout_seconds: float = 3.0) -> tuple[int, str]:
    """Status and body of *path* at the base *url* of a worker on this machine; for `worker health`.

    Raises:
        OSError: nobody answers there, or somebody else.
        ValueError: *url* is none.
    """
    if not url.startswith("http://"):
        raise ValueError(f"not the URL of a worker: {url}")
    opener = build_opener(ProxyHandler({}))  # HTTP_PROXY is for the world, not for a probe of ourselves
    try:
        with opener.open(url.rstrip("/") + path, timeout=timeout_seconds) as answer:
            return answer.status, answer.read(FETCH_BYTES_MAX).decode("utf-8", "replace")
    except HTTPError as error:
        with error:
            return error.code, error.read(FETCH_BYTES_MAX).decode("utf-8", "replace")
    except HTTPException as error:
        raise OSError(f"what answers there does not speak HTTP ({type(error).__name__})") from error
