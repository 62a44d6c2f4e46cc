"""Our own request path: HTTP and Signature Version 4, from a request to its answer, without the SDK."""
