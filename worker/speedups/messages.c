/* Copies the fields of each delivery into a tuple of the type of messages, with its value among them. */
#include "messages.h"

static int is_leased(const Shapes *shapes, PyObject *delivery, double now)
{
    PyObject *deadline = slot_at(delivery, shapes->of_delivery[DEADLINE]);
    return slot_at(delivery, shapes->of_delivery[LOST]) == Py_False && PyFloat_CheckExact(deadline) &&
           now < PyFloat_AS_DOUBLE(deadline);
}

/* Whether it may have been a dead letter: 1 or 0, -1 with an exception. */
static int is_letter(const Shapes *shapes, PyObject *delivery)
{
    PyObject *attributes = slot_at(delivery, shapes->of_delivery[ATTRIBUTES]);
    Py_ssize_t count = PyObject_Size(attributes);
    return count > 0 ? PySequence_Contains(attributes, shapes->letter) : (int)count;
}

/* 1 or 0, -1 with an exception. */
static int may_all_be_written(const Shapes *shapes, PyObject *deliveries, double now)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(deliveries); i++) {
        PyObject *one = PyList_GET_ITEM(deliveries, i);
        if (!is_whole(&shapes->delivery, one) || !is_leased(shapes, one, now)) {
            return 0;
        }
        int letter = is_letter(shapes, one);
        if (letter != 0) {
            return letter < 0 ? -1 : 0;
        }
    }
    return 1;
}

static PyObject *message_of(const Shapes *shapes, PyObject *delivery, PyObject *value)
{
    PyTypeObject *type = (PyTypeObject *)shapes->message;
    PyObject *message = type->tp_alloc(type, shapes->message_fields);
    for (int i = 0; message != NULL && i < shapes->message_fields; i++) {
        Py_ssize_t offset = shapes->of_message[i];
        PyTuple_SET_ITEM(message, i, Py_NewRef(offset == THE_VALUE ? value : slot_at(delivery, offset)));
    }
    return message;
}

PyObject *messages_of(const Shapes *shapes, PyObject *deliveries, PyObject *values, PyObject *now)
{
    if (!PyList_CheckExact(deliveries) || !PyList_CheckExact(values) || !PyFloat_CheckExact(now) ||
        PyList_GET_SIZE(deliveries) != PyList_GET_SIZE(values)) {
        Py_RETURN_NONE;
    }
    int may = may_all_be_written(shapes, deliveries, PyFloat_AS_DOUBLE(now));
    if (may <= 0) {
        return may < 0 ? NULL : Py_NewRef(Py_None);
    }
    Py_ssize_t count = PyList_GET_SIZE(deliveries);
    PyObject *messages = PyList_New(count);
    for (Py_ssize_t i = 0; messages != NULL && i < count; i++) {
        PyObject *one = message_of(shapes, PyList_GET_ITEM(deliveries, i), PyList_GET_ITEM(values, i));
        if (one == NULL) {
            Py_CLEAR(messages);
        } else {
            PyList_SET_ITEM(messages, i, one);
        }
    }
    return messages;
}
