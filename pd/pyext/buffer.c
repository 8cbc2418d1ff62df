/* pyext.Buffer: a Pd array in Python, through the buffer protocol.

   On Pd's thread a memoryview is a view of the array itself. On any other thread
   Pd may move or delete the array at any time, so there a memoryview is a view of
   a copy that Pd's thread has made; when it is released, what has changed in it
   is left for Pd's thread to write into the array, if that still exists. */

#include "array_job.h"

#define MAX_LENGTH (1L << 28)

typedef struct {
    PyObject_HEAD
    char *name;
    Py_ssize_t length;  /* when last looked at; other threads than Pd's keep it */
    int num_direct;     /* living views of the array itself */
    int is_dirty;
} t_buffer;

/* What a view needs besides its Py_buffer. */
typedef struct {
    Py_ssize_t length, stride_bytes;
    t_float *copy;      /* (length,), NULL: a view of the array itself */
    t_float *original;  /* (length,) the copy as it was */
} t_view;

static int num_direct_views = 0;    /* of all Buffers; under the GIL */

static int raise_missing(const t_buffer *self)
{
    PyErr_Format(PyExc_LookupError, "there is no array '%s' (create it in the patch, or "
        "check the name)", self->name);
    return -1;
}

/* Looks up how long the array is, 0 if there is none; -1 with an error set. */
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
    if (self && (!(self->name = symbol_copy_text(name)) || measure(self) < 0))
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void buffer_dealloc(PyObject *base)
{
    t_buffer *self = (t_buffer *)base;
    PyTypeObject *type = Py_TYPE(base);
    PyObject *error, *value, *traceback;
    PyErr_Fetch(&error, &value, &traceback);
    if (self->is_dirty)
        array_job_leave(array_job_new(REDRAW, self->name));
    PyErr_Restore(error, value, traceback);
    free(self->name);
    type->tp_free(base);
    Py_DECREF(type);
}

static Py_ssize_t buffer_length(PyObject *base)
{
    t_buffer *self = (t_buffer *)base;
    return on_pd_thread ? measure(self) : self->length;
}

static PyObject *buffer_dirty(PyObject *self, PyObject *unused)
{
    (void)unused;
    ((t_buffer *)self)->is_dirty = 1;
    Py_RETURN_NONE;
}

/* Returns 0 with an error set if the array cannot be given that length. */
static int check_resize(const t_buffer *self, long length)
{
    if (length < 1 || length > MAX_LENGTH)
        PyErr_Format(PyExc_ValueError, "array '%s' cannot have %ld samples (give 1 to "
            "%ld)", self->name, length, MAX_LENGTH);
    else if (self->num_direct > 0)
        PyErr_Format(PyExc_BufferError, "array '%s' has a memoryview (release it before "
            "resize)", self->name);
    return !PyErr_Occurred();
}

