"""Amazon's numbers, each with its source. Nothing else in the code writes them as digits.

Sources: the SQS developer guide (quotas for messages, visibility timeout, FIFO delivery logic) and the API reference
of the operation named beside the number.
"""

from __future__ import annotations

from typing import Final

BATCH_ENTRIES: Final = 10
"""Entries in one batch call, and messages in one receive (ReceiveMessage: MaxNumberOfMessages)."""
MESSAGE_BYTES: Final = 1_048_576
"""Largest message, attributes included; a whole SendMessageBatch may be no larger (quotas for messages)."""
WAIT_SECONDS: Final = 20
"""Longest long poll (ReceiveMessage: WaitTimeSeconds)."""
VISIBILITY_SECONDS: Final = 43_200
"""Longest visibility timeout, and the longest a message may stay invisible counted from its receipt (12 h)."""
DELAY_SECONDS: Final = 900
"""Longest delay of a message or a queue (SendMessage: DelaySeconds)."""
RETENTION_SECONDS: Final = 1_209_600
"""Longest retention: 14 days (SetQueueAttributes: MessageRetentionPeriod)."""
RETENTION_SECONDS_MIN: Final = 60
IN_FLIGHT: Final = 120_000
"""Messages received and not yet deleted, per queue: OverLimit on standard queues, silence on FIFO queues."""
MESSAGE_ATTRIBUTES: Final = 10
"""Attributes of one message (message metadata)."""
BATCH_ID_CHARACTERS: Final = 80
"""Length of an entry's Id in a batch: letters, digits, hyphens and underscores."""
QUEUE_NAME_CHARACTERS: Final = 80
"""Length of a queue's name, `.fifo` included (CreateQueue: QueueName)."""
DEDUPLICATION_SECONDS: Final = 300
"""Window in which a FIFO queue drops a second message with the same deduplication id."""
PURGE_INTERVAL_SECONDS: Final = 60
"""PurgeQueue is refused for this long after the last one."""
MOVE_TASK_RATE: Final = 500
"""Highest MaxNumberOfMessagesPerSecond of a message move task (StartMessageMoveTask)."""
RECEIVE_COUNT_MAX: Final = 1_000
"""Highest maxReceiveCount of a redrive policy."""
