/* Copies eleven fields of each delivery into a tuple of the type of messages, with its value among them. */
#include "messages.h"

#define VALUE NAMED /* is no field of a delivery */

static const Field COPIED[] = {
    MESSAGE_ID, VALUE, BODY, MESSAGE_ID, SENT_AT, RECEIVED_AT, RECEIVE_COUNT, GROUP_ID, ATTRIBUTES,
    TRACE_HEADER, SEQUENCE_NUMBER, DEDUPLICATION_ID,
};
#define FIELDS ((Py_ssize_t)(sizeof COPIED / sizeof COPIED[0]))

static int is_leased(const Shape *shape, PyObject *delivery, double now)
{
    PyObject *deadline = *slot_of(shape, delivery, DEADLINE);
    return *slot_of(shape, delivery, LOST) == Py_False && PyFloat_CheckExact(deadline) &&
           now < PyFloat_AS_DOUBLE(deadline);
}

/* Whether it may have been a dead letter: 1 or 0, -1 with an exception. Nearly always there are no attributes. */
static int is_letter(const Shape *shape, PyObject *delivery)
{
    PyObject *attributes = *slot_of(shape, delivery, ATTRIBUTES);
    Py_ssize_t count = PyObject_Size(attributes);
    return count > 0 ? PySequence_Contains(attributes, shape->letter) : (int)count;
}

/* 1 or 0, -1 with an exception. */
static int are_usual(const Shape *shape, PyObject *deliveries, double now)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(deliveries); i++) {
        PyObject *one = PyList_GET_ITEM(deliveries, i);
        if (!is_delivery(shape, one) || !is_leased(shape, one, now)) {
            return 0;
        }
        int letter = is_letter(shape, one);
        if (letter != 0) {
            return letter < 0 ? -1 : 0;
        }
    }
    return 1;
}

static PyObject *message_of(const Shape *shape, PyObject *delivery, PyObject *value)
{
    PyTypeObject *type = (PyTypeObject *)shape->message;
    PyObject *message = type->tp_alloc(type, FIELDS);
    for (Py_ssize_t i = 0; message != NULL && i < FIELDS; i++) {
        PyObject *field = COPIED[i] == VALUE ? value : *slot_of(shape, delivery, COPIED[i]);
        PyTuple_SET_ITEM(message, i, Py_NewRef(field));
    }
    return message;
}

PyObject *messages_of(const Shape *shape, PyObject *deliveries, PyObject *values, PyObject *now)
{
    if (!PyList_CheckExact(deliveries) || !PyList_CheckExact(values) || !PyFloat_CheckExact(now) ||
        PyList_GET_SIZE(deliveries) != PyList_GET_SIZE(values)) {
        Py_RETURN_NONE;
    }
    int usual = are_usual(shape, deliveries, PyFloat_AS_DOUBLE(now));
    if (usual <= 0) {
        return usual < 0 ? NULL : Py_NewRef(Py_None);
    }
    Py_ssize_t count = PyList_GET_SIZE(deliveries);
    PyObject *messages = PyList_New(count);
    for (Py_ssize_t i = 0; messages != NULL && i < count; i++) {
        PyObject *one = message_of(shape, PyList_GET_ITEM(deliveries, i), PyList_GET_ITEM(values, i));
        if (one == NULL) {
            Py_CLEAR(messages);
        } else {
            PyList_SET_ITEM(messages, i, one);
        }
    }
    return messages;
}
