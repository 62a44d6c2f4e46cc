"""Where a queue is: the URL, ARN or bare name that a person gives, taken apart. Pure, and the only place that does it.

`parse_address` takes text and gives a `QueueAddress`, or ValueError with a sentence that says what is wrong with it;
`locate` adds what was configured apart from it. `check_endpoint` knows where SQS may be spoken to without TLS: only
where it cannot be anybody else's machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from worker.errors import QueueRefused
from worker.sqs.hosts import is_local, region_of
from worker.sqs.quotas import QUEUE_NAME_CHARACTERS

if TYPE_CHECKING:
    from urllib.parse import SplitResult

FIFO_SUFFIX: Final = ".fifo"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(\.fifo)?")


@dataclass(frozen=True, slots=True)
class QueueAddress:
    """One queue. What nobody said is None."""

    name: str
    account: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    """Where to speak to it. None: the region's public endpoint."""
    url: str | None = None
    """None: SQS must be asked for it."""

    def __str__(self) -> str:
        """For people: the queue, its account and its region, or that they follow from the credentials."""
        account = f"account {self.account}" if self.account else "the account of the credentials"
        region = f"region {self.region}" if self.region else "the region of the AWS configuration"
        at = f" at {self.endpoint_url}" if self.endpoint_url else ""
        return f"queue {self.name!r} in {account}, {region}{at}"

    @property
    def fifo(self) -> bool:
        """Whether the queue is a FIFO queue: SQS says it in the name."""
        return self.name.endswith(FIFO_SUFFIX)

    def same_queue(self, other: QueueAddress) -> bool:
        """Whether both mean one queue; what only one of them says is taken to agree."""
        pairs = ((self.account, other.account), (self.region, other.region))
        return self.name == other.name and all(a == b for a, b in pairs if a is not None and b is not None)


def parse_address(text: str) -> QueueAddress:
    """Take a queue's URL, ARN or name apart.

    A URL on a host that is not a region's public one (a VPC endpoint, FIPS, an emulator) is its own endpoint.

    Raises:
        ValueError: it is none of the three; the text says what was expected.
    """
    if text.startswith("arn:"):
        return _from_arn(text)
    if "://" in text or "/" in text:
        return _from_url(text)
    return QueueAddress(_checked_name(text))


def locate(queue: str, *, region: str | None, endpoint_url: str | None) -> QueueAddress:
    """The place of *queue* with what else is configured.

    A region that the URL or ARN names wins over *region*: the queue can be in no other. A given *endpoint_url* wins
    over the host of a URL: somebody named it.

    Raises:
        QueueRefused: it is no address.
    """
    try:
        said = parse_address(queue)
    except ValueError as error:
        raise _unreadable(queue, error) from error
    return replace(said, region=said.region or region, endpoint_url=endpoint_url or said.endpoint_url)


def check_endpoint(text: str) -> str:
    """Give *text* back if SQS may be spoken to there.

    Raises:
        ValueError: it is no URL, or plain http to a machine that is not surely ours.
    """
    parts = _split(text)
    if parts.scheme == "http" and not is_local(parts.hostname or ""):
        raise ValueError(
            "plain http would send messages and signatures readable over the network; use https"
            " (http is for loopback addresses, localhost, one-word host names such as a compose service, and names of"
            " Docker and Kubernetes such as host.docker.internal and NAME.NAMESPACE.svc)"
        )
    return text


def _from_arn(text: str) -> QueueAddress:
    parts = text.split(":")
    if len(parts) != 6 or parts[2] != "sqs" or not parts[3] or not parts[4]:  # noqa: PLR2004 - the six parts of any ARN
        raise ValueError("an ARN of a queue looks like arn:aws:sqs:REGION:ACCOUNT:NAME")
    return QueueAddress(_checked_name(parts[5]), account=parts[4], region=parts[3])


def _from_url(text: str) -> QueueAddress:
    parts = _split(text)
    segments = [s for s in parts.path.split("/") if s]
    if not segments:
        raise ValueError("a queue's URL ends in /ACCOUNT/NAME")
    account = segments[-2] if len(segments) > 1 and segments[-2].isdigit() else None
    region, public = region_of(parts.hostname or "")
    endpoint = None if public else f"{parts.scheme}://{parts.netloc}"
    return QueueAddress(_checked_name(segments[-1]), account, region, endpoint, text)


def _split(text: str) -> SplitResult:
    if any(one.isspace() or not one.isprintable() for one in text):  # urlsplit drops some of them without a word
        raise ValueError("a URL has no blanks, line breaks or invisible characters; one is in it")
    if "://" not in text and "@" not in text:
        host = urlsplit(f"//{text}").hostname or ""
        raise ValueError(f"a URL begins with https://; write {'http' if is_local(host) else 'https'}://{text}")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("a URL begins with https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("leave the user name and password out of the URL; credentials come from the AWS chain")
    if parts.query or parts.fragment:
        raise ValueError("leave out everything after ? or #")
    _ = parts.port  # raises ValueError with its own sentence if it is not a port
    return parts


def _checked_name(name: str) -> str:
    if len(name) > QUEUE_NAME_CHARACTERS or _NAME.fullmatch(name) is None:
        raise ValueError(
            f"a queue's name has 1 to {QUEUE_NAME_CHARACTERS} letters, digits, - and _, and may end in {FIFO_SUFFIX}"
        )
    return name


def _unreadable(queue: str, error: ValueError) -> QueueRefused:
    words = (
        f"{queue!r} is neither a queue's URL (https://sqs.REGION.amazonaws.com/ACCOUNT/NAME), nor an ARN "
        f"(arn:aws:sqs:REGION:ACCOUNT:NAME), nor a name: {error}; correct SQS_QUEUE_URL"
    )
    return QueueRefused("open", "InvalidAddress", words)
