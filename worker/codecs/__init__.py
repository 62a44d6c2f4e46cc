"""Formats: one file each, all behind the protocol in `codec.py`."""
