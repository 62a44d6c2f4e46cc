"""Destinations: one file each, all behind the protocol in `sink.py`."""
