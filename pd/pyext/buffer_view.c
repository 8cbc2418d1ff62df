/* memoryviews of pyext.Buffer, through the buffer protocol.

   On Pd's thread a memoryview is a view of the array itself. On any other thread
   Pd may move or delete the array at any time, so there a memoryview is a view of
   a copy that Pd's thread has made. When the view is released, the changed samples go
   to Pd's thread, which writes them into the array if it still exists. */

#include "buffer.h"

/* The data that a view needs besides its Py_buffer. */
typedef struct {
    Py_ssize_t length, stride_bytes;
    t_float *copy;     /* (length,), NULL: a view of the array itself */
    t_float *original; /* (length,) the copy as it was */
} t_view;

/* Points the view at the array itself; returns its samples, or NULL. */
static void *view_array(t_buffer *self, t_view *view)
{
    long length;
    queue_flush();
    t_word *words = array_words(self->name, &length);
    if (!words) {
        array_raise_missing(self->name);
        return NULL;
    }
    view->length = self->length = length;
    view->stride_bytes = sizeof(t_word);
    array_count_views(1);
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
        array_raise_missing(self->name);
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

int buffer_get_view(PyObject *base, Py_buffer *result, int flags)
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
        .buf = samples,
        .obj = Py_NewRef(base),
        .itemsize = sizeof(t_float),
        .len = view->length * (Py_ssize_t)sizeof(t_float),
        .ndim = 1,
        .format = ARRAY_FORMAT,
        .shape = &view->length,
        .strides = &view->stride_bytes,
        .internal = view,
    };
    return 0;
}

static int differs(const t_view *view, long i)
{
    return memcmp(&view->copy[i], &view->original[i], sizeof(t_float)) != 0;
}

/* Queues the changes of a copy, from the first to the last changed sample, to be
   written into the array; returns 0 with an error set. */
static int write_back(const t_buffer *self, const t_view *view)
{
    long start = 0, end = view->length;
    while (start < end && !differs(view, start))
        start++;
    while (end > start && !differs(view, end - 1))
        end--;
    if (start == end)
        return 1;
    t_array_job *job = array_job_new_write(self->name, start, end - start);
    if (job)
        memcpy(job->samples, &view->copy[start], sizeof(t_float) * (size_t)(end - start));
    return array_job_leave(job);
}

void buffer_release_view(PyObject *base, Py_buffer *buffer)
{
    t_buffer *self = (t_buffer *)base;
    t_view *view = buffer->internal;
    PyObject *error, *value, *traceback;
    PyErr_Fetch(&error, &value, &traceback);
    if (!view->copy)
        array_count_views(-1);
    else if (!write_back(self, view))
        report_exception();
    free_view(view);
    PyErr_Restore(error, value, traceback);
}

/* Warns of a view that a handler has kept; for Pd's thread as it leaves Python. */
void buffer_check_views(void)
{
    static int num_known = 0;
    int num_views = array_count_views(0);
    if (num_views > num_known)
        pd_error(NULL, "pyext: a memoryview of an array outlives its handler (release "
                       "it: Pd may move or delete the array)");
    num_known = num_views;
}
