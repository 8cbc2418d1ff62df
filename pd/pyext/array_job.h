/* The operations on Pd's arrays, as jobs for Pd's thread.

   No array is resized while any array has a view: the view would point at freed
   memory. */

#ifndef PYEXT_ARRAY_JOB_H
#define PYEXT_ARRAY_JOB_H

#include "pyext.h"

enum { MEASURE, COPY, WRITE, RESIZE, REDRAW };

typedef struct {
    t_job job;
    int kind;
    char *name;
    long start, length;
    t_float *samples; /* (length,) from `start` on */
    int is_refused;   /* RESIZE: there was a view */
} t_array_job;

int array_count_views(int change);
int array_raise_missing(const char *name);
t_word *array_words(const char *name, long *length);
t_array_job *array_job_new(int kind, const char *name);
t_array_job *array_job_new_write(const char *name, long start, long length);
t_array_job *array_job_do(t_array_job *job);
int array_job_leave(t_array_job *job);
void array_job_release(t_job *base);

#endif
