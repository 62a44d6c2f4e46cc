/* Everything is read and every hash checked before the first object is made. */
#include "deliveries.h"

#include <string.h>

#include "md5.h"
#include "received.h"

static size_t escaped_bytes(const ReceivedMessage *messages, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        size += messages[i].body.escaped ? messages[i].body.size : 0;
    }
    return size;
}

/* The bodies as their senders wrote them: those with escapes in *room*, the others where they are. */
static void unescape_bodies(const ReceivedMessage *messages, int count, uint8_t *room, Hashed *bodies)
{
    for (int i = 0; i < count; i++) {
        const Text *body = &messages[i].body;
        bodies[i] = (Hashed){.data = body->data, .size = body->size, .said = messages[i].hash.data};
        if (body->escaped) {
            bodies[i].data = room;
            bodies[i].size = unescape(body, room);
            room += bodies[i].size;
        }
    }
}

/* ---- objects ---------------------------------------------------------------------------------------------------- */

static PyObject *string_of(const uint8_t *data, size_t size, int ascii)
{
    if (!ascii) {
        return PyUnicode_DecodeUTF8((const char *)data, (Py_ssize_t)size, NULL);
    }
    PyObject *string = PyUnicode_New((Py_ssize_t)size, 127);
    if (string != NULL && size > 0) {
        memcpy(PyUnicode_1BYTE_DATA(string), data, size);
    }
    return string;
}

/* A text without escapes. */
static PyObject *string_in(const Text *text)
{
    return string_of(text->data, text->size, text->ascii);
}

static PyObject *attribute_of(const Shapes *shapes, const ReceivedAttribute *read)
{
    PyObject *attribute = copy_of(&shapes->attribute);
    if (attribute != NULL && fill(attribute, shapes->of_attribute[DATA_TYPE], string_in(&read->type)) &&
        fill(attribute, shapes->of_attribute[VALUE], string_in(&read->value))) {
        return attribute;
    }
    Py_XDECREF(attribute);
    return NULL;
}

static int put_attribute(const Shapes *shapes, PyObject *attributes, const ReceivedAttribute *read)
{
    PyObject *name = string_in(&read->name), *attribute = name == NULL ? NULL : attribute_of(shapes, read);
    int put = attribute != NULL && PyDict_SetItem(attributes, name, attribute) == 0;
    Py_XDECREF(attribute);
    Py_XDECREF(name);
    return put;
}

/* A read-only view. */
static PyObject *attributes_of(const Shapes *shapes, const ReceivedMessage *message)
{
    PyObject *attributes = PyDict_New();
    for (int i = 0; attributes != NULL && i < message->attribute_count; i++) {
        if (!put_attribute(shapes, attributes, &message->attributes[i])) {
            Py_CLEAR(attributes);
        }
    }
    PyObject *view = attributes == NULL ? NULL : PyDictProxy_New(attributes);
    Py_XDECREF(attributes);
    return view;
}

/* What is not there keeps its default. */
static int fill_text(const Shapes *shapes, PyObject *delivery, DeliveryField field, const Text *text)
{
    return text->data == NULL || fill(delivery, shapes->of_delivery[field], string_in(text));
}

static int fill_attributes(const Shapes *shapes, PyObject *delivery, const ReceivedMessage *message)
{
    return message->attribute_count == 0 ||
           fill(delivery, shapes->of_delivery[ATTRIBUTES], attributes_of(shapes, message));
}

static PyObject *delivery_of(const Shapes *shapes, const ReceivedMessage *message, const Hashed *body,
                             PyObject *leased_at, PyObject *received_at)
{
    const Py_ssize_t *at = shapes->of_delivery;
    PyObject *delivery = copy_of(&shapes->delivery);
    if (delivery != NULL && fill_text(shapes, delivery, MESSAGE_ID, &message->id) &&
        fill_text(shapes, delivery, RECEIPT_HANDLE, &message->handle) &&
        fill(delivery, at[BODY], string_of(body->data, body->size, message->body.ascii)) &&
        fill(delivery, at[SENT_AT], PyFloat_FromDouble((double)message->sent_milliseconds / 1000.0)) &&
        fill(delivery, at[RECEIVED_AT], Py_NewRef(received_at)) &&
        fill(delivery, at[RECEIVE_COUNT], PyLong_FromLongLong(message->count)) &&
        fill(delivery, at[LEASED_AT], Py_NewRef(leased_at)) &&
        fill_text(shapes, delivery, GROUP_ID, &message->group) &&
        fill_text(shapes, delivery, DEDUPLICATION_ID, &message->deduplication) &&
        fill_text(shapes, delivery, SEQUENCE_NUMBER, &message->sequence) &&
        fill_text(shapes, delivery, TRACE_HEADER, &message->trace) && fill_attributes(shapes, delivery, message)) {
        return delivery;
    }
    Py_XDECREF(delivery);
    return NULL;
}

/* A list, or None if a text is no UTF-8. */
static PyObject *deliveries_of(const Shapes *shapes, const ReceivedMessage *messages, const Hashed *bodies, int count,
                               PyObject *leased_at, PyObject *received_at)
{
    PyObject *deliveries = PyList_New(count);
    for (int i = 0; deliveries != NULL && i < count; i++) {
        PyObject *one = delivery_of(shapes, &messages[i], &bodies[i], leased_at, received_at);
        if (one == NULL) {
            Py_CLEAR(deliveries);
        } else {
            PyList_SET_ITEM(deliveries, i, one);
        }
    }
    if (deliveries == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    return deliveries;
}

PyObject *deliveries_in(const Shapes *shapes, PyObject *body, PyObject *leased_at, PyObject *received_at)
{
    ReceivedMessage messages[MOST_MESSAGES];
    Hashed bodies[MOST_MESSAGES];
    if (!PyBytes_CheckExact(body)) {
        Py_RETURN_NONE;
    }
    const uint8_t *data = (const uint8_t *)PyBytes_AS_STRING(body);
    Reader reader = {.at = data, .end = data + PyBytes_GET_SIZE(body)};
    int count = read_messages(&reader, messages);
    if (count == 0) {
        Py_RETURN_NONE;
    }
    uint8_t *room = PyMem_Malloc(escaped_bytes(messages, count));
    if (room == NULL) {
        return PyErr_NoMemory();
    }
    unescape_bodies(messages, count, room, bodies);
    PyObject *deliveries = md5_all_as_said(bodies, count)
                               ? deliveries_of(shapes, messages, bodies, count, leased_at, received_at)
                               : Py_NewRef(Py_None);
    PyMem_Free(room);
    return deliveries;
}
