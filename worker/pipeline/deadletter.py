"""Dead letters: a rejected message goes to the dead-letter queue with the reason, before it leaves the source.

Takes rejected deliveries from the settler, sends body and attributes with what is known about the rejection in one
more attribute (`letter.py`), and says which were accepted. Only those may be deleted from the source. What the
dead-letter queue refuses as it stands is sent again with fewer words of ours, down to none: they may never be the
reason for which a message does not arrive.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.errors import QueueError, QueueRefused
from worker.pipeline.letter import CONTEXT, Brevity, Draft
from worker.sqs.errors import is_about_the_queue
from worker.sqs.queue import OK, UNKNOWN, EntryFailed
from worker.sqs.quotas import BATCH_ENTRIES, MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.facts import Emit
    from worker.message import Delivery, Outgoing
    from worker.outcome import Rejected
    from worker.sqs.queue import EntryResult, Queue

__all__ = ["CONTEXT", "DeadLetters", "batches"]

LOOK_SECONDS: Final = 60.0
"""How old may be what we know of the dead-letter queue's limit, when a letter has room in it, but not in full."""
TOO_LARGE: Final = "LargerThanDeadLetterQueue"
"""The code of a message that the dead-letter queue cannot take even alone. Ours: SQS is not asked."""

_UNTIL: Final = "the message stays in its own queue, and moves by that queue's redrive policy, if it has one"

Batch = list[tuple[Draft, "Outgoing"]]


