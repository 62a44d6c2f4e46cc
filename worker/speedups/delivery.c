/* Slots of a dataclass are pointers in each of its objects; where they are, their descriptors say. */
#include "delivery.h"

#include <structmember.h>

static const char *const NAMES[NAMED] = {
    "message_id",
    "receipt_handle",
    "body",
    "sent_at",
    "received_at",
    "receive_count",
    "leased_at",
    "group_id",
    "deduplication_id",
    "sequence_number",
    "trace_header",
    "attributes",
    "deadline",
    "lost",
};
static const char *const FIELDS_OF_A_MESSAGE =
    "key value body id sent_at received_at receive_count group_id attributes trace_header sequence_number "
    "deduplication_id";

PyObject *blank_delivery(const Shape *shape)
{
    PyTypeObject *type = Py_TYPE(shape->usual);
    PyObject *delivery = type->tp_alloc(type, 0);
    for (int i = 0; delivery != NULL && i < shape->fields; i++) {
        PyObject *shared = *(PyObject **)((char *)shape->usual + shape->offsets[i]);
        Py_XINCREF(shared);
        *(PyObject **)((char *)delivery + shape->offsets[i]) = shared;
    }
    return delivery;
}

/* Where the slot *name* of *type* is; -1 with an exception if it is none. */
static Py_ssize_t offset_of(PyTypeObject *type, PyObject *name)
{
    PyObject *slot = PyObject_GetAttr((PyObject *)type, name);
    if (slot == NULL) {
        return -1;
    }
    Py_ssize_t offset = -1;
    if (Py_IS_TYPE(slot, &PyMemberDescr_Type) && ((PyMemberDescrObject *)slot)->d_member->type == T_OBJECT_EX) {
        offset = ((PyMemberDescrObject *)slot)->d_member->offset;
    } else {
        PyErr_Format(PyExc_TypeError, "%U of a delivery is no slot", name);
    }
    Py_DECREF(slot);
    return offset;
}

static int learn_offsets(Shape *shape, PyObject *slots)
{
    PyTypeObject *type = Py_TYPE(shape->usual);
    if (!PyTuple_CheckExact(slots) || PyTuple_GET_SIZE(slots) > MOST_FIELDS) {
        PyErr_SetString(PyExc_TypeError, "a delivery has other fields than expected");
        return -1;
    }
    shape->fields = (int)PyTuple_GET_SIZE(slots);
    for (int i = 0; i < shape->fields; i++) {
        if ((shape->offsets[i] = offset_of(type, PyTuple_GET_ITEM(slots, i))) < 0) {
            return -1;
        }
    }
    for (int i = 0; i < NAMED; i++) {
        PyObject *name = PyUnicode_FromString(NAMES[i]);
        shape->named[i] = name == NULL ? -1 : offset_of(type, name);
        Py_XDECREF(name);
        if (shape->named[i] < 0) {
            return -1;
        }
    }
    return 0;
}

static int learn_delivery(Shape *shape, PyObject *module)
{
    PyObject *type = PyObject_GetAttrString(module, "Delivery");
    PyObject *slots = type == NULL ? NULL : PyObject_GetAttrString(type, "__slots__");
    shape->usual = type == NULL ? NULL : PyObject_CallFunction(type, "sssddid", "", "", "", 0.0, 0.0, 0, 0.0);
    int learned = slots == NULL || shape->usual == NULL ? -1 : learn_offsets(shape, slots);
    Py_XDECREF(slots);
    Py_XDECREF(type);
    return learned;
}

/* A message is made field by field: the fields and their order must be those that messages.c knows. */
static int learn_message(Shape *shape, PyObject *module)
{
    shape->message = PyObject_GetAttrString(module, "Message");
    PyObject *fields = shape->message == NULL ? NULL : PyObject_GetAttrString(shape->message, "_fields");
    PyObject *space = PyUnicode_FromString(" ");
    PyObject *joined = fields == NULL || space == NULL ? NULL : PyUnicode_Join(space, fields);
    int same = joined != NULL && PyUnicode_CompareWithASCIIString(joined, FIELDS_OF_A_MESSAGE) == 0;
    if (joined != NULL && !(same && PyType_IsSubtype((PyTypeObject *)shape->message, &PyTuple_Type))) {
        PyErr_SetString(PyExc_TypeError, "a message has other fields than expected");
        same = 0;
    }
    Py_XDECREF(joined);
    Py_XDECREF(space);
    Py_XDECREF(fields);
    return same ? 0 : -1;
}

int shape_learn(Shape *shape)
{
    PyObject *module = PyImport_ImportModule("worker.message");
    if (module == NULL) {
        return -1;
    }
    shape->letter = PyObject_GetAttrString(module, "DEAD_LETTER");
    int learned =
        shape->letter != NULL && learn_delivery(shape, module) == 0 && learn_message(shape, module) == 0 ? 0 : -1;
    Py_DECREF(module);
    return learned;
}
