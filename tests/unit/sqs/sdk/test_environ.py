"""Variables of the SDK that can never work: each refused before anything is asked, by its name, without its value."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import CredentialRetrievalError
from botocore.httpsession import get_cert_path

from worker.errors import CredentialsRefused, QueueError, QueueRefused, QueueUnavailable
from worker.sqs.explain import POINTED
from worker.sqs.sdk.advice import advised
from worker.sqs.sdk.environ import READ_RAW, ca_bundle, check
from worker.sqs.sdk.errors import translated
from worker.sqs.sdk.session import Clients

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, str] = {
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "a/b+c=",
    "AWS_PROFILE": "two words",
    "AWS_CONFIG_FILE": "/a folder/config",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic abc",
    "AWS_SESSION_TOKEN": "  ",
    "OTHER": " anything\n",
}


def nothing(_: str) -> None:
    """A setting that nobody made."""


def test_what_can_work_is_taken() -> None:
    """Spaces inside names of profiles and files, a header's scheme, blank values, and what is not the SDK's."""
    check(GOOD, nothing)


@pytest.mark.parametrize("name", READ_RAW)
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("s3cret ", "white space"),
        ("\ts3cret", "white space"),
        ("s3cret\n", "line break"),
        ("s3cret\r\n", "line break"),
        ("s3\ncret", "control character"),
        ("'s3cret'", "quotes"),
        ('"s3cret"', "quotes"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(name: str, value: str, words: str) -> None:
    """Whatever an editor, `echo` or an env file left on it; the value may be a secret and is not told."""
    with pytest.raises(QueueRefused, match=f"{name} .*{words}") as raised:
        check({name: value}, nothing)
    assert "cret" not in str(raised.value)
    assert raised.value.code in POINTED


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SQS", "AWS_ROLE_ARN"])
def test_white_space_inside_one_word_is_refused(name: str) -> None:
    """Two lines that were joined, a comment behind a value."""
    with pytest.raises(QueueRefused, match=f"{name} has white space in it"):
        check({name: "a b"}, nothing)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no certificate")
    (tmp_path / "folder").mkdir()
    made = {name: str(tmp_path / name) for name in ("missing", "empty", "text", "folder")}
    return made | {"good": get_cert_path(True)}  # noqa: FBT003 - the SDK's signature


@pytest.mark.parametrize("called", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "ca_bundle of the AWS"])
@pytest.mark.parametrize(
    ("file", "words"),
    [("missing", "cannot be read"), ("empty", "holds no"), ("text", "holds no"), ("folder", "is a folder")],
)
def test_certificates_that_cannot_be_used_are_refused_by_who_names_them(
    called: str, file: str, words: str, files: dict[str, str]
) -> None:
    """Missing, empty, something else, a folder: the SDK would meet each anew at every request."""
    environ = {called: files[file]} if called.isupper() else {}
    settings: dict[str, Any] = {} if called in {"REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"} else {"ca_bundle": files[file]}
    with pytest.raises(QueueRefused, match=f"{called}.* names '{files[file]}', .*{words}"):
        check(environ, settings.get)


def test_only_certificates_that_are_trusted_are_looked_at(files: dict[str, str]) -> None:
    """The SDK's own setting wins over that of requests, which is nobody's then."""
    environ = {"AWS_CA_BUNDLE": files["good"], "REQUESTS_CA_BUNDLE": files["missing"], "SSL_CERT_FILE": files["good"]}
    check(environ, {"ca_bundle": files["good"]}.get)
    assert ca_bundle(environ, {"ca_bundle": files["good"]}.get) == files["good"]
    assert ca_bundle({"REQUESTS_CA_BUNDLE": "x"}, nothing) == "x"
    assert ca_bundle({"SSL_CERT_FILE": "x"}, nothing) is None


CONFIG = """
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = dev
region = us-east-1
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = us-east-1
[profile old]
sso_start_url = https://corp.awsapps.com/start
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = dev
[profile missing]
credential_process = /nowhere/tool --x
[profile garbage]
credential_process = echo hello
[profile list]
credential_process = echo []
[profile token]
web_identity_token_file = /nowhere/token
role_arn = arn:aws:iam::123456789012:role/x
"""
UNAVAILABLE: list[tuple[dict[str, str], str, str]] = [
    ({"AWS_PROFILE": "sso"}, "SignInEnded", "run `aws sso login --profile sso`"),
    ({"AWS_PROFILE": "old"}, "SignInEnded", "run `aws sso login --profile old`"),
    ({"AWS_PROFILE": "missing"}, "CredentialsUnreadable", "AWS profile missing .*credential_process"),
    ({"AWS_PROFILE": "garbage"}, "CredentialsUnreadable", "AWS profile garbage .*credential_process"),
    ({"AWS_PROFILE": "list"}, "CredentialsUnreadable", "AWS profile list .*credential_process"),
    ({"AWS_PROFILE": "token"}, "CredentialsUnreadable", "'/nowhere/token', which AWS profile token names"),
    ({"AWS_PROFILE": "other"}, "ProfileNotFound", "AWS_PROFILE names 'other'"),
    ({"AWS_CONFIG_FILE": __file__}, "CredentialsUnreadable", "Unable to parse config file: .*correct the file"),
    (
        {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_CREDENTIAL_EXPIRATION": "soon"},
        "CredentialsUnreadable",
        "AWS_CREDENTIAL_EXPIRATION",
    ),
    ({"AWS_DEFAULT_PROFILE": "other"}, "ProfileNotFound", "AWS_DEFAULT_PROFILE names 'other'"),
    (
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x"},
        "CredentialsUnreadable",
        "AWS_WEB_IDENTITY_TOKEN_FILE names '/nowhere', which cannot be read",
    ),
    (
        {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nowhere",
        },
        "CredentialsUnreadable",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names '/nowhere', which cannot be read",
    ),
]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Received error when attempting to retrieve container metadata: no connection", QueueUnavailable),
        ("Received non 200 response 503 from container metadata: busy", QueueUnavailable),
        ("Received non 200 response 403 from container metadata: no role", CredentialsRefused),
    ],
)
def test_an_agent_that_does_not_answer_yet_is_passing_trouble(said: str, kind: type[QueueError]) -> None:
    """It starts beside the container; one that refuses has answered."""
    error = CredentialRetrievalError(provider="container-role", error_msg=said)
    ours = advised(error, profile="default", environ={}, translated=translated)
    assert (type(ours), ours.code) == (kind, "CredentialRetrievalError")


@pytest.mark.parametrize(("environ", "code", "words"), UNAVAILABLE, ids=["-".join(e.values()) for e, *_ in UNAVAILABLE])
async def test_credentials_that_only_people_can_mend_are_refused_with_what_to_do(
    environ: dict[str, str],
    code: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """At once, by the variable or the profile, with the command; no traceback goes to stderr."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    (tmp_path / "config").write_text(CONFIG)
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    for name, value in {**files, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", **environ}.items():
        monkeypatch.setenv(name, value)
    clients = Clients(lambda _: None, pipeline="orders", region="us-east-1", endpoint_url=None)
    with pytest.raises(CredentialsRefused, match=words) as raised:
        await clients.open(receivers=1, settlers=1)
    assert raised.value.code == code
    assert "Traceback" not in capfd.readouterr().err
