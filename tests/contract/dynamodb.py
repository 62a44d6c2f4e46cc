"""DynamoDB on this machine: dynalite as a process, moto where npm did not bring it, and tables in either.

`dynalite` gives a URL and ends the process by its own handle. `Tables` makes tables and reads them from outside.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.contract.servers import await_health, ended, free_port
from tests.contract.target import Targets
from worker.sinks.dynamodb.settings import DynamoDbSettings
from worker.sinks.dynamodb.sink import DynamoDbSink
from worker.testing.sinks import make_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DYNALITE: Final = Path(__file__).with_name("npm") / "node_modules" / "dynalite" / "cli.js"
HERE: Final = DYNALITE.exists() and shutil.which("node") is not None
NOT_HERE: Final = (
    "dynalite is not installed: `make tests/contract/npm/node_modules/.package-lock.json`, with node and npm"
)


@contextmanager
def dynalite() -> Iterator[str]:
    """Dynalite as a process of its own, in memory."""
    port = free_port()
    process = subprocess.Popen(
        ["node", str(DYNALITE), "--host", "127.0.0.1", "--port", str(port), "--createTableMs", "0"],
        stdout=subprocess.DEVNULL,
    )
    with ended(process):
        await_health(f"http://127.0.0.1:{port}/", process)
        yield f"http://127.0.0.1:{port}"


class Tables(Targets):
    """The tables of one server, asked without the SDK."""

    service = "dynamodb"
    target = "DynamoDB_20120810"
    version = "1.0"

    def make(self, name: str, partition: str = "message_id", sort: tuple[str, str] | None = None) -> str:
        """An empty table."""
        keys = [(partition, "S", "HASH"), *([(*sort, "RANGE")] if sort else [])]
        self.ask(
            "CreateTable",
            TableName=name,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind, _ in keys],
            KeySchema=[{"AttributeName": key, "KeyType": part} for key, _, part in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        while self.ask("DescribeTable", TableName=name)["Table"]["TableStatus"] != "ACTIVE":
            pass
        return name

    def items(self, name: str) -> list[dict[str, Any]]:
        """All that is in it, as DynamoDB says it."""
        found: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            told = self.ask("Scan", TableName=name, ConsistentRead=True, **more)
            found += told["Items"]
            if not told.get("LastEvaluatedKey"):
                return found
            more = {"ExclusiveStartKey": told["LastEvaluatedKey"]}

    def keys(self, name: str) -> Sequence[str]:
        """The deduplication keys in it."""
        return [item["message_id"]["S"] for item in self.items(name)]


def sink_of(endpoint_url: str, table: str, **settings: Any) -> DynamoDbSink:
    """A sink at a server of this machine; for a process of its own as well."""
    chosen = DynamoDbSettings(table=table, endpoint_url=endpoint_url, region="us-east-1", **settings)
    return DynamoDbSink(chosen, make_context())
