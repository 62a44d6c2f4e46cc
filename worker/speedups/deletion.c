/* Writes {"Id":"0","ReceiptHandle":"..."},... for handles that stand in JSON as they are, which SQS's do. */
#include "deletion.h"

#include <stdint.h>
#include <string.h>

#define MOST_ENTRIES 10 /* SQS's own bound; the ids have one digit */
#define BEFORE "{\"Id\":\"0\",\"ReceiptHandle\":\""
#define DIGIT 7 /* where it stands in that */
#define BEHIND "\"},"
#define END "]}"
#define LENGTH(text) ((Py_ssize_t)sizeof(text) - 1)

static PyObject *handle_of(const Shapes *shapes, PyObject *delivery)
{
    return slot_at(delivery, shapes->of_delivery[RECEIPT_HANDLE]);
}

static int is_plain(PyObject *handle)
{
    if (!PyUnicode_CheckExact(handle) || !PyUnicode_IS_COMPACT_ASCII(handle)) {
        return 0;
    }
    const uint8_t *text = PyUnicode_1BYTE_DATA(handle);
    int odd = 0;
    for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(handle); i++) {
        odd |= (text[i] == '"') | (text[i] == '\\') | (text[i] < ' ');
    }
    return !odd;
}

/* Bytes of all entries; -1 if one is for Python to write. */
static Py_ssize_t size_of(const Shapes *shapes, PyObject *deliveries)
{
    Py_ssize_t size = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(deliveries); i++) {
        PyObject *one = PyList_GET_ITEM(deliveries, i);
        if (!is_whole(&shapes->delivery, one) || !is_plain(handle_of(shapes, one))) {
            return -1;
        }
        size += LENGTH(BEFORE) + PyUnicode_GET_LENGTH(handle_of(shapes, one)) + LENGTH(BEHIND);
    }
    return size - 1; /* no comma behind the last */
}

static char *put(char *to, const char *text, Py_ssize_t size)
{
    memcpy(to, text, (size_t)size);
    return to + size;
}

PyObject *deletion_of(const Shapes *shapes, PyObject *head, PyObject *deliveries)
{
    if (!PyBytes_CheckExact(head) || !PyList_CheckExact(deliveries) || PyList_GET_SIZE(deliveries) < 1 ||
        PyList_GET_SIZE(deliveries) > MOST_ENTRIES) {
        Py_RETURN_NONE;
    }
    Py_ssize_t count = PyList_GET_SIZE(deliveries), size = size_of(shapes, deliveries);
    if (size < 0) {
        Py_RETURN_NONE;
    }
    PyObject *body = PyBytes_FromStringAndSize(NULL, PyBytes_GET_SIZE(head) + size + LENGTH(END));
    if (body == NULL) {
        return NULL;
    }
    char *to = put(PyBytes_AS_STRING(body), PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head));
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *handle = handle_of(shapes, PyList_GET_ITEM(deliveries, i));
        char *entry = to;
        to = put(to, BEFORE, LENGTH(BEFORE));
        entry[DIGIT] = (char)('0' + i);
        to = put(to, (const char *)PyUnicode_1BYTE_DATA(handle), PyUnicode_GET_LENGTH(handle));
        to = put(to, BEHIND, i + 1 < count ? LENGTH(BEHIND) : LENGTH(BEHIND) - 1);
    }
    put(to, END, LENGTH(END));
    return body;
}
