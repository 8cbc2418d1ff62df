/* pyext: Python classes as Pd objects. The declarations that the loader's parts share.

   Three kinds of thread meet here: Pd's own (whichever holds Pd's lock), the
   threads of detached handlers, and threads that a Python class has started.
   Locks are taken in one order only: Pd's lock, then Python's GIL, then one
   mutex of this loader, and no thread waits for anything while it holds that
   mutex. Only Pd's own thread ever holds Pd's lock: other threads put their
   requests to Pd into the queue of queue.c. */

#ifndef PYEXT_H
#define PYEXT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <m_pd.h>

/* For tests only, never installed: with PYEXT_STAND_IN defined, this loader behaves like
   the original external wherever a Python class can notice. */
#ifdef PYEXT_STAND_IN
enum { IS_STAND_IN = 1 };
#else
enum { IS_STAND_IN = 0 };
#endif

struct pyext;

/* A Python instance as Pd sees it. Reference-counted, because a handler or a queued
   message may outlive the Pd object. */
typedef struct host {
    int num_references;     /* changed atomically */
    struct pyext *object;   /* NULL once deleted; for Pd's thread only */
    PyObject *instance;     /* NULL once closed; under the GIL */
    int num_outlets;        /* 0 until __init__ has returned; under the GIL */
    int should_exit;        /* under the GIL */
    int num_running;        /* detached handlers; under the mutex of detach.c */
    int runs_in_fifo;       /* the FIFO thread is in one of its handlers; dto. */
    char *label;            /* "module.Class", for messages to the user */
    const char *canvas_dir; /* folder of the patch; a symbol's name, for ever */
    struct host *next;      /* in the list of living hosts; Pd's thread only */
} t_host;

/* A Python inlet: Pd inlet number `number`, from 1. */
typedef struct proxy {
    t_pd pd;
    struct pyext *owner;
    int number;
} t_proxy;

/* The Pd object. */
typedef struct pyext {
    t_object object;
    t_host *host; /* NULL if reloading has failed */
    t_symbol *module;
    t_symbol *class_name;
    t_symbol *canvas_dir; /* folder of the patch */
    int argc;
    t_atom *argv; /* (argc,) arguments of the Python class */
    int detach;   /* 0 Pd's thread, 1 one FIFO thread, 2 one each */
    int num_inlets;
    t_proxy **proxies; /* (num_inlets,) */
    int num_outlets;
    t_outlet **outlets; /* (num_outlets + 1,), the last for attributes */
} t_pyext;

/* interpreter.c: the embedded Python, its paths, classes by name */
int interpreter_start(void);
void interpreter_add_paths(t_canvas *canvas, t_symbol *canvas_dir);
PyObject *interpreter_find_class(
    const char *module_name, const char *class_name, const char *canvas_dir);
int interpreter_reload(const char *module_name, const char *canvas_dir);

/* precedence.c: which of several modules with one name to import */
typedef int (*t_folder_visitor)(const char *folder, void *data);
int precedence_visit_surroundings(t_folder_visitor visit, void *data);
PyObject *precedence_import(const char *module_name, const char *canvas_dir);
PyObject *precedence_reload(const char *module_name, const char *canvas_dir);

/* errors.c: exceptions on the console */
void report_exception(void);
void report_failure(const char *label, const char *what);

/* reference.c: references to a host */
void host_ref(t_host *host);
void host_unref(t_host *host);

/* host.c: the life of an instance */
t_host *host_open(t_pyext *x, PyObject *type);
int host_count(t_host *host, const char *attribute);
void host_call_del(t_host *host);
void host_close(t_host *host);
t_host *host_first(void);

/* exit.c: Pd quits */
void exit_prepare(void);

/* python_class.c: the base class of all Python classes in Pd */
int python_class_add(PyObject *module);
int python_class_is_base_of(PyObject *type);
PyObject *python_class_new(PyTypeObject *type, PyObject *args, t_host *host);

/* dispatch.c: messages in */
PyGILState_STATE enter_python(void);
void leave_python(PyGILState_STATE state);
PyObject *dispatch_arguments(int argc, const t_atom *argv, Py_ssize_t num_leading);
void dispatch_call(
    t_host *host, int inlet, t_symbol *selector, int argc, const t_atom *argv);

/* outlets.c: messages out */
PyObject *outlets_send(t_host *host, PyObject *args);

/* detach.c: handlers in their own threads */
void detach_post(t_pyext *x, int inlet, t_symbol *selector, int argc, const t_atom *argv);
int detach_close(t_host *host);

/* queue.c: jobs from other threads for Pd's thread */
typedef struct job {
    struct job *next;
    void (*run)(struct job *job);     /* on Pd's thread, GIL not needed */
    void (*release)(struct job *job); /* frees it, on any thread */
    t_host *host;                     /* NULL, or dropped when this is closed */
    int waited_for;
    int state;
} t_job;

extern __thread int on_pd_thread; /* > 0 while Python runs for Pd */
void queue_start(void);
int queue_post(t_job *job);
int queue_call(t_job *job);
void queue_flush(void);
void queue_serve(void);
void queue_drop(const t_host *host);
void queue_hurry(int by);
double queue_now_s(void);
struct timespec queue_time_in(double dur_s);

/* console.c: print() and tracebacks */
int console_install(void);

/* symbol.c: pyext.Symbol */
int symbol_add(PyObject *module);
PyObject *symbol_new(const char *text);
PyObject *symbol_text(PyObject *symbol_or_str);
char *symbol_copy_text(PyObject *symbol_or_str);

/* buffer.c: pyext.Buffer */
int buffer_add(PyObject *module);

/* buffer_view.c: memoryviews of pyext.Buffer */
void buffer_check_views(void);

/* stand_in.c: where the original external crashes */
extern __thread int is_handler_thread; /* of a detached handler */
void stand_in_crash(const char *why);

#endif
