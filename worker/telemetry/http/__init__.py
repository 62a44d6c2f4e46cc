"""The port of the worker: metrics, health and status over HTTP; and how another process asks for them."""
