"""Where a queue is: the URL, ARN or bare name that a person gives, taken apart.

Takes text and gives a `QueueAddress`, or ValueError with a sentence that says what is wrong with it. Also knows which
endpoints may be spoken to without TLS: only those that cannot be anybody else's machine.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from worker.sqs.limits import QUEUE_NAME_CHARACTERS

if TYPE_CHECKING:
    from urllib.parse import SplitResult

FIFO_SUFFIX: Final = ".fifo"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(\.fifo)?")
_AWS_HOST: Final = re.compile(
    r"(?:sqs(?:-fips)?\.(?P<new>[a-z0-9-]+)|(?P<old>[a-z0-9-]+)\.queue|(?P<classic>queue))\.amazonaws\.com(?:\.cn)?"
    r"|sqs(?:-fips)?\.(?P<dual>[a-z0-9-]+)\.api\.aws"
    r"|.+\.sqs\.(?P<vpc>[a-z0-9-]+)\.vpce\.amazonaws\.com(?:\.cn)?"
)
_SINGLE_LABEL: Final = re.compile(r"[a-z][a-z0-9_-]*", re.IGNORECASE)
"""A host such as a compose service. Begins with a letter: `134744072` is a way to write 8.8.8.8."""


@dataclass(frozen=True, slots=True)
class QueueAddress:
    """One queue. What the text did not say is None."""

    name: str
    account: str | None = None
    region: str | None = None
    origin: str | None = None
    """Scheme, host and port of a URL that is not one of AWS's own: the endpoint to speak to."""

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

    Raises:
        ValueError: it is none of the three; the text says what was expected.
    """
    if text.startswith("arn:"):
        return _from_arn(text)
    if "://" in text:
        return _from_url(text)
    return QueueAddress(_checked_name(text))


def check_endpoint(text: str) -> str:
    """Give *text* back if SQS may be spoken to there.

    Raises:
        ValueError: it is no URL, or plain http to a machine that is not surely ours.
    """
    parts = _split(text)
    if parts.scheme == "http" and not _may_be_plain(parts.hostname or ""):
        raise ValueError(
            "plain http would send messages and signatures readable over the network; use https"
            " (http is for loopback addresses, localhost and one-word host names such as a compose service)"
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
    name = _checked_name(segments[-1])
    account = segments[-2] if len(segments) > 1 else None
    aws = _AWS_HOST.fullmatch(parts.hostname or "")
    if aws is None:
        return QueueAddress(name, account, None, f"{parts.scheme}://{parts.netloc}")
    region = "us-east-1" if aws["classic"] else aws["new"] or aws["old"] or aws["dual"] or aws["vpc"]
    private = f"{parts.scheme}://{parts.netloc}" if aws["vpc"] else None
    return QueueAddress(name, account, region, private)


def _split(text: str) -> SplitResult:
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


def _may_be_plain(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return _SINGLE_LABEL.fullmatch(host) is not None
