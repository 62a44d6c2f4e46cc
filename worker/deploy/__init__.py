"""What a platform has to be told about the worker: which rights it needs, how many of it, and when more.

Pure policy for `worker iam` and `worker scaling`: settings and numbers in, documents and sentences out. Asks nobody.
"""
