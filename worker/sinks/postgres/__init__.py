"""SINK=postgres: a table of a PostgreSQL database."""
