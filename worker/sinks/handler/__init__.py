"""SINK=handler: your function."""
