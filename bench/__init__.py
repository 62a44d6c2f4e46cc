"""Ourselves and our peers in one run, on one loopback: `make bench`."""
