/* The usual HTTP answer, when it came in one piece. */
#ifndef WORKER_USUAL_ANSWER_H
#define WORKER_USUAL_ANSWER_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* A tuple of headers and body, or None if this is not the usual answer; NULL with an exception. */
PyObject *answer_in(PyObject *data);

#endif
