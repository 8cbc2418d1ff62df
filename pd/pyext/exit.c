/* Pd quits: `_del` of every living object, within a bounded time.

   exit() may come while Python runs on the same thread (a handler's message led to
   `pd quit`) and while other threads use Python. Therefore a separate thread makes
   the calls, and exit() waits for it with a time limit. Afterwards that thread keeps
   the GIL, so that no Python code runs while the process shuts down. */

#include "pyext.h"
#include <pthread.h>
#include <unistd.h>

#define EXIT_S 3.0

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int is_done = 0;
static pid_t pd_process;

static void close_all(void)
{
    t_host *host;
    for (host = host_first(); host; host = host->next)
        host->should_exit = 1;
    while ((host = host_first()))
        host_close(host);
}

/* Runs the functions registered with Python's `atexit`. */
static void run_exit_functions(void)
{
    PyObject *module = PyImport_ImportModule("atexit");
    PyObject *result =
        module ? PyObject_CallMethod(module, "_run_exitfuncs", NULL) : NULL;
    if (!result)
        report_exception();
    Py_XDECREF(result);
    Py_XDECREF(module);
}

static void *farewell(void *unused)
{
    (void)unused;
    PyGILState_Ensure();
    on_pd_thread++;
    close_all();
    run_exit_functions();
    pthread_mutex_lock(&mutex);
    is_done = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
    for (;;)
        pause();
    return NULL;
}

static void at_exit(void)
{
    pthread_t thread;
    if (getpid() != pd_process)
        return;
    if (PyGILState_Check())
        PyEval_SaveThread();
    if (pthread_create(&thread, NULL, farewell, NULL) != 0)
        return;
    struct timespec until = queue_time_in(EXIT_S);
    int error = 0;
    pthread_mutex_lock(&mutex);
    while (!is_done && !error)
        error = pthread_cond_timedwait(&changed, &mutex, &until);
    pthread_mutex_unlock(&mutex);
}

void exit_prepare(void)
{
    pd_process = getpid();
    atexit(at_exit);
}
