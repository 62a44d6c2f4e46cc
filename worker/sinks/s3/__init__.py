"""SINK=s3: files of messages in a bucket."""
