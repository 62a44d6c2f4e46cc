/* The body of a request that deletes. */
#ifndef WORKER_USUAL_DELETION_H
#define WORKER_USUAL_DELETION_H

#include "delivery.h"

/* *head* and behind it the entries of *deliveries*, ten at most, or None if a handle is not the usual one; NULL with an
 * exception. */
PyObject *deletion_of(const Shape *shape, PyObject *head, PyObject *deliveries);

#endif
