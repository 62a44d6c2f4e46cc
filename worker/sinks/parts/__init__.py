"""Parts: files made of messages, and how they come into a bucket. For sinks that load by files; no sink itself."""
