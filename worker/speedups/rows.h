/* The rows of messages without attributes. */
#ifndef WORKER_SPEEDUPS_ROWS_H
#define WORKER_SPEEDUPS_ROWS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* A list of what stands at the places *filled* (the first of them a text) in each of *messages*, one row behind the
 * other, or None if one of them has something at a place of *empty*; NULL with an exception.
 */
PyObject *values_of(PyObject *messages, PyObject *filled, PyObject *empty);

#endif
