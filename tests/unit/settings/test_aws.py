"""Endpoint and region out of the AWS SDK's own variables and files: as the SDK finds them, under the worker's rules."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from botocore.session import Session

from worker.errors import SettingsError
from worker.settings import load
from worker.settings.aws import from_aws

if TYPE_CHECKING:
    from pathlib import Path

    from worker.settings import Loaded

CONFIG = """
[default]
region = eu-west-1
endpoint_url = http://localhost:1

[profile "two words"]
region=eu-west-2
services = local
endpoint_url = http://localhost:2

[profile  plain]
services = elsewhere

[profile off]
endpoint_url = http://localhost:3
ignore_configured_endpoint_urls = true

[services local]
sqs =
  endpoint_url = http://localhost:4
s3 =
  endpoint_url = http://localhost:5

[services elsewhere]
s3 =
  endpoint_url = http://localhost:6
"""
CREDENTIALS = """
[plain]
endpoint_url = http://localhost:7
region = eu-west-3
"""
ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {"AWS_PROFILE": "two words"},
    {"AWS_PROFILE": "plain"},
    {"AWS_PROFILE": "off"},
    {"AWS_PROFILE": "plain", "AWS_DEFAULT_PROFILE": "two words"},
    {"AWS_ENDPOINT_URL": "http://localhost:8"},
    {"AWS_ENDPOINT_URL": "http://localhost:8", "AWS_ENDPOINT_URL_SQS": "http://localhost:9"},
    {"AWS_PROFILE": "two words", "AWS_ENDPOINT_URL": "http://localhost:8"},
    {"AWS_ENDPOINT_URL": "http://localhost:8", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"},
    {"AWS_PROFILE": "off", "AWS_ENDPOINT_URL_SQS": "http://localhost:9"},
    {"AWS_ENDPOINT_URL_S3": "http://localhost:8", "AWS_PROFILE": "plain"},
    {"AWS_CONFIG_FILE": "/nowhere"},
]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The variables that name both files, with nothing else of this machine's configuration."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "credentials").write_text(CREDENTIALS)
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }


@pytest.mark.parametrize("environ", ENVIRONMENTS, ids=["+".join(e.values()) or "nothing" for e in ENVIRONMENTS])
def test_they_are_found_where_the_sdk_finds_them(
    environ: dict[str, str], files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same endpoint and region that a client of the SDK has in this environment."""
    environ = files | environ
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    session = Session()
    client = session.create_client("sqs", region_name="eu-north-1", aws_access_key_id="a", aws_secret_access_key="b")
    public = "https://sqs.eu-north-1.amazonaws.com"
    found = {field: value.given for field, value in from_aws(environ).items()}
    assert found.get("endpoint_url", public) == client.meta.endpoint_url
    assert found.get("region") == session.get_config_variable("region")


def loaded(**environ: str) -> Loaded:
    return load({"SQS_QUEUE_URL": "orders", **environ})


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"])
def test_an_endpoint_of_the_sdk_s_variables_is_used_and_shown_with_its_origin(name: str) -> None:
    """Where the worker goes is in the list, and the region of an endpoint on this machine follows as always."""
    made = loaded(**{name: "http://host.docker.internal:9324"})
    assert made.pipelines[0].endpoint_url == "http://host.docker.internal:9324"
    assert made.origins["SQS_ENDPOINT_URL"] == ("http://host.docker.internal:9324", f"environment ({name})")
    assert made.origins["AWS_REGION"] == ("us-east-1", "follows from " + name)


def test_plain_http_is_refused_wherever_it_was_set(files: dict[str, str], tmp_path: Path) -> None:
    """By the SDK's variables and by a profile, in the words that its own setting has, naming what to change."""
    with pytest.raises(SettingsError, match=r"AWS_ENDPOINT_URL_SQS is 'http://10\.0\.0\.1': plain http"):
        loaded(AWS_ENDPOINT_URL_SQS="http://10.0.0.1")
    (tmp_path / "config").write_text("[profile far]\nendpoint_url = http://sqs.example.com\n")
    with pytest.raises(
        SettingsError, match=r"endpoint_url of the AWS profile far is 'http://sqs\.example\.com': plain"
    ):
        loaded(**files, AWS_PROFILE="far")


def test_what_the_worker_was_told_itself_wins(files: dict[str, str]) -> None:
    """Its own settings, and a queue's own address, before anything of the SDK's."""
    own = loaded(**files, SQS_ENDPOINT_URL="http://localhost:10", AWS_REGION="eu-south-1").pipelines[0]
    assert (own.endpoint_url, own.region) == ("http://localhost:10", "eu-south-1")
    far = load({**files, "SQS_QUEUE_URL": "http://loopback:9324/1/orders"}).pipelines[0]
    assert (far.endpoint_url, far.region) == ("http://loopback:9324", "eu-west-1")


def test_proxies_are_shown_without_their_passwords() -> None:
    """What decides where requests go belongs into the list; whoever may use it does not."""
    origins = loaded(HTTPS_PROXY="http://me:secret@proxy:3128", no_proxy="a,b", HTTP_PROXY="me:secret@proxy").origins
    shown = {name: origins[name][0] for name in ("HTTPS_PROXY", "no_proxy", "HTTP_PROXY")}
    assert shown == {"HTTPS_PROXY": "http://***@proxy:3128", "no_proxy": "a,b", "HTTP_PROXY": "***@proxy"}
