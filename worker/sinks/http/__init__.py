"""SINK=http: batches or single messages, POSTed to a service."""
