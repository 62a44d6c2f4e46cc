"""Waiting with an end: a row of waiters, deadlines that share a timer, and time limits of calls."""
