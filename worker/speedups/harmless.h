/* Whether a body cannot hold the decoder up. */
#ifndef WORKER_SPEEDUPS_HARMLESS_H
#define WORKER_SPEEDUPS_HARMLESS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Whether *body* is a text in ASCII of at most *longest* characters, with at most *deepest* opening brackets and at most
 * *digits* digits in a row. */
int is_harmless(PyObject *body, Py_ssize_t longest, Py_ssize_t deepest, Py_ssize_t digits);

#endif
