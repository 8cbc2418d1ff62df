/* Jobs that other threads leave for Pd's thread.

   A clock on Pd's thread processes one bounded first-in-first-out list for all objects,
   at most BUDGET_S of every TICK_MS so that the audio continues. A single list keeps
   the order: samples that a thread writes into an array arrive before a message that
   it sends afterwards.

   A thread that finds the list full or needs an answer waits without the GIL, and only
   for a limited time: Pd's thread may be waiting for this very thread. While an object
   is being deleted, Pd's thread serves the jobs on arrays, and this time runs HURRY times
   as fast. */

#include "pyext.h"
#include <pthread.h>
#include <time.h>

#define CAPACITY 65536
#define TICK_MS 1.0
#define BUDGET_S 0.0003
#define PATIENCE_S 5.0
#define HURRY 10.0
#define SLICE_S 0.02

enum { QUEUED, RUNNING, DONE, ABANDONED };

__thread int on_pd_thread = 0;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static t_job *first = NULL;
static t_job **end = &first;
static int length = 0;
static int num_waiting = 0;
static int num_hurrying = 0;
static int is_draining = 0; /* Pd's thread only */
static t_clock *tick_clock = NULL;

double queue_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Returns the time `dur_s` from now, in the form of pthread_cond_timedwait(). */
struct timespec queue_time_in(double dur_s)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    long nanoseconds = time.tv_nsec + (long)(dur_s * 1e9);
    time.tv_sec += nanoseconds / 1000000000;
    time.tv_nsec = nanoseconds % 1000000000;
    return time;
}

static void append(t_job *job)
{
    job->next = NULL;
    job->state = QUEUED;
    *end = job;
    end = &job->next;
    length++;
}

/* Waits briefly for a change, the mutex held; returns the remaining patience in s. */
static double wait_a_little(double patience_s)
{
    double start_s = queue_now_s();
    struct timespec until = queue_time_in(SLICE_S);
    num_waiting++;
    pthread_cond_timedwait(&changed, &mutex, &until);
    num_waiting--;
    return patience_s - (queue_now_s() - start_s) * (num_hurrying ? HURRY : 1.0);
}

static int append_when_there_is_room(t_job *job)
{
    double patience_s = PATIENCE_S;
    pthread_mutex_lock(&mutex);
    while (length >= CAPACITY && patience_s > 0)
        patience_s = wait_a_little(patience_s);
    int has_room = length < CAPACITY;
    if (has_room)
        append(job);
    pthread_mutex_unlock(&mutex);
    return has_room;
}

/* Queues a job, from any thread, the GIL held. Releases the job and returns 0 if there
   was no room until patience ran out. */
int queue_post(t_job *job)
{
    job->waited_for = 0;
    pthread_mutex_lock(&mutex);
    int has_room = length < CAPACITY;
    if (has_room)
        append(job);
    pthread_mutex_unlock(&mutex);
    if (!has_room) {
        Py_BEGIN_ALLOW_THREADS
        has_room = append_when_there_is_room(job);
        Py_END_ALLOW_THREADS
    }
    if (!has_room)
        job->release(job);
    return has_room;
}

/* Waits until the job is done; then it belongs to the caller again. Returns 0 if the
   wait was given up; Pd's thread then releases the job. */
static int wait_until_done(t_job *job)
{
    double patience_s = PATIENCE_S;
    pthread_mutex_lock(&mutex);
    while (job->state != DONE && (job->state == RUNNING || patience_s > 0))
        patience_s = wait_a_little(patience_s);
    int is_done = job->state == DONE;
    if (!is_done)
        job->state = ABANDONED;
    pthread_mutex_unlock(&mutex);
    return is_done;
}

/* Has Pd's thread do a job and waits for it, the GIL held. Returns 0, the job lost, if
   Pd's thread did not do it until patience ran out. */
int queue_call(t_job *job)
{
    int is_done;
    job->waited_for = 1;
    Py_BEGIN_ALLOW_THREADS
    is_done = append_when_there_is_room(job);
    if (is_done)
        is_done = wait_until_done(job);
    else
        job->release(job);
    Py_END_ALLOW_THREADS
    return is_done;
}

/* Drops the queued jobs of an instance's threads. For Pd's thread. */
void queue_drop(const t_host *host)
{
    t_job *dropped = NULL, **link = &first;
    pthread_mutex_lock(&mutex);
    while (*link) {
        t_job *job = *link;
        if (job->host != host) {
            link = &job->next;
            continue;
        }
        *link = job->next;
        job->next = dropped;
        dropped = job;
        length--;
    }
    end = link;
    if (num_waiting)
        pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    while (dropped) {
        t_job *job = dropped;
        dropped = job->next;
        job->release(job);
    }
}

/* Removes and returns the job to which `link` leads, NULL without one; the mutex is held. */
static t_job *take(t_job **link)
{
    t_job *job = *link;
    if (!job)
        return NULL;
    *link = job->next;
    if (!*link)
        end = link;
    length--;
    if (job->state == QUEUED)
        job->state = RUNNING;
    if (num_waiting)
        pthread_cond_broadcast(&changed);
    return job;
}

static t_job *take_first(void)
{
    pthread_mutex_lock(&mutex);
    t_job *job = take(&first);
    pthread_mutex_unlock(&mutex);
    return job;
}

static void finish(t_job *job)
{
    if (!job->waited_for || job->state == ABANDONED) {
        job->release(job);
        return;
    }
    pthread_mutex_lock(&mutex);
    job->state = DONE;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static int get_length(void)
{
    pthread_mutex_lock(&mutex);
    int current = length;
    pthread_mutex_unlock(&mutex);
    return current;
}

/* Does the jobs that are in the list now; jobs added meanwhile wait for the next time. */
static void drain(double budget_s)
{
    double until_s = queue_now_s() + budget_s;
    int num_left = get_length();
    t_job *job;
    is_draining++;
    while (num_left-- > 0 && (job = take_first())) {
        if (job->state == RUNNING)
            job->run(job);
        finish(job);
        if (queue_now_s() > until_s)
            break;
    }
    is_draining--;
}

/* Does all jobs queued so far. For Pd's thread before it sends something itself, so
   that it does not overtake them; not within a job, which would only recurse
   deeply. */
void queue_flush(void)
{
    if (!is_draining)
        drain(3600.0);
}

/* Removes and returns the first job that a thread waits for, NULL without one. */
static t_job *take_waited_for(void)
{
    t_job **link = &first;
    pthread_mutex_lock(&mutex);
    while (*link && !(*link)->waited_for)
        link = &(*link)->next;
    t_job *job = take(link);
    pthread_mutex_unlock(&mutex);
    return job;
}

/* Does the jobs that threads wait for, all on arrays; they send nothing into the patch. For
   Pd's thread while it waits for a thread that may itself wait for such a job. */
void queue_serve(void)
{
    t_job *job;
    is_draining++;
    while ((job = take_waited_for())) {
        if (job->state == RUNNING)
            job->run(job);
        finish(job);
    }
    is_draining--;
}

/* Shortens (1) or restores (-1) the patience of all waiting threads. */
void queue_hurry(int by)
{
    pthread_mutex_lock(&mutex);
    num_hurrying += by;
    pthread_mutex_unlock(&mutex);
}

static void tick(void *owner)
{
    (void)owner;
    drain(BUDGET_S);
    clock_delay(tick_clock, TICK_MS);
}

void queue_start(void)
{
    if (tick_clock)
        return;
    tick_clock = clock_new(NULL, (t_method)tick);
    clock_delay(tick_clock, TICK_MS);
}
