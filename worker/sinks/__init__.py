"""Destinations: a folder each, all behind the protocol in `sink.py`."""
