"""The SDK's credential chain, asked anew each time: variables, files, processes, SSO, roles, containers, machines.

`Chain` takes a session of the SDK and gives what its providers have now, with its end. A new session each time, because
one session reads its files once and believes its credentials until they end. `RingCredentials` is how the SDK signs
with what the worker's `KeyRing` has at hand, so that both ways into SQS have the same keys, renewed once.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn

from aiobotocore.credentials import AioCredentialResolver, AioCredentials, create_credential_resolver
from aiobotocore.session import AioSession
from botocore import exceptions as sdk
from botocore.credentials import ReadOnlyCredentials

from worker.errors import CredentialsRefused
from worker.sqs.key_ring import Granted
from worker.sqs.sign import Keys

if TYPE_CHECKING:
    from worker.sqs.key_ring import KeyRing

TELLTALES: Final = ("aiobotocore.credentials", "aiobotocore.tokens", "botocore.credentials", "botocore.tokens")


class Chain:
    """Asks. Knows nothing of what it answered before, but that it did."""

    def __init__(self, session: AioSession, *, region: str | None) -> None:
        self._session = session
        self._region = region
        """Where roles are assumed, if no configuration says otherwise."""
        self._asked = False
        """Written by `ask`."""
        for name in TELLTALES:
            logging.getLogger(name).addFilter(_without_traceback)

    async def ask(self) -> Granted:
        """What the chain has now.

        Raises:
            Exception: whatever the SDK has to say; `CredentialsRefused` for keys that no request can hold.
        """
        session = AioSession()
        session.register_component("data_loader", self._session.get_component("data_loader"))  # models, read once
        resolver = create_credential_resolver(session, region_name=self._region)
        if self._asked:
            _ask_nobody(resolver)
        self._asked = True
        given = await resolver.load_credentials()
        if given is None:
            raise sdk.NoCredentialsError
        # What came with its keys is taken as it is: near its end the SDK would ask for it once more, here and now.
        read = getattr(given, "_frozen_credentials", None) or await given.get_frozen_credentials()
        end = getattr(given, "_expiry_time", None)
        try:
            keys = Keys(read.access_key, read.secret_key, read.token or None)
        except ValueError as error:
            raise CredentialsRefused("sign", "InvalidCredentials", f"{error} ({given.method})") from None
        return Granted(keys, None if end is None else end.timestamp())


class RingCredentials(AioCredentials):  # type: ignore[misc]  # the SDK has no types
    """What the SDK's signers ask: the ring's keys."""

    def __init__(self, ring: KeyRing) -> None:
        super().__init__("of the ring", "of the ring", method="ring")
        self._ring = ring

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys to sign with."""
        keys = self._ring.at_hand(asyncio.get_running_loop().time()) or await self._ring.first()
        return ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token)


class RingProvider:
    """Stands in a session where its own chain would."""

    def __init__(self, ring: KeyRing) -> None:
        self._credentials = RingCredentials(ring)

    async def load_credentials(self) -> RingCredentials:
        """Always the same."""
        return self._credentials


def _without_traceback(record: logging.LogRecord) -> bool:
    """False for what the SDK logs with a traceback: it raises the same, and then it is told in one line."""
    return not record.exc_info


def _ask_nobody(resolver: AioCredentialResolver) -> None:
    """A code of a second factor can be typed when a worker starts; nobody is there when its session ends."""

    def refuse(*_: Any) -> NoReturn:
        raise sdk.RefreshWithMFAUnsupportedError

    with suppress(sdk.UnknownCredentialError):
        resolver.get_provider("assume-role")._prompter = refuse  # noqa: SLF001
