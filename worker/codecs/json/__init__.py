"""CODEC=json: one JSON object a message."""
