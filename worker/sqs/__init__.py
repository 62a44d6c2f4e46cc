"""Amazon SQS: the protocol the pipeline knows, Amazon's limits, and the one door to AWS."""
