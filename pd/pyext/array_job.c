/* The operations on Pd's arrays, as jobs for Pd's thread. */

#include "array_job.h"

/* Adds to the number of living views of the arrays themselves, on any thread, and
   returns it. Views are created on Pd's thread only. */
int array_count_views(int change)
{
    static int num_views = 0;
    return __atomic_add_fetch(&num_views, change, __ATOMIC_ACQ_REL);
}

int array_raise_missing(const char *name)
{
    stand_in_crash("a Buffer without an array is used");
    PyErr_Format(PyExc_LookupError,
        "there is no array '%s' (create it in the patch, or "
        "check the name)",
        name);
    return -1;
}

static t_garray *find_array(const char *name)
{
    return (t_garray *)pd_findbyclass(gensym(name), garray_class);
}

/* Returns the words of an array and their number, or NULL. For Pd's thread. */
t_word *array_words(const char *name, long *length)
{
    int size = 0;
    t_word *words = NULL;
    t_garray *array = find_array(name);
    if (!array || !garray_getfloatwords(array, &size, &words))
        size = 0;
    *length = size;
    return size > 0 ? words : NULL;
}

static void copy_samples(t_array_job *job, const t_word *words)
{
    job->samples = malloc(sizeof(t_float) * (size_t)job->length);
    for (long i = 0; job->samples && i < job->length; i++)
        job->samples[i] = words[i].w_float;
}

static void write_samples(const t_array_job *job, t_word *words, long length)
{
    for (long i = 0; i < job->length && job->start + i < length; i++)
        words[job->start + i].w_float = job->samples[i];
}

static void redraw(const char *name)
{
    t_garray *array = find_array(name);
    if (array)
        garray_redraw(array);
}

static void resize(t_array_job *job)
{
    t_garray *array = find_array(job->name);
    job->is_refused = array_count_views(0) > 0;
    if (array && !job->is_refused)
        garray_resize_long(array, job->length);
}

/* Does the job and stores the array's new length in it, 0 if there is no array. */
static void array_job_run(t_job *base)
{
    t_array_job *job = (t_array_job *)base;
    long length;
    if (job->kind == RESIZE)
        resize(job);
    if (job->kind == REDRAW)
        redraw(job->name);
    t_word *words = array_words(job->name, &length);
    if (job->kind == WRITE) {
        if (words)
            write_samples(job, words, length);
        return;
    }
    job->length = length;
    if (job->kind == COPY && words)
        copy_samples(job, words);
}

void array_job_release(t_job *base)
{
    t_array_job *job = (t_array_job *)base;
    free(job->samples);
    free(job->name);
    free(job);
}

/* Returns a job for an array, or NULL with an error set. */
t_array_job *array_job_new(int kind, const char *name)
{
    t_array_job *job = calloc(1, sizeof(*job));
    char *copy = strdup(name);
    if (!job || !copy) {
        free(job);
        free(copy);
        PyErr_NoMemory();
        return NULL;
    }
    job->job.run = array_job_run;
    job->job.release = array_job_release;
    job->kind = kind;
    job->name = copy;
    return job;
}

/* Returns a WRITE job with room for `length` samples, for the caller to fill, or
   NULL with an error set. */
t_array_job *array_job_new_write(const char *name, long start, long length)
{
    t_array_job *job = array_job_new(WRITE, name);
    if (!job)
        return NULL;
    job->start = start;
    job->length = length;
    job->samples = malloc(sizeof(t_float) * (size_t)length);
    if (job->samples)
        return job;
    array_job_release(&job->job);
    PyErr_NoMemory();
    return NULL;
}

/* Does a job on Pd's thread, from any thread. Returns NULL with an error set if
   that was impossible, else the job, which the caller releases. */
t_array_job *array_job_do(t_array_job *job)
{
    if (!job)
        return NULL;
    if (on_pd_thread) {
        array_job_run(&job->job);
        return job;
    }
    if (queue_call(&job->job))
        return job;
    PyErr_SetString(PyExc_TimeoutError, "pyext.Buffer: Pd does not answer (it is busy, "
                                        "or waits for this thread)");
    return NULL;
}

/* Queues a job without waiting for it. The job is lost if the array is gone by then, and
   so are samples beyond its end. Takes the job, or NULL with an error set. Returns 0
   with an error set if the queue stays full. */
int array_job_leave(t_array_job *job)
{
    if (!job)
        return 0;
    if (on_pd_thread) {
        array_job_run(&job->job);
        array_job_release(&job->job);
    } else if (!queue_post(&job->job)) {
        PyErr_SetString(PyExc_RuntimeError, "pyext.Buffer: not done, the queue to Pd "
                                            "is full (write larger parts)");
        return 0;
    }
    return 1;
}
