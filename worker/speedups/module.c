/* The module: six functions, and what they have learned of our classes. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "answer.h"
#include "deletion.h"
#include "deliveries.h"
#include "harmless.h"
#include "messages.h"
#include "rows.h"
#include "shape.h"

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

static PyObject *values(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "values(messages, filled, empty)");
        return NULL;
    }
    return values_of(arguments[0], arguments[1], arguments[2]);
}

static PyMethodDef METHODS[] = {
    {"answer", answer, METH_O, NULL},
    {"deletion", (PyCFunction)(void (*)(void))deletion, METH_FASTCALL, NULL},
    {"deliveries", (PyCFunction)(void (*)(void))deliveries, METH_FASTCALL, NULL},
    {"harmless", (PyCFunction)(void (*)(void))harmless, METH_FASTCALL, NULL},
    {"messages", (PyCFunction)(void (*)(void))messages, METH_FASTCALL, NULL},
    {"values", (PyCFunction)(void (*)(void))values, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static int begin(PyObject *module)
{
    return shapes_learn(PyModule_GetState(module));
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    Shapes *shapes = PyModule_GetState(module);
    Py_VISIT(shapes->delivery.prototype);
    Py_VISIT(shapes->attribute.prototype);
    Py_VISIT(shapes->message);
    Py_VISIT(shapes->letter);
    return 0;
}

static int clear(PyObject *module)
{
    Shapes *shapes = PyModule_GetState(module);
    Py_CLEAR(shapes->delivery.prototype);
    Py_CLEAR(shapes->attribute.prototype);
    Py_CLEAR(shapes->message);
    Py_CLEAR(shapes->letter);
    return 0;
}

static PyModuleDef_Slot SLOTS[] = {{Py_mod_exec, (void *)begin}, {0, NULL}};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "worker.speedups._speedups",
    .m_size = sizeof(Shapes),
    .m_methods = METHODS,
    .m_slots = SLOTS,
    .m_traverse = traverse,
    .m_clear = clear,
};

PyMODINIT_FUNC PyInit__speedups(void)
{
    return PyModuleDef_Init(&MODULE);
}
