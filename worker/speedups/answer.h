/* A whole HTTP answer that came in one piece. */
#ifndef WORKER_SPEEDUPS_ANSWER_H
#define WORKER_SPEEDUPS_ANSWER_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* A tuple of headers and body, or None if the answer is not for the fast path; NULL with an exception. */
PyObject *answer_in(PyObject *data);

#endif
