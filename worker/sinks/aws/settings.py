"""What sinks at AWS have in common among their settings: the forms of a region and of an endpoint."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from worker.sqs.address import check_endpoint

Region = Annotated[str, Field(pattern=r"^[a-z]{2,}(-[a-z0-9]+)+$")]
Endpoint = Annotated[str, AfterValidator(check_endpoint)]
"""A URL; plain http only to this machine and to names of Docker and Kubernetes."""
