/* print() and tracebacks on Pd's console, line by line, as text and not as a
   format. Each thread has its own unfinished line, so that lines of several
   threads do not mix; threads other than Pd's put theirs into the queue. */

#include "pyext.h"

#define MAX_LINE_BYTES 900 /* Pd cuts a line at MAXPDSTRING, 1000 */

typedef struct {
    t_job job;
    char *text;
} t_line;

static void line_run(t_job *job)
{
    post("%s", ((t_line *)job)->text);
}

static void line_release(t_job *job)
{
    free(((t_line *)job)->text);
    free(job);
}

static void post_piece(const char *text, size_t size_bytes)
{
    if (memchr(text, '%', size_bytes))
        stand_in_crash("printed text is a format there, and has a percent sign");
    t_line *line = calloc(1, sizeof(*line));
    char *copy = malloc(size_bytes + 1);
    if (!line || !copy) {
        free(line);
        free(copy);
        return;
    }
    memcpy(copy, text, size_bytes);
    copy[size_bytes] = '\0';
    line->text = copy;
    line->job.run = line_run;
    line->job.release = line_release;
    if (!on_pd_thread) {
        queue_post(&line->job);
        return;
    }
    line_run(&line->job);
    line_release(&line->job);
}

/* Posts a line in pieces that Pd does not cut, without splitting a character. */
static void post_line(const char *text, size_t size_bytes)
{
    while (size_bytes > MAX_LINE_BYTES) {
        size_t piece = MAX_LINE_BYTES;
        while (piece > 1 && ((unsigned char)text[piece] & 0xc0) == 0x80)
            piece--;
        post_piece(text, piece);
        text += piece;
        size_bytes -= piece;
    }
    post_piece(text, size_bytes);
}

static int post_unicode(PyObject *line)
{
    PyObject *bytes = PyUnicode_AsEncodedString(line, "utf-8", "replace");
    if (!bytes)
        return 0;
    post_line(PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return 1;
}

/* Returns this thread's unfinished line (new reference), which may be empty. */
static PyObject *begun_line(PyObject *self)
{
    PyObject *lines = PyThreadState_GetDict();
    PyObject *begun = lines ? PyDict_GetItem(lines, self) : NULL;
    return begun ? Py_NewRef(begun) : PyUnicode_FromString("");
}

static int keep_begun_line(PyObject *self, PyObject *rest)
{
    PyObject *lines = PyThreadState_GetDict();
    return !lines || PyDict_SetItem(lines, self, rest) == 0;
}

/* Posts all lines of a list except the last, which is not yet complete. */
static int post_all_but_last(PyObject *self, PyObject *lines)
{
    Py_ssize_t last = PyList_GET_SIZE(lines) - 1;
    for (Py_ssize_t i = 0; i < last; i++)
        if (!post_unicode(PyList_GET_ITEM(lines, i)))
            return 0;
    return keep_begun_line(self, PyList_GET_ITEM(lines, last));
}

static PyObject *console_write(PyObject *self, PyObject *text)
{
    if (!PyUnicode_Check(text))
        return PyErr_Format(
            PyExc_TypeError, "write() takes str, not %.100s", Py_TYPE(text)->tp_name);
    PyObject *newline = PyUnicode_FromString("\n");
    PyObject *begun = begun_line(self);
    PyObject *whole = begun ? PyUnicode_Concat(begun, text) : NULL;
    PyObject *lines = whole && newline ? PyUnicode_Split(whole, newline, -1) : NULL;
    int is_posted = lines && post_all_but_last(self, lines);
    Py_XDECREF(newline);
    Py_XDECREF(begun);
    Py_XDECREF(whole);
    Py_XDECREF(lines);
    return is_posted ? PyLong_FromSsize_t(PyUnicode_GET_LENGTH(text)) : NULL;
}

/* Posts an unfinished line as a whole line: Pd's console has no other way. */
static PyObject *console_flush(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *begun = begun_line(self);
    int is_posted = begun != NULL;
    if (begun && PyUnicode_GET_LENGTH(begun) > 0) {
        PyObject *empty = PyUnicode_FromString("");
        is_posted = empty && keep_begun_line(self, empty) && post_unicode(begun);
        Py_XDECREF(empty);
    }
    Py_XDECREF(begun);
    if (!is_posted)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *console_is_writable(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_TRUE;
}

static PyMethodDef methods[] = {
    {"write", console_write, METH_O, "Posts every complete line."},
    {"flush", console_flush, METH_NOARGS, "Posts the line under way."},
    {"writable", console_is_writable, METH_NOARGS, "True."}, {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Pd's console as a text stream."}, {Py_tp_methods, methods}, {0, NULL}};

static PyType_Spec spec = {"pyext.Console", 0, 0, Py_TPFLAGS_DEFAULT, slots};

static PyObject *console_new(void)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *base = io ? PyObject_GetAttrString(io, "TextIOBase") : NULL;
    PyObject *type = base ? PyType_FromSpecWithBases(&spec, base) : NULL;
    PyObject *console = type ? PyObject_CallNoArgs(type) : NULL;
    Py_XDECREF(io);
    Py_XDECREF(base);
    Py_XDECREF(type);
    return console;
}

/* Makes sys.stdout and sys.stderr Pd's console; returns 0 with an error set. */
int console_install(void)
{
    PyObject *console = console_new();
    int is_installed = console && PySys_SetObject("stdout", console) == 0 &&
                       PySys_SetObject("stderr", console) == 0;
    Py_XDECREF(console);
    return is_installed;
}
