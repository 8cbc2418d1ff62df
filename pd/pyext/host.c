/* The life of a Python instance: created, closed once, and freed when the last handler
   or message that refers to it is gone. */

#include "pyext.h"

#define MAX_PORTS 256

static t_host *living = NULL; /* Pd's thread only */

t_host *host_first(void)
{
    return living;
}

static void link_host(t_host *host)
{
    host->next = living;
    living = host;
}

static void unlink_host(t_host *host)
{
    t_host **link = &living;
    while (*link && *link != host)
        link = &(*link)->next;
    if (*link)
        *link = host->next;
}

static char *make_label(const t_pyext *x)
{
    const char *module = x->module->s_name, *name = x->class_name->s_name;
    size_t size_bytes = strlen(module) + strlen(name) + 2;
    char *label = malloc(size_bytes);
    if (label)
        snprintf(label, size_bytes, "%s.%s", module, name);
    return label;
}

/* Drops the instance and all other references to Python objects. */
static void drop_instance(t_host *host)
{
    host->should_exit = 1;
    host->object = NULL;
    Py_CLEAR(host->instance);
}

static t_host *host_new(t_pyext *x)
{
    t_host *host = calloc(1, sizeof(*host));
    char *label = make_label(x);
    if (!host || !label) {
        free(host);
        free(label);
        PyErr_NoMemory();
        return NULL;
    }
    host->num_references = 1;
    host->object = x;
    host->label = label;
    host->canvas_dir = x->canvas_dir->s_name;
    return host;
}

/* Creates the instance and runs its __init__; returns 0 with an error set. */
static int make_instance(t_host *host, PyObject *type, PyObject *args)
{
    PyTypeObject *class = (PyTypeObject *)type;
    host->instance = python_class_new(class, args, host);
    return host->instance &&
           Py_TYPE(host->instance)->tp_init(host->instance, args, NULL) == 0;
}

/* Returns a new host with its instance, or NULL with a Python error set. For
   Pd's thread, the GIL held. */
t_host *host_open(t_pyext *x, PyObject *type)
{
    t_host *host = host_new(x);
    if (!host)
        return NULL;
    PyObject *args = dispatch_arguments(x->argc, x->argv, 0);
    int num_outlets =
        args && make_instance(host, type, args) ? host_count(host, "_outlets") : -1;
    Py_XDECREF(args);
    if (num_outlets < 0) {
        drop_instance(host);
        host_unref(host);
        return NULL;
    }
    host->num_outlets = num_outlets;
    link_host(host);
    return host;
}

/* Returns the number in an attribute such as `_inlets`, or -1 with an error set. */
int host_count(t_host *host, const char *attribute)
{
    PyObject *value = PyObject_GetAttrString(host->instance, attribute);
    long count = value ? PyLong_AsLong(value) : -1;
    Py_XDECREF(value);
    if (!PyErr_Occurred() && (count < 0 || count > MAX_PORTS)) {
        PyErr_Format(
            PyExc_ValueError, "%s is %ld (give 0 to %d)", attribute, count, MAX_PORTS);
        count = -1;
    }
    return (int)count;
}

/* Calls `_del` if the class has one; the GIL is held. */
void host_call_del(t_host *host)
{
    PyObject *result = NULL;
    PyObject *method = PyObject_GetAttrString(host->instance, "_del");
    if (!method && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        return;
    }
    if (method)
        result = PyObject_CallNoArgs(method);
    if (!result)
        report_exception();
    Py_XDECREF(result);
    Py_XDECREF(method);
}

/* Closes an instance: tells it to exit, waits a limited time for its detached handlers,
   calls `_del` and drops it. A handler that still runs finds a host without an
   object. For Pd's thread, with or without the GIL. */
void host_close(t_host *host)
{
    PyGILState_STATE state = enter_python();
    int num_running;
    host->should_exit = 1;
    host->object->host = NULL;
    host->object = NULL;
    unlink_host(host);
    queue_drop(host);
    queue_hurry(1);
    Py_BEGIN_ALLOW_THREADS
    num_running = detach_close(host);
    Py_END_ALLOW_THREADS
    if (num_running > 0)
        pd_error(NULL,
            "pyext: %s: a handler still runs after the object is gone "
            "(let it watch self._shouldexit)",
            host->label);
    host_call_del(host);
    queue_hurry(-1);
    drop_instance(host);
    leave_python(state);
    host_unref(host);
}
