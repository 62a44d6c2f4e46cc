"""Formats: a folder each, all behind the protocol in `codec.py`."""
