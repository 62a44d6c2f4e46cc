/* The deliveries in the usual answer to a receive. */
#ifndef WORKER_USUAL_RECEIVE_H
#define WORKER_USUAL_RECEIVE_H

#include "delivery.h"

/* A list of deliveries, or None if this is not the usual answer; NULL with an exception. */
PyObject *deliveries_in(const Shape *shape, PyObject *body, PyObject *leased_at, PyObject *received_at);

#endif
