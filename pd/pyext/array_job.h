/* What is done with Pd's arrays, as jobs for Pd's thread. */

#ifndef PYEXT_ARRAY_JOB_H
#define PYEXT_ARRAY_JOB_H

#include "pyext.h"

enum { MEASURE, COPY, WRITE, RESIZE, REDRAW };

typedef struct {
    t_job job;
    int kind;
    char *name;
    long start, length;
    t_float *samples;   /* (length,) from `start` on */
} t_array_job;

t_word *array_words(const char *name, long *length);
t_array_job *array_job_new(int kind, const char *name);
t_array_job *array_job_do(t_array_job *job);
void array_job_leave(t_array_job *job);
void array_job_release(t_job *base);

#endif