class DeadLetters:
    """The dead-letter queue of one pipeline."""

    def __init__(
        self,
        queue: Queue,
        *,
        source: str,
        worker: str,
        fifo: bool,
        emit: Emit,
        pipeline: str,
        largest: int = MESSAGE_BYTES,
    ) -> None:
        self._queue = queue
        self._source = source
        self._worker = worker
        self._fifo = fifo
        self._emit = emit
        self._pipeline = pipeline
        self._largest = largest
        """Bytes of the largest message, and of the largest batch, that the queue takes. Written by `_look`."""
        self.lasting: set[str] = set()
        """Message ids that the latest `send` was refused for good. Written by it."""
        self._looked_at = -inf
        """Loop time of the latest look. Written by `_look`."""

    async def send(self, rejected: Sequence[tuple[Delivery, Rejected]]) -> set[str]:
        """Send all; returns the message ids that the dead-letter queue has accepted."""
        accepted: set[str] = set()
        self.lasting.clear()
        drafts = [self._draft(delivery, reason) for delivery, reason in rejected]
        if any(self._is_worth_a_look(draft) for draft in drafts):
            await self._look()
            drafts = [self._draft(delivery, reason) for delivery, reason in rejected]
        while drafts:  # each round's are briefer than those before
            drafts = await self._round(drafts, accepted)
            if drafts:
                await self._look()
        return accepted

    async def close(self) -> None:
        """Give the queue's connections back."""
        await self._queue.close()

    # ── one round ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _round(self, drafts: list[Draft], accepted: set[str]) -> list[Draft]:
        """Send what fits; returns what was refused and has words of ours left to drop."""
        fitting: Batch = []
        for draft in drafts:
            letter = self._cut(draft)
            if letter is None:
                self._too_large(draft)
            else:
                fitting.append((draft, letter))
        briefer: list[Draft] = []
        for batch in batches(fitting, self._largest):
            for (draft, _), answer in zip(batch, await self._ask(batch), strict=True):
                if answer is OK:
                    accepted.add(draft.delivery.message_id)
                elif _is_about_the_letter(answer) and draft.least < Brevity.BARE:
                    draft.least = Brevity(draft.least + 1)
                    briefer.append(draft)
                else:
                    self._refused(draft, answer)
        return briefer

    async def _ask(self, batch: Batch) -> list[EntryResult | QueueError]:
        """An answer for each; a batch that is refused as a whole is asked one by one, for it may be one's fault."""
        letters = [letter for _, letter in batch]
        try:
            return list(await self._queue.send(letters))
        except QueueError as error:
            if len(batch) == 1 or not _is_about_the_letter(error):
                return [error] * len(batch)
        answers: list[EntryResult | QueueError] = []
        for letter in letters:
            try:
                answers += await self._queue.send([letter])
            except QueueError as error:
                answers.append(error)
                if not _is_about_the_letter(error):  # the others would hear the same
                    return answers + [error] * (len(batch) - len(answers))
        return answers

    def _draft(self, delivery: Delivery, rejected: Rejected) -> Draft:
        held = asyncio.get_running_loop().time() - delivery.leased_at
        at = delivery.received_at + held
        return Draft(delivery, rejected, self._worker, self._source, at, self._fifo)

    def _cut(self, draft: Draft) -> Outgoing | None:
        return draft.cut_to(self._largest)

    # ── what the queue takes ────────────────────────────────────────────────────────────────────────────────────────

    def _is_worth_a_look(self, draft: Draft) -> bool:
        """It does not fit, or not in full and nobody has looked for a while."""
        if self._cut(draft) is None:
            return True
        return draft.least > Brevity.FULL and asyncio.get_running_loop().time() - self._looked_at >= LOOK_SECONDS

    async def _look(self) -> None:
        """Somebody may have changed MaximumMessageSize; what cannot be read now stays as it was."""
        self._looked_at = asyncio.get_running_loop().time()
        try:
            self._largest = (await self._queue.attributes()).max_message_bytes
        except QueueError as error:
            self._failed(error.code)

    # ── what is told ────────────────────────────────────────────────────────────────────────────────────────────────

    def _too_large(self, draft: Draft) -> None:
        self.lasting.add(draft.delivery.message_id)
        size = draft.bare_bytes
        detail = f"message {draft.delivery.message_id} has {size} bytes, the queue takes {self._largest}"
        fix = f"set its MaximumMessageSize to {size} or more; until then {_UNTIL}"
        self._emit(facts.DeadLetterRefused(self._pipeline, self._queue.name, TOO_LARGE, detail, fix))

    def _refused(self, draft: Draft, answer: EntryResult | QueueError) -> None:
        if isinstance(answer, QueueRefused) or (isinstance(answer, EntryFailed) and not answer.retry):
            self.lasting.add(draft.delivery.message_id)
            code, detail = answer.code, answer.detail
            self._emit(facts.DeadLetterRefused(self._pipeline, self._queue.name, code, detail, _fix(code)))
        else:
            self._failed(getattr(answer, "code", "Unknown"))

    def _failed(self, code: str) -> None:
        self._emit(facts.SettleFailed(self._pipeline, "dead-letter", code, 1, final=False))


def batches(letters: Batch, largest: int) -> Iterator[Batch]:
    """Cut into sends of at most ten messages and *largest* bytes together, or one."""
    batch: Batch = []
    total = 0
    for draft, letter in letters:
        size = letter.size
        if batch and (len(batch) == BATCH_ENTRIES or total + size > largest):
            yield batch
            batch, total = [], 0
        batch.append((draft, letter))
        total += size
    if batch:
        yield batch


def _is_about_the_letter(answer: EntryResult | QueueError) -> bool:
    """Refused for good, and not for what the queue or the credentials are: another letter might be taken."""
    if answer is OK or answer is UNKNOWN:
        return False
    lasting = not answer.retry if isinstance(answer, EntryFailed) else isinstance(answer, QueueRefused)
    return lasting and not is_about_the_queue(answer.code)


def _fix(code: str) -> str:
    until = f"until then {_UNTIL}"
    if code.startswith("Kms"):
        return f"allow the worker kms:GenerateDataKey and kms:Decrypt on the key of the dead-letter queue; {until}"
    if code.startswith("AccessDenied"):
        return f"allow the worker sqs:SendMessage on the dead-letter queue; {until}"
    if code == "QueueDoesNotExist":
        return f"create the dead-letter queue, or correct SQS_DLQ_URL; {until}"
    return f"correct what SQS names; {until}"
