"""CODEC=json-any: one JSON value a message, of any type."""
