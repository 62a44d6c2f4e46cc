/* The deliveries in the usual answer to a receive. */
#ifndef WORKER_USUAL_RECEIVE_H
#define WORKER_USUAL_RECEIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define MOST_FIELDS 32
#define FILLED 7

/* How a delivery is made; one for each interpreter. */
typedef struct {
    PyObject *usual;                  /* a delivery whose other fields every new one shares */
    Py_ssize_t offsets[MOST_FIELDS];  /* of all fields, in a delivery */
    Py_ssize_t filled[FILLED];        /* of those that are read from the answer, in the order of FILLED_NAMES */
    int fields;
} Shape;

/* Learn the shape from `worker.message.Delivery`; -1 with an exception if it is not what this file was written for. */
int shape_learn(Shape *shape);

/* A list of deliveries, or None if this is not the usual answer; NULL with an exception. */
PyObject *deliveries_in(const Shape *shape, PyObject *body, PyObject *leased_at, PyObject *received_at);

#endif
