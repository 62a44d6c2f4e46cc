"""CODEC=bytes: bytes in base64."""
