"""SINK=dynamodb: an item for each message, in a table of Amazon DynamoDB."""
