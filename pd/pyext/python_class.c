/* pyext._class: the base of all Python classes in Pd. */

#include "pyext.h"

typedef struct {
    PyObject_HEAD
    t_host *host; /* NULL in an instance that Pd did not create */
} t_instance;

static PyTypeObject *base = NULL;

static t_host *get_host(PyObject *self)
{
    return ((t_instance *)self)->host;
}

static int init(PyObject *self, PyObject *args, PyObject *keywords)
{
    (void)self;
    (void)args;
    (void)keywords;
    return 0;
}

static PyObject *new_instance(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    (void)args;
    (void)keywords;
    return type->tp_alloc(type, 0);
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (get_host(self))
        host_unref(get_host(self));
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *outlet(PyObject *self, PyObject *args)
{
    if (!get_host(self)) {
        PyErr_SetString(PyExc_RuntimeError, "_outlet: this instance is not a Pd object");
        return NULL;
    }
    return outlets_send(get_host(self), args);
}

static PyObject *get_should_exit(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromLong(get_host(self) ? get_host(self)->should_exit : 0);
}

static PyObject *get_is_threaded(PyObject *self, void *unused)
{
    (void)self;
    (void)unused;
    return PyLong_FromLong(IS_STAND_IN || on_pd_thread == 0);
}

static PyObject *get_canvas_dir(PyObject *self, void *unused)
{
    (void)unused;
    t_host *host = get_host(self);
    return PyUnicode_DecodeFSDefault(host ? host->canvas_dir : "");
}

static PyMethodDef methods[] = {
    {"_outlet", outlet, METH_VARARGS,
        "_outlet(n, x): sends a number, a str (symbol), None (bang) or a list to\n"
        "outlet n, from 1. _outlet(n, 'selector', [x, ...]) sends that message.\n"
        "Safe on any thread; threads other than Pd's put the message into a queue."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef attributes[] = {
    {"_shouldexit", get_should_exit, NULL, "1 once the object is being deleted.", NULL},
    {"_isthreaded", get_is_threaded, NULL, "1 on any thread but Pd's.", NULL},
    {"_canvas_dir", get_canvas_dir, NULL, "Folder of the patch, str.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {{Py_tp_doc, "Base class of Pd objects written in Python."},
    {Py_tp_new, new_instance}, {Py_tp_init, init}, {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods}, {Py_tp_getset, attributes}, {0, NULL}};

static PyType_Spec spec = {"pyext._class", sizeof(t_instance), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

static int set_count(const char *attribute)
{
    PyObject *zero = PyLong_FromLong(0);
    int is_set = zero && PyObject_SetAttrString((PyObject *)base, attribute, zero) == 0;
    Py_XDECREF(zero);
    return is_set;
}

int python_class_add(PyObject *module)
{
    base = (PyTypeObject *)PyType_FromSpec(&spec);
    return base && set_count("_inlets") && set_count("_outlets") &&
           PyModule_AddType(module, base) == 0;
}

int python_class_is_base_of(PyObject *type)
{
    return PyType_Check(type) && PyType_IsSubtype((PyTypeObject *)type, base);
}

/* Returns an instance that knows its host, before its __init__, or NULL with an
   error set. */
PyObject *python_class_new(PyTypeObject *type, PyObject *args, t_host *host)
{
    PyObject *self = type->tp_new(type, args, NULL);
    if (self && !PyObject_TypeCheck(self, base)) {
        PyErr_Format(PyExc_TypeError, "__new__ of %s returned %.100s", host->label,
            Py_TYPE(self)->tp_name);
        Py_CLEAR(self);
    }
    if (self) {
        host_ref(host);
        ((t_instance *)self)->host = host;
    }
    return self;
}
