"""The path of a delivery, one file a stage.

SQS ── poll ──▶ buffer ──▶ handle (decode ▶ write) ──▶ settle ──▶ SQS
         ▲   bounded in         N coroutines, a batch        deletes, retries, dead letters,
         └── room ──┘           each; a sink or your code    ten to a call
       renew keeps every lease in flight alive, from receive to settle
"""
