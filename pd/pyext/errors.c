/* Python's exceptions on Pd's console. */

#include "pyext.h"

/* Prints the current exception and its traceback. PyErr_Print() would end Pd on
   SystemExit. */
void report_exception(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (!type)
        return;
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    PyErr_Display(type, value, traceback);
    PyErr_Clear();
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

/* Prints the current exception with its traceback, then a one-line summary. */
void report_failure(const char *label, const char *what)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyObject *text = value ? PyObject_Str(value) : NULL;
    PyObject *line =
        text ? PyUnicode_FromFormat("%s: %U", ((PyTypeObject *)type)->tp_name, text)
             : NULL;
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    report_exception();
    const char *reason = line ? PyUnicode_AsUTF8(line) : NULL;
    PyErr_Clear();
    pd_error(NULL, "pyext: %s %s: %s", label, what, reason ? reason : "unknown reason");
    Py_XDECREF(line);
    Py_XDECREF(text);
}