static PyObject *buffer_resize(PyObject *base, PyObject *args)
{
    long length;
    t_buffer *self = (t_buffer *)base;
    if (!PyArg_ParseTuple(args, "l:resize", &length) || !check_resize(self, length))
        return NULL;
    t_array_job *job = array_job_new(RESIZE, self->name);
    if (job)
        job->length = length;
    if (!(job = array_job_do(job)))
        return NULL;
    self->length = job->length;
    array_job_release(&job->job);
    if (self->length == 0)
        raise_missing(self);
    else if (self->length != length)
        PyErr_NoMemory();
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* Points the view at the array itself; returns its samples, or NULL. */
static void *view_array(t_buffer *self, t_view *view)
{
    long length;
    queue_flush();
    t_word *words = array_words(self->name, &length);
    if (!words) {
        raise_missing(self);
        return NULL;
    }
    view->length = self->length = length;
    view->stride_bytes = sizeof(t_word);
    self->num_direct++;
    num_direct_views++;
    return &words->w_float;
}

/* Points the view at a copy of the array; returns its samples, or NULL. */
static void *view_copy(t_buffer *self, t_view *view)
{
    t_array_job *job = array_job_do(array_job_new(COPY, self->name));
    if (!job)
        return NULL;
    size_t size_bytes = sizeof(t_float) * (size_t)job->length;
    view->length = self->length = job->length;
    view->stride_bytes = sizeof(t_float);
    view->copy = job->samples;
    job->samples = NULL;
    array_job_release(&job->job);
    if (view->length == 0) {
        raise_missing(self);
        return NULL;
    }
    view->original = malloc(size_bytes);
    if (view->copy && view->original)
        return memcpy(view->original, view->copy, size_bytes) ? view->copy : NULL;
    PyErr_NoMemory();
    return NULL;
}

static void free_view(t_view *view)
{
    free(view->copy);
    free(view->original);
    free(view);
}

static int get_view(PyObject *base, Py_buffer *result, int flags)
{
    t_buffer *self = (t_buffer *)base;
    result->obj = NULL;
    if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES) {
        PyErr_SetString(PyExc_BufferError, "a Pd array is strided (use a memoryview)");
        return -1;
    }
    t_view *view = calloc(1, sizeof(*view));
    if (!view) {
        PyErr_NoMemory();
        return -1;
    }
    void *samples = on_pd_thread ? view_array(self, view) : view_copy(self, view);
    if (!samples) {
        free_view(view);
        return -1;
    }
    *result = (Py_buffer){
        .buf = samples, .obj = Py_NewRef(base), .itemsize = sizeof(t_float),
        .len = view->length * (Py_ssize_t)sizeof(t_float), .ndim = 1,
        .format = sizeof(t_float) == 4 ? "f" : "d", .shape = &view->length,
        .strides = &view->stride_bytes, .internal = view,
    };
    return 0;
}

static int differs(const t_view *view, long i)
{
    return memcmp(&view->copy[i], &view->original[i], sizeof(t_float)) != 0;
}

/* Leaves what has changed in a copy, from the first to the last changed sample,
   to be written into the array. */
static void write_back(const t_buffer *self, const t_view *view)
{
    long start = 0, end = view->length;
    while (start < end && !differs(view, start))
        start++;
    while (end > start && !differs(view, end - 1))
        end--;
    if (start == end)
        return;
    size_t size_bytes = sizeof(t_float) * (size_t)(end - start);
    t_array_job *job = array_job_new(WRITE, self->name);
    if (job && (job->samples = malloc(size_bytes))) {
        memcpy(job->samples, &view->copy[start], size_bytes);
        job->start = start;
        job->length = end - start;
    }
    array_job_leave(job);
}

static void release_view(PyObject *base, Py_buffer *buffer)
{
    t_buffer *self = (t_buffer *)base;
    t_view *view = buffer->internal;
    PyObject *error, *value, *traceback;
    PyErr_Fetch(&error, &value, &traceback);
    if (view->copy)
        write_back(self, view);
    else {
        self->num_direct--;
        num_direct_views--;
    }
    free_view(view);
    PyErr_Restore(error, value, traceback);
}

/* Warns of a view that a handler has kept; for Pd's thread as it leaves Python. */
void buffer_check_views(void)
{
    static int num_known = 0;
    if (num_direct_views > num_known)
        pd_error(NULL, "pyext: a memoryview of an array outlives its handler (release "
            "it: Pd may move or delete the array)");
    num_known = num_direct_views;
}

static PyMethodDef methods[] = {
    {"resize", buffer_resize, METH_VARARGS, "resize(n): gives the array n samples."},
    {"dirty", buffer_dirty, METH_NOARGS, "Has the array redrawn when this is freed."},
    {NULL, NULL, 0, NULL}
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Buffer(name): a Pd array; len() is 0 if there is none of that name.\n"
        "memoryview(buffer) is writable. LookupError without an array."},
    {Py_tp_new, buffer_new},
    {Py_tp_dealloc, buffer_dealloc},
    {Py_tp_methods, methods},
    {Py_mp_length, buffer_length},
    {Py_bf_getbuffer, get_view},
    {Py_bf_releasebuffer, release_view},
    {0, NULL}
};

static PyType_Spec spec = {
    "pyext.Buffer", sizeof(t_buffer), 0, Py_TPFLAGS_DEFAULT, slots
};

int buffer_add(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&spec);
    int is_added = type && PyModule_AddObjectRef(module, "Buffer", type) == 0;
    Py_XDECREF(type);
    return is_added;
}
