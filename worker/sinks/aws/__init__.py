"""The sinks' door to AWS: a client of one service, and what its errors mean to a sink. It is no sink itself."""
