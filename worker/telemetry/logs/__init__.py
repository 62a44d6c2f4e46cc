"""The log: each fact that is for people as one line of JSON or text, without secrets, and not the same one for ever."""
