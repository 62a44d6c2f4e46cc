/* The deliveries in the answer to a receive. */
#ifndef WORKER_SPEEDUPS_DELIVERIES_H
#define WORKER_SPEEDUPS_DELIVERIES_H

#include "shape.h"

/* A list of deliveries, or None if the answer is not for the fast path; NULL with an exception. */
PyObject *deliveries_in(const Shapes *shapes, PyObject *body, PyObject *leased_at, PyObject *received_at);

#endif
