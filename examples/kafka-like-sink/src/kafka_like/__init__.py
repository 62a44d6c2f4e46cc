"""A sink of somebody else: messages of SQS as records of a partitioned log, which a small broker keeps on disk.

`PLUGIN` is all that the worker needs to know: `SINK=kafka-like` by the entry point, or `SINK=kafka_like:PLUGIN`.
"""

from kafka_like.plugin import PLUGIN

__all__ = ["PLUGIN"]
