/* Slots of a dataclass are pointers in each of its objects; where they are, their descriptors say. */
#include "shape.h"

#include <structmember.h>

static const char *const FIELDS_OF_A_DELIVERY[FIELDS_OF_DELIVERY] = {
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
static const char *const FIELDS_OF_AN_ATTRIBUTE[FIELDS_OF_ATTRIBUTE] = {"data_type", "value"};

PyObject *copy_of(const Class *class)
{
    PyTypeObject *type = Py_TYPE(class->prototype);
    PyObject *copy = type->tp_alloc(type, 0);
    for (int i = 0; copy != NULL && i < class->fields; i++) {
        PyObject *shared = *(PyObject **)((char *)class->prototype + class->offsets[i]);
        *(PyObject **)((char *)copy + class->offsets[i]) = Py_XNewRef(shared);
    }
    return copy;
}

int fill(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    if (value == NULL) {
        return 0;
    }
    PyObject **slot = (PyObject **)((char *)object + offset);
    PyObject *shared = *slot;
    *slot = value;
    Py_XDECREF(shared);
    return 1;
}

/* Where the slot *name* of *type* is; -1 with an exception if it is none. */
static Py_ssize_t offset_of(PyTypeObject *type, PyObject *name)
{
    PyObject *slot = name == NULL ? NULL : PyObject_GetAttr((PyObject *)type, name);
    if (slot == NULL) {
        return -1;
    }
    Py_ssize_t offset = -1;
    if (Py_IS_TYPE(slot, &PyMemberDescr_Type) && ((PyMemberDescrObject *)slot)->d_member->type == T_OBJECT_EX) {
        offset = ((PyMemberDescrObject *)slot)->d_member->offset;
    } else {
        PyErr_Format(PyExc_TypeError, "%U of %s is no slot", name, type->tp_name);
    }
    Py_DECREF(slot);
    return offset;
}

static int learn_slots(Class *class, PyObject *slots)
{
    if (!PyTuple_CheckExact(slots) || PyTuple_GET_SIZE(slots) > MOST_FIELDS) {
        PyErr_Format(PyExc_TypeError, "%s is no dataclass of up to %d slots", Py_TYPE(class->prototype)->tp_name,
                     MOST_FIELDS);
        return -1;
    }
    class->fields = (int)PyTuple_GET_SIZE(slots);
    for (int i = 0; i < class->fields; i++) {
        if ((class->offsets[i] = offset_of(Py_TYPE(class->prototype), PyTuple_GET_ITEM(slots, i))) < 0) {
            return -1;
        }
    }
    return 0;
}

/* *prototype* then belongs to *class*. */
static int learn_class(Class *class, PyObject *prototype)
{
    class->prototype = prototype;
    PyObject *slots = prototype == NULL ? NULL : PyObject_GetAttrString((PyObject *)Py_TYPE(prototype), "__slots__");
    int learned = slots == NULL ? -1 : learn_slots(class, slots);
    Py_XDECREF(slots);
    return learned;
}

static int learn_fields(const Class *class, const char *const names[], int count, Py_ssize_t offsets[])
{
    for (int i = 0; i < count; i++) {
        PyObject *name = PyUnicode_FromString(names[i]);
        offsets[i] = offset_of(Py_TYPE(class->prototype), name);
        Py_XDECREF(name);
        if (offsets[i] < 0) {
            return -1;
        }
    }
    return 0;
}

/* That every object of a class has the same defaults: one that is made for each would be shared by all copies. */
static int require_shared(const Class *class, PyObject *another)
{
    for (int i = 0; i < class->fields; i++) {
        Py_ssize_t offset = class->offsets[i];
        if (*(PyObject **)((char *)class->prototype + offset) != *(PyObject **)((char *)another + offset)) {
            PyErr_Format(PyExc_TypeError, "%s has a default that is made for each object", Py_TYPE(another)->tp_name);
            return -1;
        }
    }
    return 0;
}

/* Learn *class* from two objects of it made with *arguments*, a dictionary that is given up. */
static int learn_named(Class *class, PyObject *module, const char *name, PyObject *arguments)
{
    PyObject *type = PyObject_GetAttrString(module, name), *none = PyTuple_New(0);
    int ready = type != NULL && none != NULL && arguments != NULL;
    PyObject *one = ready ? PyObject_Call(type, none, arguments) : NULL;
    PyObject *another = one == NULL ? NULL : PyObject_Call(type, none, arguments);
    int learned = learn_class(class, one) == 0 && another != NULL ? require_shared(class, another) : -1;
    Py_XDECREF(another);
    Py_XDECREF(none);
    Py_XDECREF(type);
    Py_XDECREF(arguments);
    return learned;
}

/* What every delivery is given here, and a field without a default that is not among it is refused by the class. */
static PyObject *delivery_arguments(void)
{
    return Py_BuildValue("{ss,ss,ss,sd,sd,si,sd}", "message_id", "", "receipt_handle", "", "body", "", "sent_at", 0.0,
                         "received_at", 0.0, "receive_count", 0, "leased_at", 0.0);
}

/* What field *name* of a message is of a delivery: its key and its id are the message id, the others are named alike. */
static Py_ssize_t source_of(const Shapes *shapes, PyObject *name)
{
    if (PyUnicode_CompareWithASCIIString(name, "value") == 0) {
        return THE_VALUE;
    }
    if (PyUnicode_CompareWithASCIIString(name, "key") == 0 || PyUnicode_CompareWithASCIIString(name, "id") == 0) {
        return shapes->of_delivery[MESSAGE_ID];
    }
    return offset_of(Py_TYPE(shapes->delivery.prototype), name);
}

static int learn_fields_of_message(Shapes *shapes, PyObject *fields)
{
    if (!PyTuple_CheckExact(fields) || PyTuple_GET_SIZE(fields) > MOST_FIELDS ||
        !PyType_IsSubtype((PyTypeObject *)shapes->message, &PyTuple_Type)) {
        PyErr_SetString(PyExc_TypeError, "a message is no named tuple");
        return -1;
    }
    shapes->message_fields = (int)PyTuple_GET_SIZE(fields);
    for (int i = 0; i < shapes->message_fields; i++) {
        shapes->of_message[i] = source_of(shapes, PyTuple_GET_ITEM(fields, i));
        if (PyErr_Occurred()) {
            return -1;
        }
    }
    return 0;
}

static int learn_message(Shapes *shapes, PyObject *module)
{
    shapes->letter = PyObject_GetAttrString(module, "DEAD_LETTER");
    shapes->message = PyObject_GetAttrString(module, "Message");
    PyObject *fields = shapes->message == NULL ? NULL : PyObject_GetAttrString(shapes->message, "_fields");
    int learned = fields == NULL || shapes->letter == NULL ? -1 : learn_fields_of_message(shapes, fields);
    Py_XDECREF(fields);
    return learned;
}

static PyObject *attribute_arguments(void)
{
    return Py_BuildValue("{ss,ss}", "data_type", "", "value", "");
}

int shapes_learn(Shapes *shapes)
{
    PyObject *module = PyImport_ImportModule("worker.message");
    if (module == NULL) {
        return -1;
    }
    int learned =
        learn_named(&shapes->delivery, module, "Delivery", delivery_arguments()) == 0 &&
        learn_named(&shapes->attribute, module, "Attribute", attribute_arguments()) == 0 &&
        learn_fields(&shapes->delivery, FIELDS_OF_A_DELIVERY, FIELDS_OF_DELIVERY, shapes->of_delivery) == 0 &&
        learn_fields(&shapes->attribute, FIELDS_OF_AN_ATTRIBUTE, FIELDS_OF_ATTRIBUTE, shapes->of_attribute) == 0 &&
        learn_message(shapes, module) == 0;
    Py_DECREF(module);
    return learned ? 0 : -1;
}
