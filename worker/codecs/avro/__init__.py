"""CODEC=avro: one datum a message, binary in base64.

`schemas` reads those of the operator at the start, `framing` finds which one a body names, `proof` says what a datum of
it can become, `walk` looks where that is not enough, and `codec` has the value made.
"""
