"""The commands of `worker`, one file each. A file defines `command`; `worker.cli` holds the table of their names."""
