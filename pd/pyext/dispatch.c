/* Messages from Pd to the methods of a Python class.

   A message `tag` into inlet n calls the first of these that exists:
   tag_n(*args), int_n(number) for an integral float, _anything_n(tag, *args),
   tag_(n, *args), _anything_(n, tag, *args). */

#include "pyext.h"
#include <math.h>

/* Must be called whenever Pd's thread enters Python. */
PyGILState_STATE enter_python(void)
{
    PyGILState_STATE state = PyGILState_Ensure();
    on_pd_thread++;
    return state;
}

void leave_python(PyGILState_STATE state)
{
    if (--on_pd_thread == 0)
        buffer_check_views();
    PyGILState_Release(state);
}

static int is_integral(t_float number)
{
    return isfinite(number) && floor((double)number) == (double)number;
}

static PyObject *from_atom(const t_atom *atom)
{
    char text[MAXPDSTRING];
    if (atom->a_type == A_FLOAT)
        return is_integral(atom->a_w.w_float)
                   ? PyLong_FromDouble((double)atom->a_w.w_float)
                   : PyFloat_FromDouble((double)atom->a_w.w_float);
    if (atom->a_type == A_SYMBOL)
        return symbol_new(atom->a_w.w_symbol->s_name);
    atom_string(atom, text, sizeof(text));
    return symbol_new(text);
}

/* Returns a tuple with `num_leading` empty items followed by the atoms, or NULL with
   an error set. */
PyObject *dispatch_arguments(int argc, const t_atom *argv, Py_ssize_t num_leading)
{
    PyObject *args = PyTuple_New(num_leading + argc);
    for (int i = 0; args && i < argc; i++) {
        PyObject *item = from_atom(&argv[i]);
        if (item)
            PyTuple_SET_ITEM(args, num_leading + i, item);
        else
            Py_CLEAR(args);
    }
    return args;
}

/* Returns the method of that name. Returns NULL if it is missing, with an error set for
   any other failure. Takes the reference to the name. */
static PyObject *find_method(PyObject *instance, PyObject *name)
{
    PyObject *method = name ? PyObject_GetAttr(instance, name) : NULL;
    Py_XDECREF(name);
    if (!method && PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Clear();
    if (method && !PyCallable_Check(method))
        Py_CLEAR(method);
    return method;
}

enum { TAG_N, INT_N, ANYTHING_N, TAG_, ANYTHING_, NUM_FORMS };

static const int has_inlet[NUM_FORMS] = {0, 0, 0, 1, 1};
static const int has_selector[NUM_FORMS] = {0, 0, 1, 0, 1};

static PyObject *method_name(int form, PyObject *tag, int inlet)
{
    switch (form) {
    case TAG_N:
        return PyUnicode_FromFormat("%U_%d", tag, inlet);
    case INT_N:
        return PyUnicode_FromFormat("int_%d", inlet);
    case ANYTHING_N:
        return PyUnicode_FromFormat("_anything_%d", inlet);
    case TAG_:
        return PyUnicode_FromFormat("%U_", tag);
    default:
        return PyUnicode_FromString("_anything_");
    }
}

/* Returns the method that handles the message and its form, or NULL. */
static PyObject *choose_method(
    PyObject *instance, PyObject *tag, int inlet, int is_int, int *form)
{
    for (*form = TAG_N; *form < NUM_FORMS; (*form)++) {
        if (*form == INT_N && !is_int)
            continue;
        PyObject *method = find_method(instance, method_name(*form, tag, inlet));
        if (method || PyErr_Occurred())
            return method;
    }
    return NULL;
}

/* Returns the arguments of a method of that form, or NULL with an error set. */
static PyObject *arguments_of(
    int form, int inlet, t_symbol *selector, int argc, const t_atom *argv)
{
    Py_ssize_t next = 0;
    PyObject *number = has_inlet[form] ? PyLong_FromLong(inlet) : NULL;
    PyObject *tag = has_selector[form] ? symbol_new(selector->s_name) : NULL;
    PyObject *args = PyErr_Occurred() ? NULL
                                      : dispatch_arguments(argc, argv,
                                            has_inlet[form] + has_selector[form]);
    if (!args) {
        Py_XDECREF(number);
        Py_XDECREF(tag);
        return NULL;
    }
    if (number)
        PyTuple_SET_ITEM(args, next++, number);
    if (tag)
        PyTuple_SET_ITEM(args, next++, tag);
    return args;
}

/* Calls the method for a message; GIL held. Exceptions go to the console. */
void dispatch_call(
    t_host *host, int inlet, t_symbol *selector, int argc, const t_atom *argv)
{
    int form, is_int = selector == &s_float && argc == 1 && argv->a_type == A_FLOAT &&
                       is_integral(argv->a_w.w_float);
    PyObject *result = NULL, *args = NULL, *instance = Py_XNewRef(host->instance);
    if (!instance)
        return;
    PyObject *tag = PyUnicode_DecodeUTF8(
        selector->s_name, (Py_ssize_t)strlen(selector->s_name), "surrogateescape");
    PyObject *method = tag ? choose_method(instance, tag, inlet, is_int, &form) : NULL;
    if (method)
        args = arguments_of(form, inlet, selector, argc, argv);
    if (args)
        result = PyObject_CallObject(method, args);
    if (PyErr_Occurred())
        report_exception();
    else if (!method)
        PySys_FormatStderr(
            "pyext: %s takes no '%U' at inlet %d\n", host->label, tag, inlet);
    Py_XDECREF(result);
    Py_XDECREF(args);
    Py_XDECREF(method);
    Py_XDECREF(tag);
    Py_DECREF(instance);
}
