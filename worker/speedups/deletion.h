/* The body of a request that deletes. */
#ifndef WORKER_SPEEDUPS_DELETION_H
#define WORKER_SPEEDUPS_DELETION_H

#include "shape.h"

/* *head* and behind it the entries of *deliveries*, ten at most, or None if a handle is not written as it is; NULL with
 * an exception. */
PyObject *deletion_of(const Shapes *shapes, PyObject *head, PyObject *deliveries);

#endif
