/* Messages made of deliveries and their decoded bodies. */
#ifndef WORKER_SPEEDUPS_MESSAGES_H
#define WORKER_SPEEDUPS_MESSAGES_H

#include "shape.h"

/* A list of messages whose key is the message id, or None if there is not a value for each delivery, or one has lost
 * its lease at loop time *now* or may have been a dead letter; NULL with an exception. */
PyObject *messages_of(const Shapes *shapes, PyObject *deliveries, PyObject *values, PyObject *now);

#endif
