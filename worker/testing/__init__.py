"""What users test with: whether a sink or a codec of yours keeps what the worker relies on. Needs the extra `testing`.

`worker.testing.sinks` and `worker.testing.codecs` are suites for pytest; `worker.testing.messages` makes messages.
Nothing else of the worker imports this package, and only this package imports pytest.
"""
