/* How objects of our classes lie in memory. All of it is learned from the classes when the extension is loaded: a field
 * that has a default is added in `worker/message.py` and nowhere here.
 */
#ifndef WORKER_SPEEDUPS_SHAPE_H
#define WORKER_SPEEDUPS_SHAPE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define MOST_FIELDS 64

/* A dataclass with slots. */
typedef struct {
    PyObject *prototype;             /* an object of it, of which every new one begins as a copy */
    Py_ssize_t offsets[MOST_FIELDS]; /* of all slots */
    int fields;
} Class;

/* Fields of `worker.message.Delivery` that come from the wire, and what says whether its lease lives, in the order of FIELDS_OF_A_DELIVERY in shape.c. */
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
    FIELDS_OF_DELIVERY
} DeliveryField;

/* And of `worker.message.Attribute`. */
typedef enum { DATA_TYPE, VALUE, FIELDS_OF_ATTRIBUTE } AttributeField;

#define THE_VALUE (-1) /* in place of an offset: what the body was decoded to */

/* One for each interpreter. */
typedef struct {
    Class delivery, attribute;
    Py_ssize_t of_delivery[FIELDS_OF_DELIVERY], of_attribute[FIELDS_OF_ATTRIBUTE]; /* offsets by field */
    PyObject *message;                   /* the type */
    Py_ssize_t of_message[MOST_FIELDS];  /* offset in a delivery of what each field of a message is */
    int message_fields;
    PyObject *letter; /* name of the attribute of a dead letter */
} Shapes;

/* Learn the classes of `worker.message`; -1 with an exception if they are not what these files were written for. */
int shapes_learn(Shapes *shapes);

/* A new object whose fields are those of the prototype; NULL with an exception. */
PyObject *copy_of(const Class *class);

/* Put *value* into the slot at *offset* of *object*, which then owns it; 0 if *value* is NULL. */
int fill(PyObject *object, Py_ssize_t offset, PyObject *value);

static inline PyObject *slot_at(PyObject *object, Py_ssize_t offset)
{
    return *(PyObject **)((char *)object + offset);
}

/* Whether *one* is an object of *class* whose maker has finished it. */
static inline int is_whole(const Class *class, PyObject *one)
{
    if (!Py_IS_TYPE(one, Py_TYPE(class->prototype))) {
        return 0;
    }
    for (int i = 0; i < class->fields; i++) {
        if (slot_at(one, class->offsets[i]) == NULL) {
            return 0;
        }
    }
    return 1;
}

#endif
