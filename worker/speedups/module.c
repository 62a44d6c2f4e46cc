/* The module: six functions, and what they have learned of deliveries and messages. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "answer.h"
#include "deletion.h"
#include "harmless.h"
#include "messages.h"
#include "receive.h"
#include "rows.h"

static PyObject *answer(PyObject *Py_UNUSED(module), PyObject *data)
{
    return answer_in(data);
}

static PyObject *deletion(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "deletion(head, deliveries)");
        return NULL;
    }
    return deletion_of(PyModule_GetState(module), arguments[0], arguments[1]);
}

static PyObject *deliveries(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "deliveries(body, leased_at, received_at)");
        return NULL;
    }
    return deliveries_in(PyModule_GetState(module), arguments[0], arguments[1], arguments[2]);
}

static PyObject *harmless(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Py_ssize_t bounds[3];
    if (count != 4) {
        PyErr_SetString(PyExc_TypeError, "harmless(body, longest, deepest, digits)");
        return NULL;
    }
    for (int i = 0; i < 3; i++) {
        bounds[i] = PyLong_AsSsize_t(arguments[i + 1]);
    }
    if (PyErr_Occurred()) {
        return NULL;
    }
    return PyBool_FromLong(is_harmless(arguments[0], bounds[0], bounds[1], bounds[2]));
}

static PyObject *messages(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "messages(deliveries, values, now)");
        return NULL;
    }
    return messages_of(PyModule_GetState(module), arguments[0], arguments[1], arguments[2]);
}

static PyObject *values(PyObject *Py_UNUSED(module), PyObject *messages)
{
    return values_of(messages);
}

static PyMethodDef METHODS[] = {
    {"answer", answer, METH_O, NULL},
    {"deletion", (PyCFunction)(void (*)(void))deletion, METH_FASTCALL, NULL},
    {"deliveries", (PyCFunction)(void (*)(void))deliveries, METH_FASTCALL, NULL},
    {"harmless", (PyCFunction)(void (*)(void))harmless, METH_FASTCALL, NULL},
    {"messages", (PyCFunction)(void (*)(void))messages, METH_FASTCALL, NULL},
    {"values", values, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int begin(PyObject *module)
{
    return shape_learn(PyModule_GetState(module));
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    Shape *shape = PyModule_GetState(module);
    Py_VISIT(shape->usual);
    Py_VISIT(shape->message);
    Py_VISIT(shape->letter);
    return 0;
}

static int clear(PyObject *module)
{
    Shape *shape = PyModule_GetState(module);
    Py_CLEAR(shape->usual);
    Py_CLEAR(shape->message);
    Py_CLEAR(shape->letter);
    return 0;
}

static PyModuleDef_Slot SLOTS[] = {{Py_mod_exec, (void *)begin}, {0, NULL}};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "worker.speedups.usual",
    .m_size = sizeof(Shape),
    .m_methods = METHODS,
    .m_slots = SLOTS,
    .m_traverse = traverse,
    .m_clear = clear,
};

PyMODINIT_FUNC PyInit__speedups(void)
{
    return PyModuleDef_Init(&MODULE);
}
