/* The rows of messages without attributes. */
#ifndef WORKER_USUAL_ROWS_H
#define WORKER_USUAL_ROWS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* A list of the values of all rows, one row behind the other, or None if a message is not the usual one; NULL with an
 * exception. */
PyObject *values_of(PyObject *messages);

#endif
