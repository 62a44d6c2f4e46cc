/* Whether a body cannot hold the decoder up. */
#ifndef WORKER_USUAL_HARMLESS_H
#define WORKER_USUAL_HARMLESS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Whether *body* is a text in ASCII of at most *longest* characters, with at most *deepest* opening brackets, and
 * without eight digits in a row at a place divisible by eight, so that no number in it has more than fourteen. */
int is_harmless(PyObject *body, Py_ssize_t longest, Py_ssize_t deepest);

#endif
