"""SINK=sqlite: a table of an SQLite file."""
