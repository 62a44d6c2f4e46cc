/* Which fields are copied, and which have to be empty, the caller says by their places. */
#include "rows.h"

#define MOST_PLACES 16

typedef struct {
    Py_ssize_t at[MOST_PLACES], count, highest;
} Places;

/* 1, or -1 with an exception. */
static int read_places(Places *places, PyObject *given)
{
    if (!PyTuple_CheckExact(given) || PyTuple_GET_SIZE(given) < 1 || PyTuple_GET_SIZE(given) > MOST_PLACES) {
        PyErr_Format(PyExc_TypeError, "places are a tuple of 1 to %d numbers", MOST_PLACES);
        return -1;
    }
    *places = (Places){.count = PyTuple_GET_SIZE(given), .highest = 0};
    for (Py_ssize_t i = 0; i < places->count; i++) {
        Py_ssize_t at = PyLong_AsSsize_t(PyTuple_GET_ITEM(given, i));
        if (at < 0) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_ValueError, "a place is 0 or more");
            }
            return -1;
        }
        places->at[i] = at;
        places->highest = at > places->highest ? at : places->highest;
    }
    return 1;
}

/* None, or a read-only view or a dictionary with nothing in it. */
static int is_empty(PyObject *value)
{
    if (Py_IS_TYPE(value, &PyDictProxy_Type)) {
        return PyObject_Size(value) == 0;
    }
    return value == Py_None || (PyDict_CheckExact(value) && PyDict_GET_SIZE(value) == 0);
}

static int is_for_copying(PyObject *message, const Places *filled, const Places *empty)
{
    if (!PyTuple_Check(message) || PyTuple_GET_SIZE(message) <= filled->highest ||
        PyTuple_GET_SIZE(message) <= empty->highest ||
        !PyUnicode_CheckExact(PyTuple_GET_ITEM(message, filled->at[0]))) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < empty->count; i++) {
        if (!is_empty(PyTuple_GET_ITEM(message, empty->at[i]))) {
            return 0;
        }
    }
    return 1;
}

PyObject *values_of(PyObject *messages, PyObject *filled_places, PyObject *empty_places)
{
    Places filled, empty;
    if (read_places(&filled, filled_places) < 0 || read_places(&empty, empty_places) < 0) {
        return NULL;
    }
    if (!PyList_CheckExact(messages)) {
        Py_RETURN_NONE;
    }
    Py_ssize_t count = PyList_GET_SIZE(messages);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!is_for_copying(PyList_GET_ITEM(messages, i), &filled, &empty)) {
            Py_RETURN_NONE;
        }
    }
    PyObject *values = PyList_New(count * filled.count);
    for (Py_ssize_t i = 0; values != NULL && i < count; i++) {
        PyObject *message = PyList_GET_ITEM(messages, i);
        for (Py_ssize_t column = 0; column < filled.count; column++) {
            PyObject *value = PyTuple_GET_ITEM(message, filled.at[column]);
            PyList_SET_ITEM(values, i * filled.count + column, Py_NewRef(value));
        }
    }
    return values;
}
