"""SINK=kinesis: a record for each message, in a stream of Amazon Kinesis Data Streams."""
