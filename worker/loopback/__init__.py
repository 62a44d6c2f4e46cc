"""SQS on this machine: semantics apart from wire apart from faults."""
