/* Messages from Python to Pd's outlets. Any thread converts a message to plain C; Pd's
   thread sends it, at once or through the queue, because only Pd's thread can look up
   symbols. */

#include "pyext.h"

typedef struct {
    char *text; /* NULL: a number */
    t_float number;
} t_value;

typedef struct {
    t_job job;
    int outlet; /* from 0 */
    char *selector;
    int num_values;
    t_value *values; /* (num_values,) */
} t_message;

static void message_release(t_job *job)
{
    t_message *message = (t_message *)job;
    for (int i = 0; message->values && i < message->num_values; i++)
        free(message->values[i].text);
    free(message->values);
    free(message->selector);
    host_unref(message->job.host);
    free(message);
}

static void send_atoms(t_outlet *outlet, t_symbol *selector, int argc, t_atom *argv)
{
    if (selector == &s_bang)
        outlet_bang(outlet);
    else if (selector == &s_float && argc == 1)
        outlet_float(outlet, atom_getfloat(argv));
    else if (selector == &s_symbol && argc == 1)
        outlet_symbol(outlet, atom_getsymbol(argv));
    else if (selector == &s_list)
        outlet_list(outlet, &s_list, argc, argv);
    else
        outlet_anything(outlet, selector, argc, argv);
}

/* Sends on Pd's thread; does nothing if the object is gone or now has fewer outlets. */
static void message_run(t_job *job)
{
    t_message *message = (t_message *)job;
    t_pyext *x = message->job.host->object;
    if (!x || message->outlet >= x->num_outlets)
        return;
    t_atom *atoms = malloc(sizeof(t_atom) * (size_t)(message->num_values + 1));
    if (!atoms)
        return;
    for (int i = 0; i < message->num_values; i++) {
        const t_value *value = &message->values[i];
        if (value->text)
            SETSYMBOL(&atoms[i], gensym(value->text));
        else
            SETFLOAT(&atoms[i], value->number);
    }
    send_atoms(x->outlets[message->outlet], gensym(message->selector),
        message->num_values, atoms);
    free(atoms);
}

static int is_number(PyObject *item)
{
    return PyFloat_Check(item) || PyLong_Check(item);
}

/* Fills a value from a number, a str or a Symbol; returns 0 with an error set. */
static int set_value(t_value *value, PyObject *item)
{
    if (is_number(item)) {
        value->number = (t_float)PyFloat_AsDouble(item);
        return !PyErr_Occurred();
    }
    value->text = symbol_copy_text(item);
    if (!value->text && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError,
            "_outlet: %.100s is not a Pd atom (send int, float, "
            "str or pyext.Symbol)",
            Py_TYPE(item)->tp_name);
    }
    return value->text != NULL;
}

/* Fills the values from a list or tuple; returns 0 with an error set. */
static int set_values(t_message *message, PyObject *items)
{
    Py_ssize_t length = PySequence_Fast_GET_SIZE(items);
    message->values = calloc((size_t)length + 1, sizeof(t_value));
    if (!message->values) {
        PyErr_NoMemory();
        return 0;
    }
    message->num_values = (int)length;
    for (Py_ssize_t i = 0; i < length; i++)
        if (!set_value(&message->values[i], PySequence_Fast_GET_ITEM(items, i)))
            return 0;
    return 1;
}

static int is_sequence(PyObject *item)
{
    return PyList_Check(item) || PyTuple_Check(item);
}

/* The selector of a message with a single value. */
static const char *selector_of(PyObject *item)
{
    if (item == Py_None || (is_sequence(item) && PySequence_Fast_GET_SIZE(item) == 0))
        return "bang";
    if (is_sequence(item))
        return "list";
    return is_number(item) ? "float" : "symbol";
}

static int set_selector(t_message *message, const char *selector)
{
    message->selector = strdup(selector);
    if (!message->selector)
        PyErr_NoMemory();
    return message->selector != NULL;
}

/* _outlet(n, x) */
static int set_content(t_message *message, PyObject *item)
{
    if (!set_selector(message, selector_of(item)))
        return 0;
    if (item == Py_None)
        return 1;
    if (is_sequence(item))
        return set_values(message, item);
    PyObject *alone = PyTuple_Pack(1, item);
    int is_set = alone && set_values(message, alone);
    Py_XDECREF(alone);
    return is_set;
}

/* _outlet(n, "selector", [x, ...]) */
static int set_anything(t_message *message, PyObject *selector, PyObject *items)
{
    if (!is_sequence(items)) {
        PyErr_Format(PyExc_TypeError,
            "_outlet: after a selector comes a list, not "
            "%.100s",
            Py_TYPE(items)->tp_name);
        return 0;
    }
    message->selector = symbol_copy_text(selector);
    return message->selector && set_values(message, items);
}

static t_message *message_new(t_host *host, int outlet)
{
    t_message *message = calloc(1, sizeof(*message));
    if (!message) {
        PyErr_NoMemory();
        return NULL;
    }
    message->job.run = message_run;
    message->job.release = message_release;
    message->job.host = host;
    message->outlet = outlet;
    host_ref(host);
    return message;
}

/* Returns the message for the arguments of _outlet, or NULL with an error set. */
static t_message *message_from(t_host *host, PyObject *args)
{
    int outlet;
    PyObject *first, *second = NULL;
    if (!PyArg_ParseTuple(args, "iO|O:_outlet", &outlet, &first, &second))
        return NULL;
    if (outlet < 1 || outlet > host->num_outlets) {
        PyErr_Format(PyExc_ValueError,
            "_outlet: no outlet %d (there are %d, from 1, and "
            "none before __init__ has returned)",
            outlet, host->num_outlets);
        return NULL;
    }
    t_message *message = message_new(host, outlet - 1);
    int is_set = message && (second ? set_anything(message, first, second)
                                    : set_content(message, first));
    if (message && !is_set) {
        message_release(&message->job);
        return NULL;
    }
    return message;
}

static int send_now(t_message *message)
{
    queue_flush();
    message_run(&message->job);
    message_release(&message->job);
    return 1;
}

/* `_outlet` of Python: sends now on Pd's thread, else through the queue. Does
   nothing once the object is being deleted. Returns None, or NULL with an error. */
PyObject *outlets_send(t_host *host, PyObject *args)
{
    t_message *message = message_from(host, args);
    if (!message)
        return NULL;
    if (!on_pd_thread && !is_handler_thread)
        stand_in_crash("_outlet from a thread of the class's own");
    if (host->should_exit) {
        message_release(&message->job);
        Py_RETURN_NONE;
    }
    int is_sent = on_pd_thread ? send_now(message) : queue_post(&message->job);
    if (!is_sent && !host->should_exit) {
        PyErr_SetString(PyExc_RuntimeError, "_outlet: the queue to Pd is full (send "
                                            "less, or make what is connected faster)");
        return NULL;
    }
    Py_RETURN_NONE;
}
