"""The outlook of a queue: what waits, how fast it goes, when it will be empty, how old the oldest is, what it costs."""
