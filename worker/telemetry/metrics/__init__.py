"""Facts as Prometheus metrics: counted as they are told, read at each scrape."""
