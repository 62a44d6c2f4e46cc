"""The door to the AWS SDK: credentials, endpoints and TLS, and with SQS_TRANSPORT=sdk every request."""
