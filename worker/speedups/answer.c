/* Reads "HTTP/1.1 200 OK", headers, and a body as long as one of them says and no longer. A header that could make it
 * mean something else, or that a strict parser would not take, leaves the answer to Python.
 */
#include "answer.h"

#include <stdint.h>
#include <string.h>

#define MOST_HEAD 4096
#define LONGEST_LENGTH 9 /* digits: far more than an answer may have */

typedef struct {
    const uint8_t *at;
    size_t size;
} Span;

/* What Python keeps of an answer like this one. */
typedef struct {
    Span date, length, request_id;
} Head;

static int is_token(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int is_name(Span name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (!is_token(name.at[i])) {
            return 0;
        }
    }
    return name.size > 0;
}

/* Visible ASCII, and spaces between. */
static int is_value(Span value)
{
    for (size_t i = 0; i < value.size; i++) {
        if (value.at[i] < ' ' || value.at[i] > '~') {
            return 0;
        }
    }
    return value.size > 0 && value.at[0] != ' ' && value.at[value.size - 1] != ' ';
}

/* Without regard to capitals; *word* is in small letters. */
static int is(Span span, const char *word)
{
    if (span.size != strlen(word)) {
        return 0;
    }
    for (size_t i = 0; i < span.size; i++) {
        uint8_t c = span.at[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != (uint8_t)word[i]) {
            return 0;
        }
    }
    return 1;
}

static int keep(Span *kept, Span value)
{
    int first = kept->at == NULL;
    *kept = value;
    return first;
}

/* Whether an answer with this header is for the fast path still. */
static int take_header(Head *head, Span name, Span value)
{
    switch (name.size) {
    case 4: return is(name, "date") ? keep(&head->date, value) : 1;
    case 7: return !is(name, "upgrade");
    case 10: return !is(name, "connection") || is(value, "keep-alive");
    case 14: return is(name, "content-length") ? keep(&head->length, value) : 1;
    case 16:
        if (is(name, "x-amzn-requestid")) {
            return keep(&head->request_id, value);
        }
        return !is(name, "content-encoding") && !is(name, "proxy-connection");
    case 17: return !is(name, "transfer-encoding");
    case 18: return !is(name, "x-amzn-query-error");
    default: return 1;
    }
}

/* The body; its beginning is NULL if the head is not for the fast path. */
static Span read_head(Head *head, Span data)
{
    static const char OK[] = "HTTP/1.1 200 OK\r\n";
    const uint8_t *at = data.at, *end = at + (data.size < MOST_HEAD ? data.size : MOST_HEAD);
    Span none = {NULL, 0};
    if ((size_t)(end - at) < sizeof OK - 1 || memcmp(at, OK, sizeof OK - 1) != 0) {
        return none;
    }
    at += sizeof OK - 1;
    for (;;) {
        const uint8_t *line_end = memchr(at, '\r', (size_t)(end - at));
        if (line_end == NULL || line_end + 1 >= end || line_end[1] != '\n') {
            return none;
        }
        if (line_end == at) {
            return (Span){at + 2, data.size - (size_t)(at + 2 - data.at)};
        }
        const uint8_t *colon = memchr(at, ':', (size_t)(line_end - at));
        if (colon == NULL || colon[1] != ' ') {
            return none;
        }
        Span name = {at, (size_t)(colon - at)}, value = {colon + 2, (size_t)(line_end - colon) - 2};
        if (!is_name(name) || !is_value(value) || !take_header(head, name, value)) {
            return none;
        }
        at = line_end + 2;
    }
}

static int is_length(Span digits, size_t length)
{
    size_t said = 0;
    if (digits.at == NULL || digits.size > LONGEST_LENGTH) {
        return 0;
    }
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9') {
            return 0;
        }
        said = said * 10 + (digits.at[i] - '0');
    }
    return said == length;
}

static int put(PyObject *headers, const char *name, Span value)
{
    if (value.at == NULL) {
        return 0;
    }
    PyObject *key = PyBytes_FromString(name);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)value.at, (Py_ssize_t)value.size);
    int failed = key == NULL || bytes == NULL || PyDict_SetItem(headers, key, bytes) < 0;
    Py_XDECREF(key);
    Py_XDECREF(bytes);
    return failed ? -1 : 0;
}

PyObject *answer_in(PyObject *data)
{
    Head head = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (!PyBytes_CheckExact(data)) {
        Py_RETURN_NONE;
    }
    Span all = {(const uint8_t *)PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data)};
    Span body = read_head(&head, all);
    if (body.at == NULL || !is_length(head.length, body.size)) {
        Py_RETURN_NONE;
    }
    PyObject *headers = PyDict_New();
    if (headers == NULL || put(headers, "date", head.date) < 0 || put(headers, "content-length", head.length) < 0 ||
        put(headers, "x-amzn-requestid", head.request_id) < 0) {
        Py_XDECREF(headers);
        return NULL;
    }
    return Py_BuildValue("(Ny#)", headers, (const char *)body.at, (Py_ssize_t)body.size);
}
