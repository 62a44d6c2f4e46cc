"""What the worker reports: facts, and the observers that turn them into metrics, logs and health."""
