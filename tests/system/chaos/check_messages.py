"""Checks of the messages: lost, unexpected, doubled, deleted too early, out of order, dead for no reason.

Each takes the evidence and gives one sentence for each violation; none trusts what a worker says of itself.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.chaos.evidence import Evidence


def lost(evidence: Evidence) -> Iterator[str]:
    """Acknowledged to the producer, and nowhere to be found."""
    found = {row.id for rows in evidence.rows.values() for row in rows}
    found |= {letter.id for letter in evidence.letters}
    found.update(evidence.remainder)
    for business, message_id in evidence.produced.acks.items():
        if business not in found:
            yield f"{business} (message {message_id})"


def left(evidence: Evidence) -> Iterator[str]:
    """Still in a queue after everybody had time."""
    yield from evidence.remainder


def unexpected(evidence: Evidence) -> Iterator[str]:
    """Never sent, or not what was sent, or poison that became a row."""
    attempts = evidence.produced.attempts
    rows = [(one.id, one.sha, "row") for rows in evidence.rows.values() for one in rows]
    for business, sha, where in rows + [(one.id, one.sha, "letter") for one in evidence.letters]:
        attempt = attempts.get(business)
        if attempt is None:
            yield f"{where} {business}: never sent"
        elif attempt.sha != sha:
            yield f"{where} {business}: another body than was sent"
        elif attempt.poison and where == "row":
            yield f"row {business}: cannot be decoded, and was written"


def doubled(evidence: Evidence) -> Iterator[str]:
    """More than one row for one message.

    Known by the id in the body a message is one however often it was sent. Known by its message id it is another each
    time that it was sent: then there is one row for each id, and no more rows than sends.
    """
    for place, rows in evidence.rows.items():
        for name, count in Counter(row.key or row.id for row in rows).items():
            if count > 1:
                yield f"{place} {name}: {count} rows"
        for business, count in Counter(row.id for row in rows if row.key).items():
            if count > evidence.produced.sends_of[business]:
                yield f"{place} {business}: {count} rows, sent {evidence.produced.sends_of[business]} times"


def both(evidence: Evidence) -> Iterator[str]:
    """Done and dead."""
    dead = {letter.id for letter in evidence.letters}
    for rows in evidence.rows.values():
        yield from sorted(dead.intersection(row.id for row in rows))


def premature(evidence: Evidence) -> Iterator[str]:
    """A delete without an earlier commit or dead letter: found even when luck hides the loss."""
    safe: dict[str, int] = {}
    for life in evidence.lives:
        for record in life.records():
            if record.kind in {"commit", "letter"}:
                safe[record.subject] = min(record.ns, safe.get(record.subject, record.ns))
    for change in evidence.changes():
        if change.op == "delete" and change.queue not in evidence.dead_letter_queues:
            since = safe.get(change.message_id)
            if since is None:
                yield f"{change.message_id} was deleted and never accepted by anything"
            elif since > change.ns:
                yield f"{change.message_id} was deleted {(since - change.ns) / 1e6:.3f} ms before it was accepted"


def disordered(evidence: Evidence) -> Iterator[str]:
    """First effects of a group in another order than they were sent, or before an earlier one was resolved."""
    for place in evidence.fifo:
        yield from _rows_in_order(evidence, place)
    yield from _behind_the_dead(evidence)


def _rows_in_order(evidence: Evidence, place: str) -> Iterator[str]:
    latest: dict[str, int] = {}
    for row in evidence.rows[place]:
        attempt = evidence.produced.attempts.get(row.id)
        if attempt is None:
            continue  # `unexpected` says so
        if attempt.seq <= latest.get(attempt.group, -1):
            yield f"{place} {attempt.group}: {attempt.seq} after {latest[attempt.group]}"
        latest[attempt.group] = max(attempt.seq, latest.get(attempt.group, -1))


def _behind_the_dead(evidence: Evidence) -> Iterator[str]:
    """Nothing of a group is written before an earlier, rejected message of it is in the dead-letter queue."""
    attempts, dead = evidence.produced.attempts, _dead_since(evidence)
    waiting: dict[str, list[tuple[int, int]]] = {}
    for business, ns in dead.items():
        waiting.setdefault(attempts[business].group, []).append((attempts[business].seq, ns))
    for life in evidence.lives:
        for record in life.records():
            attempt = attempts.get(record.detail)
            if record.kind != "commit" or record.place not in evidence.fifo or attempt is None:
                continue
            for seq, ns in waiting.get(attempt.group, ()):
                if seq < attempt.seq and record.ns < ns:
                    yield f"{attempt.group}: {attempt.seq} was written before {seq} was dead-lettered"


def _dead_since(evidence: Evidence) -> dict[str, int]:
    """When each ordered message first was in the dead-letter queue."""
    arrived = {
        change.message_id: change.ns
        for change in evidence.changes()
        if change.op == "send" and change.queue in evidence.dead_letter_queues
    }
    since: dict[str, int] = {}
    for letter in evidence.letters:
        ordered = letter.queue.endswith(".fifo") and letter.id in evidence.produced.attempts
        if ordered and letter.message_id in arrived:
            since[letter.id] = min(arrived[letter.message_id], since.get(letter.id, arrived[letter.message_id]))
    return since


def wrongly_dead(evidence: Evidence) -> Iterator[str]:
    """In the dead-letter queue though it could be decoded, or more often than its receipts explain.

    A FIFO dead-letter queue recognises the second letter of one message, so there it is once, whatever happens. On a
    standard queue a letter may be sent again only after the message was received again.
    """
    receipts = Counter[str]()
    dead = {letter.source_id for letter in evidence.letters}
    for change in evidence.changes():
        if change.op == "receive" and change.message_id in dead:
            receipts[change.message_id] += 1
    copies = Counter((letter.queue, letter.source_id) for letter in evidence.letters)
    for (queue, source), count in copies.items():
        most = 1 if queue.endswith(".fifo") else receipts[source]
        if count > most:
            yield f"{queue}: {count} letters of {source}, {most} explained"
    yield from _good_letters(evidence)


def _good_letters(evidence: Evidence) -> Iterator[str]:
    for letter in evidence.letters:
        attempt = evidence.produced.attempts.get(letter.id)
        if attempt is not None and not attempt.poison:
            yield f"{letter.queue}: {letter.id} is good"
