"""CODEC=text: the body as it is."""
