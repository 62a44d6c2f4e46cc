"""What sinks have in common that put many records to a call and are told about each: it is no sink itself."""
