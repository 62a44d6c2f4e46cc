"""What the AWS SDK would take from its own variables and files: where SQS answers, in which region, by which proxy.

Takes variables and gives values that still know where they stood, so that the worker's own rules hold for them and
`worker config` can show them. The files are read as the SDK reads them (a test compares); what cannot be read here is
left to it. They are below everything else: a setting of the worker wins, and so does a queue's own address.
"""

from __future__ import annotations

import re
from configparser import Error, RawConfigParser
from dataclasses import dataclass
from os.path import expandvars
from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.settings.names import PROXIES
from worker.settings.sources import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from worker.settings.sources import Values

_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL")
"""The first that is set wins; both win over the files."""
_IGNORE: Final = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
_FILES: Final = (("AWS_CONFIG_FILE", "~/.aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile of both files together."""

    name: str
    entries: Mapping[str, str]
    services: Mapping[str, str]
    """The `sqs` part of the `services` section that the profile names."""


def from_aws(environ: Mapping[str, str]) -> Values:
    """`endpoint_url` and `region`, as far as the SDK would find them by itself."""
    profile = _profile(environ)
    values = dict(_region(profile))
    ignored = environ.get(_IGNORE) or profile.entries.get(_IGNORE.removeprefix("AWS_").lower(), "")
    if ignored.lower() != "true" and (endpoint := next(_endpoints(environ, profile), None)):
        values["endpoint_url"] = endpoint
    return values


def proxies(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The variables that send requests elsewhere, or not, without user names and passwords."""
    for name in PROXIES:
        if name in environ:
            scheme, separator, rest = environ[name].rpartition("://")
            user, at, host = rest.rpartition("@")
            yield name, f"{scheme}{separator}{'***' if user else ''}{at}{host}"


def _region(profile: Profile) -> Iterator[tuple[str, Value]]:
    region = profile.entries.get("region", "")
    if _REGION.fullmatch(region):
        yield "region", Value(region, f"region of the AWS profile {profile.name}", f"AWS profile {profile.name}")


def _endpoints(environ: Mapping[str, str], profile: Profile) -> Iterator[Value]:
    """In the SDK's order."""
    for name in _ENDPOINTS:
        if name in environ:
            yield Value(environ[name], name, f"environment ({name})")
    for entries, part in ((profile.services, "services of the "), (profile.entries, "")):
        if url := entries.get("endpoint_url"):
            where = f"{part}AWS profile {profile.name}"
            yield Value(url, f"endpoint_url of the {where}", where)


def _profile(environ: Mapping[str, str]) -> Profile:
    name = environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE") or "default"
    entries: dict[str, str] = {}
    config = _sections(environ, *_FILES[0])
    for kind in (name, f"profile {name}") if name == "default" else (f"profile {name}",):
        entries |= config.get(kind, {})
    services = config.get(f"services {entries.get('services', '')}", {}).get("sqs", "")
    entries |= _sections(environ, *_FILES[1]).get(name, {})
    return Profile(name, entries, dict(_nested(services)))


def _sections(environ: Mapping[str, str], variable: str, default: str) -> dict[str, dict[str, str]]:
    """One of the files, as far as it can be read; section names with single spaces and no quotes."""
    text = environ.get(variable, default)
    if text.startswith("~/"):
        if "HOME" not in environ:
            return {}
        text = f"{environ['HOME']}/{text[2:]}"
    parser = RawConfigParser()
    try:
        parser.read_string(Path(expandvars(text)).read_text(encoding="utf-8"))
    except (OSError, Error, UnicodeDecodeError):
        return {}
    return {" ".join(s.replace('"', "").replace("'", "").split()): dict(parser.items(s)) for s in parser.sections()}


def _nested(block: str) -> Iterator[tuple[str, str]]:
    for line in block.splitlines():
        key, separator, value = line.partition("=")
        if separator:
            yield key.strip(), value.strip()
