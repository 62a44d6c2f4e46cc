/* Reads {"Messages":[...]} of at most ten messages that have an id, a handle, a body and its hash, a time and a count,
 * in any order, and nothing else. Everything is read and checked before the first object is made; one doubt, and the
 * answer is left to the careful reader.
 */
#include "receive.h"

#include "json.h"
#include "md5.h"

#define MOST_MESSAGES 10 /* SQS's own bound of one receive */

typedef struct {
    Text id, handle, hash, body;
    long long sent_milliseconds, count;
} Message;

/* ---- the answer ------------------------------------------------------------------------------------------------- */

/* *once* a bit of *seen*: whether it was not set yet. */
static int first_time(unsigned *seen, unsigned once)
{
    int first = !(*seen & once);
    *seen |= once;
    return first;
}

static int read_system_attributes(Reader *reader, Message *message)
{
    unsigned seen = 0;
    do {
        if (READ(reader, "\"SentTimestamp\":")) {
            if (!first_time(&seen, 1) || !read_count(reader, &message->sent_milliseconds)) {
                return 0;
            }
        } else if (READ(reader, "\"ApproximateReceiveCount\":")) {
            if (!first_time(&seen, 2) || !read_count(reader, &message->count)) {
                return 0;
            }
        } else {
            return 0;
        }
    } while (READ(reader, ","));
    return READ(reader, "}") && seen == 3;
}

static int read_field(Reader *reader, Message *message, unsigned *seen)
{
    if (READ(reader, "\"MessageId\":")) {
        return first_time(seen, 1) && read_text(reader, &message->id);
    }
    if (READ(reader, "\"ReceiptHandle\":")) {
        return first_time(seen, 2) && read_text(reader, &message->handle);
    }
    if (READ(reader, "\"MD5OfBody\":")) {
        return first_time(seen, 4) && read_text(reader, &message->hash);
    }
    if (READ(reader, "\"Body\":")) {
        return first_time(seen, 8) && read_text(reader, &message->body);
    }
    return READ(reader, "\"Attributes\":{") && first_time(seen, 16) && read_system_attributes(reader, message);
}

static int is_word(const Text *text)
{
    return text->size > 0 && text->ascii && !text->escaped;
}

static int read_message(Reader *reader, Message *message)
{
    unsigned seen = 0;
    if (!READ(reader, "{")) {
        return 0;
    }
    do {
        if (!read_field(reader, message, &seen)) {
            return 0;
        }
    } while (READ(reader, ","));
    return READ(reader, "}") && seen == 31 && is_word(&message->id) && is_word(&message->handle) &&
           message->hash.size == 32;
}

/* How many messages there are; 0 if this is not the usual answer. */
static int read_messages(Reader *reader, Message *messages)
{
    int count = 0;
    if (!READ(reader, "{\"Messages\":[")) {
        return 0;
    }
    do {
        if (count == MOST_MESSAGES || !read_message(reader, &messages[count])) {
            return 0;
        }
        count++;
    } while (READ(reader, ","));
    return READ(reader, "]}") && reader->at == reader->end ? count : 0;
}

static size_t escaped_bytes(const Message *messages, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        size += messages[i].body.escaped ? messages[i].body.size : 0;
    }
    return size;
}

/* The bodies as their senders wrote them: those with escapes in *room*, the others where they are. */
static void unescape_bodies(const Message *messages, int count, uint8_t *room, Hashed *bodies)
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

static PyObject *text_of(const uint8_t *data, size_t size, int ascii)
{
    if (!ascii) {
        return PyUnicode_DecodeUTF8((const char *)data, (Py_ssize_t)size, NULL);
    }
    PyObject *text = PyUnicode_New((Py_ssize_t)size, 127);
    if (text != NULL && size > 0) {
        memcpy(PyUnicode_1BYTE_DATA(text), data, size);
    }
    return text;
}

/* The field then owns *value*. */
static int fill(const Shape *shape, PyObject *delivery, Field field, PyObject *value)
{
    if (value == NULL) {
        return 0;
    }
    PyObject **slot = slot_of(shape, delivery, field);
    PyObject *shared = *slot;
    *slot = value;
    Py_XDECREF(shared);
    return 1;
}

static PyObject *
delivery_of(const Shape *shape, const Message *message, const Hashed *body, PyObject *leased_at, PyObject *received_at)
{
    PyObject *delivery = blank_delivery(shape);
    if (delivery == NULL) {
        return NULL;
    }
    if (fill(shape, delivery, MESSAGE_ID, text_of(message->id.data, message->id.size, 1)) &&
        fill(shape, delivery, RECEIPT_HANDLE, text_of(message->handle.data, message->handle.size, 1)) &&
        fill(shape, delivery, BODY, text_of(body->data, body->size, message->body.ascii)) &&
        fill(shape, delivery, SENT_AT, PyFloat_FromDouble((double)message->sent_milliseconds / 1000.0)) &&
        fill(shape, delivery, RECEIVED_AT, Py_NewRef(received_at)) &&
        fill(shape, delivery, RECEIVE_COUNT, PyLong_FromLongLong(message->count)) &&
        fill(shape, delivery, LEASED_AT, Py_NewRef(leased_at))) {
        return delivery;
    }
    Py_DECREF(delivery);
    return NULL;
}

/* A list, or None if a body is no UTF-8. */
static PyObject *deliveries_of(
    const Shape *shape, const Message *messages, const Hashed *bodies, int count, PyObject *leased_at, PyObject *received_at)
{
    PyObject *deliveries = PyList_New(count);
    for (int i = 0; deliveries != NULL && i < count; i++) {
        PyObject *one = delivery_of(shape, &messages[i], &bodies[i], leased_at, received_at);
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

PyObject *deliveries_in(const Shape *shape, PyObject *body, PyObject *leased_at, PyObject *received_at)
{
    Message messages[MOST_MESSAGES];
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
                               ? deliveries_of(shape, messages, bodies, count, leased_at, received_at)
                               : Py_NewRef(Py_None);
    PyMem_Free(room);
    return deliveries;
}
