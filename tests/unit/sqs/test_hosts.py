"""What host names say: regions of every partition that the SDK knows, and which hosts stay where we are."""

from __future__ import annotations

from typing import Any, Final

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.session import Session

from worker.sqs.hosts import is_local, region_of

LOADER: Final = Session().get_component("data_loader")
PARTITIONS: Final[list[dict[str, Any]]] = LOADER.load_data("partitions")["partitions"]
ENDPOINTS: Final[dict[str, dict[str, Any]]] = {p["partition"]: p for p in LOADER.load_data("endpoints")["partitions"]}
REGIONS: Final = [
    (partition, region)
    for partition in PARTITIONS
    for region in ENDPOINTS[partition["id"]]["regions"]
    if partition["id"] in ENDPOINTS
]


def resolved(region: str, *, fips: bool, dual_stack: bool) -> str:
    """The host that the SDK's own rules give."""
    rules = EndpointProvider(LOADER.load_service_model("sqs", "endpoint-rule-set-1"), {"partitions": PARTITIONS})
    url = rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack).url
    return str(url).removeprefix("https://")


@pytest.mark.parametrize(("partition", "region"), REGIONS, ids=[region for _, region in REGIONS])
def test_the_hosts_of_every_region_that_the_sdk_knows_name_it(partition: dict[str, Any], region: str) -> None:
    """Public, of old, FIPS, dual stack, both, and VPC endpoints: each names its region, two stand for it."""
    suffix = partition["outputs"]["dnsSuffix"]
    public = [resolved(region, fips=False, dual_stack=False), f"{region}.queue.{suffix}"]
    fips = [resolved(region, fips=True, dual_stack=False), resolved(region, fips=True, dual_stack=True)]
    chosen = [
        *(host for host in fips if host not in public),  # GovCloud's public hosts are FIPS
        resolved(region, fips=False, dual_stack=True),
        f"vpce-0a1b-2c3d.sqs.{region}.vpce.{suffix}",
        f"vpce-0a1b-2c3d-{region}a.sqs.{region}.vpce.{suffix}",
        f"vpce-0a1b-2c3d.sqs-fips.{region}.vpce.{suffix}",
    ]
    assert {host: region_of(host) for host in public} == dict.fromkeys(public, (region, True))
    assert {host: region_of(host) for host in chosen} == dict.fromkeys(chosen, (region, False))


def test_every_host_in_the_sdk_s_older_list_names_its_region() -> None:
    """Also where a region has an entry of its own for SQS."""
    for partition in ENDPOINTS.values():
        for name, entry in partition["services"].get("sqs", {}).get("endpoints", {}).items():
            region = entry.get("credentialScope", {}).get("region", name)
            hosts = [entry.get("hostname"), *(variant.get("hostname") for variant in entry.get("variants", ()))]
            assert {region_of(host)[0] for host in hosts if host} <= {region}


@pytest.mark.parametrize(
    ("host", "region", "public"),
    [
        ("queue.amazonaws.com", "us-east-1", True),
        ("sqs.eu-west-1.amazonaws.com.", "eu-west-1", True),
        ("sqs.eu-west-1.localhost.localstack.cloud", "eu-west-1", False),
        ("eu-west-1.queue.localhost.localstack.cloud", "eu-west-1", False),
        ("localhost.localstack.cloud", None, False),
        ("queue.amazonaws.com.cn", None, False),
        ("sqs.eu-west-1.amazonaws.com.example.com", None, False),
        ("notsqs.eu-west-1.amazonaws.com", None, False),
        ("sqs.amazonaws.com", None, False),
        ("loopback", None, False),
    ],
)
def test_hosts_outside_the_partitions(host: str, region: str | None, *, public: bool) -> None:
    """The oldest name, an absolute name, an emulator's, and what only looks like AWS."""
    assert region_of(host) == (region, public)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "sqs.localhost",
        "localhost.",
        "localhost.localstack.cloud",
        "sqs.us-east-1.localhost.localstack.cloud",
        "host.docker.internal",
        "gateway.docker.internal",
        "host.containers.internal",
        "sqs.test.svc",
        "sqs.test.svc.cluster.local",
        "sqs.test.svc.cluster.local.",
        "10-0-0-1.test.pod.cluster.local",
        "loopback",
        "svc",
        "my_service",
        "127.0.0.53",
        "0.0.0.0",  # noqa: S104 - nothing listens there
        "::1",
    ],
)
def test_hosts_that_stay_here(host: str) -> None:
    """This machine, its containers, its cluster."""
    assert is_local(host)


@pytest.mark.parametrize(
    "host",
    [
        "sqs.eu-west-1.amazonaws.com",
        "10.0.0.1",
        "169.254.169.254",
        "134744072",
        "0x08080808",
        "localhost.example.com",
        "evillocalhost.localstack.cloud",
        "localstack.cloud",
        "docker.internal",
        "evil.docker.internal",
        "svc.example.com",
        "cluster.local.example.com",
        "notlocalhost.com",
        "",
        ".",
    ],
)
def test_hosts_that_may_be_anybody_s(host: str) -> None:
    """Also where a name only ends or begins like one of ours."""
    assert not is_local(host)
