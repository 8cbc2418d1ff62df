/* pyext.Symbol: a Pd symbol in Python. It is not a str, so that a class can tell the
   number 1 from the symbol 1; str() returns its text. */

#include "pyext.h"

typedef struct {
    PyObject_HEAD
    PyObject *text; /* str */
} t_symbol_object;

static PyTypeObject *symbol_type = NULL;

static PyObject *wrap(PyTypeObject *type, PyObject *text)
{
    t_symbol_object *self = (t_symbol_object *)type->tp_alloc(type, 0);
    if (self)
        self->text = Py_NewRef(text);
    return (PyObject *)self;
}

/* Returns the str of a Symbol or of a str, borrowed, or NULL with a TypeError. */
PyObject *symbol_text(PyObject *symbol_or_str)
{
    if (PyUnicode_Check(symbol_or_str))
        return symbol_or_str;
    if (PyObject_TypeCheck(symbol_or_str, symbol_type))
        return ((t_symbol_object *)symbol_or_str)->text;
    PyErr_Format(PyExc_TypeError, "expected str or pyext.Symbol, got %.100s",
        Py_TYPE(symbol_or_str)->tp_name);
    return NULL;
}

/* Returns a copy of the text as Pd has it, to be freed, or NULL with an error set. */
char *symbol_copy_text(PyObject *symbol_or_str)
{
    PyObject *text = symbol_text(symbol_or_str);
    PyObject *bytes =
        text ? PyUnicode_AsEncodedString(text, "utf-8", "surrogateescape") : NULL;
    char *content, *copy = NULL;
    if (bytes && PyBytes_AsStringAndSize(bytes, &content, NULL) == 0) {
        copy = strdup(content);
        if (!copy)
            PyErr_NoMemory();
    }
    Py_XDECREF(bytes);
    return copy;
}

/* Returns a new Symbol for a text from Pd. */
PyObject *symbol_new(const char *text)
{
    PyObject *decoded =
        PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
    PyObject *symbol = decoded ? wrap(symbol_type, decoded) : NULL;
    Py_XDECREF(decoded);
    return symbol;
}

static PyObject *new_from_python(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"text", NULL};
    PyObject *value, *text;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:Symbol", names, &value))
        return NULL;
    text = symbol_text(value);
    return text ? wrap(type, text) : NULL;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(((t_symbol_object *)self)->text);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *get_str(PyObject *self)
{
    return Py_NewRef(((t_symbol_object *)self)->text);
}

static PyObject *get_repr(PyObject *self)
{
    return PyUnicode_FromFormat("Symbol(%R)", ((t_symbol_object *)self)->text);
}

static Py_hash_t get_hash(PyObject *self)
{
    return PyObject_Hash(((t_symbol_object *)self)->text);
}

static PyObject *compare(PyObject *a, PyObject *b, int operation)
{
    if (!PyObject_TypeCheck(a, symbol_type) || !PyObject_TypeCheck(b, symbol_type))
        Py_RETURN_NOTIMPLEMENTED;
    return PyObject_RichCompare(
        ((t_symbol_object *)a)->text, ((t_symbol_object *)b)->text, operation);
}

static PyType_Slot slots[] = {
    {Py_tp_doc, "Symbol(text): a symbol of Pd; str() gives its text."},
    {Py_tp_new, new_from_python}, {Py_tp_dealloc, dealloc}, {Py_tp_str, get_str},
    {Py_tp_repr, get_repr}, {Py_tp_hash, get_hash}, {Py_tp_richcompare, compare},
    {0, NULL}};

static PyType_Spec spec = {
    "pyext.Symbol", sizeof(t_symbol_object), 0, Py_TPFLAGS_DEFAULT, slots};

int symbol_add(PyObject *module)
{
    symbol_type = (PyTypeObject *)PyType_FromSpec(&spec);
    return symbol_type && PyModule_AddType(module, symbol_type) == 0;
}
