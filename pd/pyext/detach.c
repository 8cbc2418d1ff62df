/* Detached handlers: with `detach 1`, one thread handles the messages of all objects,
   first in, first out; with `detach 2`, each message gets its own thread. */

#include "pyext.h"
#include <pthread.h>

#define MAX_QUEUED 262144
#define MAX_THREADS 512
#define SERVE_EVERY_S 0.001
#define CLOSE_S (IS_STAND_IN ? 3600.0 : 1.0)

typedef struct message {
    struct message *next;
    t_host *host;
    int inlet;
    t_symbol *selector;
    int argc;
    t_atom argv[]; /* (argc,) */
} t_message;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static t_message *first = NULL;
static t_message **end = &first;
static int num_queued = 0;
static int num_threads = 0; /* those of detach 2 */
static int has_fifo_thread = 0;
static long fifo_generation = 0; /* an older thread was given up, and ends */

static t_message *message_new(
    t_host *host, int inlet, t_symbol *selector, int argc, const t_atom *argv)
{
    t_message *message = malloc(sizeof(*message) + sizeof(t_atom) * (size_t)argc);
    if (!message)
        return NULL;
    *message = (t_message){NULL, host, inlet, selector, argc};
    memcpy(message->argv, argv, sizeof(t_atom) * (size_t)argc);
    host_ref(host);
    return message;
}

static void message_free(t_message *message)
{
    host_unref(message->host);
    free(message);
}

static void append(t_message *message)
{
    *end = message;
    end = &message->next;
    num_queued++;
}

static t_message *take_first(void)
{
    t_message *message = first;
    first = message->next;
    if (!first)
        end = &first;
    num_queued--;
    return message;
}

static void call(const t_message *message)
{
    is_handler_thread = 1;
    if (!message->host->should_exit)
        dispatch_call(message->host, message->inlet, message->selector, message->argc,
            message->argv);
}

/* Waits for the next message and marks its host as running; returns NULL if this
   thread was given up. */
static t_message *next_message(long generation)
{
    t_message *message = NULL;
    pthread_mutex_lock(&mutex);
    while (!first && generation == fifo_generation)
        pthread_cond_wait(&changed, &mutex);
    if (generation == fifo_generation) {
        message = take_first();
        message->host->num_running++;
        message->host->runs_in_fifo = 1;
    }
    pthread_mutex_unlock(&mutex);
    return message;
}

static void finish(t_message *message, int is_in_fifo)
{
    pthread_mutex_lock(&mutex);
    message->host->num_running--;
    if (is_in_fifo)
        message->host->runs_in_fifo = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    message_free(message);
}

static void *fifo_main(void *generation)
{
    t_message *message;
    PyGILState_STATE state = PyGILState_Ensure();
    PyThreadState *idle = PyEval_SaveThread();
    while ((message = next_message((long)generation))) {
        PyEval_RestoreThread(idle);
        call(message);
        idle = PyEval_SaveThread();
        finish(message, 1);
    }
    PyEval_RestoreThread(idle);
    PyGILState_Release(state);
    return NULL;
}

static void *single_main(void *message)
{
    PyGILState_STATE state = PyGILState_Ensure();
    call(message);
    PyGILState_Release(state);
    pthread_mutex_lock(&mutex);
    num_threads--;
    pthread_mutex_unlock(&mutex);
    finish(message, 0);
    return NULL;
}

/* Starts a thread; returns whether that worked. The thread blocks no signals: a process
   started by a handler would inherit the mask and could not be terminated. */
static int start_thread(void *(*main)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, main, argument);
    if (!error)
        pthread_detach(thread);
    return !error;
}

/* Puts a message into the FIFO and starts its thread if necessary; the mutex is held. */
static int post_fifo(t_message *message)
{
    if (num_queued >= MAX_QUEUED)
        return 0;
    if (!has_fifo_thread)
        has_fifo_thread = start_thread(fifo_main, (void *)fifo_generation);
    if (!has_fifo_thread)
        return 0;
    append(message);
    pthread_cond_broadcast(&changed);
    return 1;
}

/* Starts a thread for one message; the mutex is held. */
static int post_single(t_message *message)
{
    if (num_threads >= MAX_THREADS || !start_thread(single_main, message))
        return 0;
    num_threads++;
    message->host->num_running++;
    return 1;
}

/* Passes a message to a detached handler. For Pd's thread. */
void detach_post(t_pyext *x, int inlet, t_symbol *selector, int argc, const t_atom *argv)
{
    t_message *message = message_new(x->host, inlet, selector, argc, argv);
    int is_posted = 0;
    if (message) {
        pthread_mutex_lock(&mutex);
        is_posted = x->detach == 1 ? post_fifo(message) : post_single(message);
        pthread_mutex_unlock(&mutex);
        if (!is_posted)
            message_free(message);
    }
    if (!is_posted)
        pd_error(x,
            "pyext: %s: '%s' dropped, too many messages or threads wait (send "
            "fewer, or make the handler faster)",
            x->host->label, selector->s_name);
}

/* Removes the messages of a host from the FIFO; the mutex is held. */
static t_message *remove_messages(const t_host *host)
{
    t_message *removed = NULL, **link = &first;
    while (*link) {
        t_message *message = *link;
        if (message->host != host) {
            link = &message->next;
            continue;
        }
        *link = message->next;
        message->next = removed;
        removed = message;
        num_queued--;
    }
    end = link;
    return removed;
}

/* Waits at most CLOSE_S, the mutex held. A handler that uses an array waits for this thread,
   so its jobs are served meanwhile. */
static void wait_until_idle(const t_host *host)
{
    double until_s = queue_now_s() + CLOSE_S;
    while (host->num_running > 0 && queue_now_s() < until_s) {
        struct timespec soon = queue_time_in(SERVE_EVERY_S);
        pthread_cond_timedwait(&changed, &mutex, &soon);
        pthread_mutex_unlock(&mutex);
        queue_serve();
        pthread_mutex_lock(&mutex);
    }
}

/* Drops the queued messages of a host and waits at most CLOSE_S for its handlers.
   If a handler occupies the FIFO thread, the other objects get a new one. Returns the
   number of handlers that still run. For Pd's thread without the GIL. */
int detach_close(t_host *host)
{
    pthread_mutex_lock(&mutex);
    t_message *removed = remove_messages(host);
    wait_until_idle(host);
    int num_running = host->num_running;
    if (num_running > 0 && host->runs_in_fifo) {
        fifo_generation++;
        has_fifo_thread = first && start_thread(fifo_main, (void *)fifo_generation);
    }
    pthread_mutex_unlock(&mutex);
    while (removed) {
        t_message *message = removed;
        removed = message->next;
        message_free(message);
    }
    return num_running;
}
