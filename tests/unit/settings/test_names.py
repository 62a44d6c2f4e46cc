"""Misspelt variables are refused, foreign ones are not."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from worker.settings.names import KNOWN, PREFIXES, RESERVED, name_notices, name_problems

OURS = [name for name in KNOWN if name.startswith(PREFIXES)]
LETTERS = string.ascii_uppercase + "_"


def set_to(value: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, value)


@st.composite
def slips(draw: st.DrawFn) -> str:
    """One of our names with one slip behind its prefix: a letter lost, doubled, swapped or wrong."""
    name = draw(st.sampled_from(OURS))
    prefix = max((p for p in PREFIXES if name.startswith(p)), key=len)
    at = draw(st.integers(len(prefix), len(name)))
    before, after, letter = name[:at], name[at:], draw(st.sampled_from(LETTERS))
    swapped = before + after[1:2] + after[:1] + after[2:]
    return draw(st.sampled_from([before + after[1:], before + letter + after, before + letter + after[1:], swapped]))


@given(slips())
@example("SQS_TRAN_PORT")
def test_any_single_slip_is_refused_with_a_suggestion(name: str) -> None:
    """A lost, added, wrong or swapped letter never runs with a default in silence."""
    assume(name not in KNOWN)
    assume(name not in RESERVED)
    (problem,) = name_problems({name: "1"})
    assert problem.startswith(f"{name} is not a setting: did you mean ")


@given(st.sampled_from((*KNOWN, *RESERVED)))
def test_a_known_name_is_never_spoken_of(name: str) -> None:
    """What is documented is right."""
    assert [*name_problems({name: "1"}), *name_notices({name: "1"})] == []


@given(st.text(LETTERS, min_size=1, max_size=12), st.integers(1, 65535))
def test_what_kubernetes_injects_never_stops_the_worker(service: str, port: int) -> None:
    """Every Service of the namespace sets seven variables in our pod, even one called worker or sqs-queue."""
    tails = [
        "SERVICE_HOST",
        "SERVICE_PORT",
        "SERVICE_PORT_METRICS",
        "PORT",
        f"PORT_{port}_TCP",
        f"PORT_{port}_UDP_ADDR",
    ]
    names = [f"{prefix}{service}_{tail}" for tail in tails for prefix in ("", "WORKER_", "SQS_", "METRICS_")]
    assert list(name_problems(set_to("tcp://10.0.0.7:80", *names))) == []


def test_a_service_called_worker_is_named_in_notices() -> None:
    """The plain case of a Deployment with a Service of the same name."""
    names = ["WORKER_SERVICE_HOST", "WORKER_PORT", "WORKER_PORT_9100_TCP", "WORKER_PORT_9100_TCP_PROTO"]
    environ = set_to("tcp://10.0.0.7:9100", *names)
    assert list(name_problems(environ)) == []
    assert len(list(name_notices(environ))) == 4


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "QUEUE", "SINKS_ENABLED", "PYTHONPATH", "AWS_PROFILE", "DATABASE_URL"]
)
def test_other_programs_variables_are_not_spoken_of(name: str) -> None:
    """Only names under our prefixes, or a letter away from one of ours, are our business."""
    assert [*name_problems({name: "1"}), *name_notices({name: "1"})] == []


@pytest.mark.parametrize("name", ["METRIC_PORT", "SQSQUEUE_URL", "WOKER_ID", "BACTH_MAX_ROWS"])
def test_a_slip_in_the_prefix_is_a_notice(name: str) -> None:
    """It may be another program's, so it does not stop us, but it is not silent either."""
    assert list(name_problems({name: "1"})) == []
    (notice,) = name_notices({name: "1"})
    assert notice.startswith(f"{name} is not read; ")


def test_small_letters_are_refused() -> None:
    """Variables are case-sensitive, and a small one would be ignored."""
    assert list(name_problems({"sqs_queue_url": "1", "sink": "1"})) == [
        "sink is not a setting: did you mean SINK?",
        "sqs_queue_url is not a setting: did you mean SQS_QUEUE_URL?",
    ]


def test_another_queue_s_address_is_the_handler_s_own() -> None:
    """A handler that sends on has its own queue variables."""
    names = ["SQS_EMAIL_QUEUE_URL", "SQS_PAYMENT_QUEUE_ARN"]
    environ = set_to("https://sqs.eu-west-1.amazonaws.com/1/email", *names)
    assert list(name_problems(environ)) == []
    assert len(list(name_notices(environ))) == 2
    assert list(name_problems({"SQS_DLQ_QUEUE_URL": "1"})) == [
        "SQS_DLQ_QUEUE_URL is not a setting: did you mean SQS_QUEUE_URL?"
    ]


def test_an_unknown_name_under_our_prefixes_is_a_notice() -> None:
    """It resembles nothing, so it is told and ignored."""
    assert list(name_problems({"WORKER_FAVOURITE_COLOUR": "1"})) == []
    assert list(name_notices({"WORKER_FAVOURITE_COLOUR": "1"})) == [
        "WORKER_FAVOURITE_COLOUR is not a setting of the worker; ignored"
    ]
