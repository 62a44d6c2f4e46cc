/* How a delivery lies in memory, and what a message is made of. */
#ifndef WORKER_USUAL_DELIVERY_H
#define WORKER_USUAL_DELIVERY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define MOST_FIELDS 32

/* Fields of `worker.message.Delivery` that are read or written here, in the order of NAMES in delivery.c. */
typedef enum {
    MESSAGE_ID,
    RECEIPT_HANDLE,
    BODY,
    SENT_AT,
    RECEIVED_AT,
    RECEIVE_COUNT,
    LEASED_AT,
    GROUP_ID,
    DEDUPLICATION_ID,
    SEQUENCE_NUMBER,
    TRACE_HEADER,
    ATTRIBUTES,
    DEADLINE,
    LOST,
    NAMED
} Field;

/* One for each interpreter. */
typedef struct {
    PyObject *usual;                 /* a delivery whose other fields every new one shares */
    PyObject *message;               /* the type */
    PyObject *letter;                /* name of the attribute of a dead letter */
    Py_ssize_t offsets[MOST_FIELDS]; /* of all fields, in a delivery */
    Py_ssize_t named[NAMED];         /* of those above */
    int fields;
} Shape;

/* Learn the shape from `worker.message`; -1 with an exception if it is not what these files were written for. */
int shape_learn(Shape *shape);

/* A delivery that is not filled yet; NULL with an exception. */
PyObject *blank_delivery(const Shape *shape);

static inline PyObject **slot_of(const Shape *shape, PyObject *delivery, Field field)
{
    return (PyObject **)((char *)delivery + shape->named[field]);
}

/* Whether *one* is a delivery with all its fields. */
static inline int is_delivery(const Shape *shape, PyObject *one)
{
    if (!Py_IS_TYPE(one, Py_TYPE(shape->usual))) {
        return 0;
    }
    for (Field field = 0; field < NAMED; field++) {
        if (*slot_of(shape, one, field) == NULL) {
            return 0;
        }
    }
    return 1;
}

#endif
