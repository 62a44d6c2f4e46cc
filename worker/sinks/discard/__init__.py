"""SINK=discard: nowhere, to measure everything else."""
