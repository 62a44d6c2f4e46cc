"""Whose rules decide where what AWS documents and what was recorded on AWS are not the same.

`recorded` is what others saw AWS do, `documented` what a careful reader of its pages expects. A worker has to be right
under either, so tests draw one; `docs/loopback.md` has the differences side by side.
"""

from __future__ import annotations

from enum import StrEnum


class Rules(StrEnum):
    """Chosen when a loopback is made, for all of its queues."""

    RECORDED = "recorded"
    """Standard: any handle of a message that is still there changes its visibility and deletes it, also when the lease
    has ended or a newer receipt holds the message. FIFO: a hidden message holds back only what was sent after it.
    """
    DOCUMENTED = "documented"
    """Standard: only the latest handle does anything, and changes visibility only while its lease lives. FIFO: nothing
    of a group is handed out while any message of it is in flight.
    """
