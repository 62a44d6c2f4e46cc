"""What the name of a host says: the region of an endpoint of AWS, or that the host stays where we are. Pure.

`region_of` knows the endpoints of every partition of AWS, today's and those before them. `is_local` knows where SQS
may be spoken to without TLS: this machine, and names that only the network of this machine's containers can resolve.
A test holds the partitions to those that the SDK knows.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

SUFFIXES: Final = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
)
"""Where the partitions have their endpoints: the public one and GovCloud, China, the European sovereign one, ISO."""
DUAL_STACK_SUFFIXES: Final = (
    "api.aws",
    "api.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "api.aws.ic.gov",
    "api.aws.scloud",
    "api.cloud-aws.adc-e.uk",
    "api.aws.hci.ic.gov",
)
"""Where they have those that IPv6 reaches too."""
EMULATORS: Final = ("localhost.localstack.cloud", "localhost")
"""Names of this machine below which an emulator has a host for each region."""

_SUFFIX: Final = "|".join(map(re.escape, SUFFIXES))
_OTHER_SUFFIX: Final = "|".join(map(re.escape, (*SUFFIXES, *DUAL_STACK_SUFFIXES, *EMULATORS)))
_REGION: Final = r"[a-z]{2,}(?:-[a-z0-9]+)+"
_PUBLIC: Final = re.compile(rf"(?:sqs\.(?P<new>{_REGION})|(?P<old>{_REGION})\.queue)\.(?:{_SUFFIX})")
"""The public hosts of a region, today's and those before it; all are reached by today's endpoint."""
_FIRST: Final = "queue.amazonaws.com"
"""The very first one, of us-east-1."""
_OTHER: Final = re.compile(
    rf"(?:.+\.)?(?:sqs(?:-fips)?\.(?P<new>{_REGION})|(?P<old>{_REGION})\.queue)\.(?:.+\.)?(?:{_OTHER_SUFFIX})"
)
"""VPC endpoints, FIPS, dual stack, emulators: the region is in the name, but the host was chosen on purpose."""

_SINGLE_LABEL: Final = re.compile(r"[a-z][a-z0-9_-]*", re.IGNORECASE)
"""A host such as a compose service. Begins with a letter: `134744072` is a way to write 8.8.8.8."""
_LOCAL_NAMES: Final = frozenset({"host.docker.internal", "gateway.docker.internal", "host.containers.internal"})
"""How containers call the machine that they run on (Docker, Podman)."""
_LOCAL_ENDINGS: Final = (".localhost", ".localhost.localstack.cloud", ".svc", ".cluster.local")
"""`localhost` (RFC 6761), LocalStack's name for it, and the Services of a Kubernetes cluster: no public DNS has them
but LocalStack's, which says 127.0.0.1."""


def region_of(host: str) -> tuple[str | None, bool]:
    """The region that *host* (in small letters) names, and whether the host is that region's public endpoint."""
    host = host.removesuffix(".")
    if host == _FIRST:
        return "us-east-1", True
    if found := _PUBLIC.fullmatch(host):
        return found["new"] or found["old"], True
    if found := _OTHER.fullmatch(host):
        return found["new"] or found["old"], False
    return None, False


def is_local(host: str) -> bool:
    """Whether *host* (in small letters) cannot be a machine outside: what is sent there needs no TLS."""
    host = host.removesuffix(".")
    if host in _LOCAL_NAMES or f".{host}".endswith(_LOCAL_ENDINGS[:2]) or host.endswith(_LOCAL_ENDINGS):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _SINGLE_LABEL.fullmatch(host) is not None
    return address.is_loopback or address.is_unspecified
