/* pyext.Buffer: a Pd array in Python.

   It knows the array by name and accesses it only when necessary. On a thread other
   than Pd's, writing a slice therefore only puts the samples into the queue. */

#include "buffer.h"

#define MAX_LENGTH (1L << 28)

/* Returns the length of the array, 0 if there is none, -1 with an error set. */
static Py_ssize_t measure(t_buffer *self)
{
    t_array_job *job = array_job_do(array_job_new(MEASURE, self->name));
    if (!job)
        return -1;
    self->length = job->length;
    array_job_release(&job->job);
    return self->length;
}

static PyObject *buffer_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", NULL};
    PyObject *name;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:Buffer", names, &name))
        return NULL;
    t_buffer *self = (t_buffer *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->length = -1;
    self->name = symbol_copy_text(name);
    if (!self->name)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void buffer_dealloc(PyObject *base)
{
    t_buffer *self = (t_buffer *)base;
    PyTypeObject *type = Py_TYPE(base);
    PyObject *error, *value, *traceback;
    PyErr_Fetch(&error, &value, &traceback);
    if (self->is_dirty && !array_job_leave(array_job_new(REDRAW, self->name)))
        report_exception();
    PyErr_Restore(error, value, traceback);
    free(self->name);
    type->tp_free(base);
    Py_DECREF(type);
}

static Py_ssize_t buffer_length(PyObject *base)
{
    t_buffer *self = (t_buffer *)base;
    return on_pd_thread || self->length < 0 ? measure(self) : self->length;
}

static PyObject *buffer_dirty(PyObject *self, PyObject *unused)
{
    (void)unused;
    ((t_buffer *)self)->is_dirty = 1;
    Py_RETURN_NONE;
}

/* Sets an error unless the array was found, had no views, and got that length. */
static int check_resized(t_buffer *self, const t_array_job *job, long length)
{
    self->length = job->length;
    if (self->length == 0)
        array_raise_missing(self->name);
    else if (job->is_refused)
        PyErr_Format(PyExc_BufferError,
            "array '%s' is not resized while there is a "
            "memoryview of an array (release it before)",
            self->name);
    else if (self->length != length)
        PyErr_NoMemory();
    return !PyErr_Occurred();
}

static PyObject *buffer_resize(PyObject *base, PyObject *args)
{
    long length;
    t_buffer *self = (t_buffer *)base;
    if (!PyArg_ParseTuple(args, "l:resize", &length))
        return NULL;
    if (length < 1 || length > MAX_LENGTH)
        return PyErr_Format(PyExc_ValueError,
            "array '%s' cannot have %ld samples (give 1 "
            "to %ld)",
            self->name, length, MAX_LENGTH);
    t_array_job *job = array_job_new(RESIZE, self->name);
    if (job)
        job->length = length;
    if (!(job = array_job_do(job)))
        return NULL;
    int is_resized = check_resized(self, job, length);
    array_job_release(&job->job);
    if (!is_resized)
        return NULL;
    Py_RETURN_NONE;
}

/* Returns 0 with an error set unless the key is a slice of step 1. */
static int unpack_slice(PyObject *key, Py_ssize_t *start, Py_ssize_t *stop)
{
    Py_ssize_t step;
    if (!PySlice_Check(key))
        PyErr_Format(PyExc_TypeError,
            "pyext.Buffer takes slices, not %.100s (write "
            "buffer[a:b] = samples)",
            Py_TYPE(key)->tp_name);
    else if (PySlice_Unpack(key, start, stop, &step) == 0 && step != 1)
        PyErr_Format(
            PyExc_ValueError, "pyext.Buffer takes slices of step 1, not %zd", step);
    return !PyErr_Occurred();
}

/* Returns the number of samples in a slice from `start` on, or -1 with an error set. As
   in any sequence, the slice ends with the array. Threads other than Pd's do not wait for
   the array's length unless the slice counts from its end. */
static Py_ssize_t find_range(t_buffer *self, PyObject *key, Py_ssize_t *start)
{
    Py_ssize_t stop;
    if (!unpack_slice(key, start, &stop))
        return -1;
    int counts_from_end = *start < 0 || stop < 0 || stop == PY_SSIZE_T_MAX;
    if ((on_pd_thread || (counts_from_end && self->length < 0)) && measure(self) < 0)
        return -1;
    if (self->length == 0)
        return array_raise_missing(self->name);
    return PySlice_AdjustIndices(
        self->length < 0 ? PY_SSIZE_T_MAX : self->length, start, &stop, 1);
}

/* Returns 0 with an error set unless the samples fit the slice. */
static int check_samples(
    const t_buffer *self, const Py_buffer *samples, Py_ssize_t length)
{
    const char *format = samples->format ? samples->format : "B";
    if (samples->ndim != 1 || strcmp(format, ARRAY_FORMAT) != 0)
        PyErr_Format(PyExc_TypeError,
            "array '%s' takes samples of format '%s', not '%s' in "
            "%d dimensions (give an array.array('%s'))",
            self->name, ARRAY_FORMAT, format, samples->ndim, ARRAY_FORMAT);
    else if (samples->shape[0] != length)
        PyErr_Format(PyExc_ValueError,
            "array '%s': %zd samples do not fit into a slice of "
            "%zd (give as many, within the array)",
            self->name, samples->shape[0], length);
    return !PyErr_Occurred();
}

/* Returns -1 with an error set, or 0. */
static int leave_samples(t_buffer *self, PyObject *key, Py_buffer *samples)
{
    Py_ssize_t start, length = find_range(self, key, &start);
    if (length < 0 || !check_samples(self, samples, length))
        return -1;
    if (length == 0)
        return 0;
    t_array_job *job = array_job_new_write(self->name, start, length);
    if (job)
        PyBuffer_ToContiguous(job->samples, samples, samples->len, 'C');
    return array_job_leave(job) ? 0 : -1;
}

/* buffer[a:b] = samples */
static int buffer_write(PyObject *base, PyObject *key, PyObject *value)
{
    Py_buffer samples;
    if (IS_STAND_IN || !value || !PyObject_CheckBuffer(value)) {
        PyErr_Format(PyExc_TypeError,
            "a slice of a pyext.Buffer takes samples (give an "
            "array.array('%s'))",
            ARRAY_FORMAT);
        return -1;
    }
    if (on_pd_thread)
        queue_flush();
    if (PyObject_GetBuffer(value, &samples, PyBUF_FULL_RO) < 0)
        return -1;
    int status = leave_samples((t_buffer *)base, key, &samples);
    PyBuffer_Release(&samples);
    return status;
}

static PyMethodDef methods[] = {
    {"resize", buffer_resize, METH_VARARGS, "resize(n): gives the array n samples."},
    {"dirty", buffer_dirty, METH_NOARGS, "Has the array redrawn when this is freed."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {
    {Py_tp_doc,
        "Buffer(name): a Pd array; len() is 0 if there is none of that name.\n"
        "memoryview(buffer) is writable; buffer[a:b] = samples takes an array('f') and\n"
        "only leaves them to Pd on another thread. LookupError without an array."},
    {Py_tp_new, buffer_new}, {Py_tp_dealloc, buffer_dealloc}, {Py_tp_methods, methods},
    {Py_mp_length, buffer_length}, {Py_mp_ass_subscript, buffer_write},
    {Py_bf_getbuffer, buffer_get_view}, {Py_bf_releasebuffer, buffer_release_view},
    {0, NULL}};

static PyType_Spec spec = {
    "pyext.Buffer", sizeof(t_buffer), 0, Py_TPFLAGS_DEFAULT, slots};

int buffer_add(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&spec);
    int is_added = type && PyModule_AddType(module, (PyTypeObject *)type) == 0;
    Py_XDECREF(type);
    return is_added;
}
