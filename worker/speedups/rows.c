/* Copies five of the twelve fields of each message, in the order of `worker.sinks.columns.FILLED`. */
#include "rows.h"

enum { KEY, VALUE, BODY, ID, SENT_AT, RECEIVED_AT, RECEIVE_COUNT, GROUP_ID, ATTRIBUTES,
       TRACE_HEADER, SEQUENCE_NUMBER, DEDUPLICATION_ID, FIELDS };
static const int COPIED[] = {KEY, BODY, SENT_AT, RECEIVED_AT, RECEIVE_COUNT};
#define COLUMNS ((Py_ssize_t)(sizeof COPIED / sizeof COPIED[0]))

/* A read-only view or a dictionary, with nothing in it. */
static int is_empty(PyObject *attributes)
{
    if (Py_IS_TYPE(attributes, &PyDictProxy_Type)) {
        return PyObject_Size(attributes) == 0;
    }
    return PyDict_CheckExact(attributes) && PyDict_GET_SIZE(attributes) == 0;
}

static int is_usual(PyObject *message)
{
    if (!PyTuple_Check(message) || PyTuple_GET_SIZE(message) != FIELDS) {
        return 0;
    }
    return PyUnicode_CheckExact(PyTuple_GET_ITEM(message, KEY)) && PyTuple_GET_ITEM(message, GROUP_ID) == Py_None &&
           is_empty(PyTuple_GET_ITEM(message, ATTRIBUTES));
}

PyObject *values_of(PyObject *messages)
{
    if (!PyList_CheckExact(messages)) {
        Py_RETURN_NONE;
    }
    Py_ssize_t count = PyList_GET_SIZE(messages);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!is_usual(PyList_GET_ITEM(messages, i))) {
            Py_RETURN_NONE;
        }
    }
    PyObject *values = PyList_New(count * COLUMNS);
    for (Py_ssize_t i = 0; values != NULL && i < count; i++) {
        PyObject *message = PyList_GET_ITEM(messages, i);
        for (Py_ssize_t column = 0; column < COLUMNS; column++) {
            PyList_SET_ITEM(values, i * COLUMNS + column, Py_NewRef(PyTuple_GET_ITEM(message, COPIED[column])));
        }
    }
    return values;
}
