"""SINK=ndjson: lines in a file."""
