"""SQS on this machine: semantics apart from wire apart from faults.

    state, standard, fifo, windows, waiting     one queue: where each message is, and who waits for it
    counts                                      what came to it and went, and by which way
    attributes, contents, accept, policy        what may be set, what may be sent, how it gets in
    registry, receiving, moves, sqs             all queues, and the 23 operations without a wire (`LoopbackSqs`)
    params, operations, rendering, wire         AWS JSON 1.0
    connection, server, control, serve          HTTP/1.1, the listening address, `/_loopback/`, the program
    faults, spoiling                            trouble on purpose
    memory                                      the worker's `Queue` straight onto the semantics

Where it knowingly differs from Amazon: changes take effect at once; counts are exact, but expired messages behind a
younger one are counted until they come to the head; messages keep their order on standard queues; fair queues,
policies and encryption are stored and have no effect; signatures are not checked and unsigned requests are served; a
FIFO queue's new delay is not applied to messages already sent; a full standard queue is `OverLimit` for long polls too.
"""
