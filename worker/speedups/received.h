/* The messages in the answer to a receive, as they stand in its JSON. */
#ifndef WORKER_SPEEDUPS_RECEIVED_H
#define WORKER_SPEEDUPS_RECEIVED_H

#include "json.h"

#define MOST_MESSAGES 10   /* SQS's own bound of one receive */
#define MOST_ATTRIBUTES 10 /* and of one message */

typedef struct {
    Text name, type, value;
} ReceivedAttribute;

typedef struct {
    Text id, handle, hash, body;
    long long sent_milliseconds, count;
    Text group, deduplication, sequence, trace; /* their data is NULL if they are not there */
    ReceivedAttribute attributes[MOST_ATTRIBUTES];
    int attribute_count;
} ReceivedMessage;

/* How many messages there are; 0 if there is anything in the answer that is not for the fast path. */
int read_messages(Reader *reader, ReceivedMessage *messages);

#endif
