/* The parts of pyext.Buffer that its two source files share. */

#ifndef PYEXT_BUFFER_H
#define PYEXT_BUFFER_H

#include "array_job.h"

#define ARRAY_FORMAT (sizeof(t_float) == 4 ? "f" : "d")

typedef struct {
    PyObject_HEAD
    char *name;
    Py_ssize_t length; /* when last looked at, -1 before; other threads than Pd's
                           keep it */
    int is_dirty;
} t_buffer;

int buffer_get_view(PyObject *base, Py_buffer *result, int flags);
void buffer_release_view(PyObject *base, Py_buffer *buffer);

#endif
