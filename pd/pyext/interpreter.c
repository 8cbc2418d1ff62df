/* The Python inside Pd: started once, independent of the user's environment.

   Its home, its program and the site-packages of the environment that built the
   loader are fixed at build time (PYEXT_HOME, PYEXT_PROGRAM, PYEXT_SITE); PATH,
   PYTHONHOME, PYTHONPATH and a user's own packages have no effect. Python is never
   finalized: threads of a Python class may still run when Pd ends. */

#include "pyext.h"
#include <dlfcn.h>
#include <signal.h>

#define SWITCH_INTERVAL_S 0.0005

typedef int (*t_path_visitor)(const char *path, void *data);
extern int canvas_path_iterate(const t_canvas *canvas, t_path_visitor visit, void *data);

static PyObject *sample_rate(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyFloat_FromDouble(sys_getsr());
}

static PyMethodDef functions[] = {
    {"_samplerate", sample_rate, METH_NOARGS, "_samplerate(): Pd's sample rate in Hz."},
    {NULL, NULL, 0, NULL}};

static PyModuleDef module_definition = {PyModuleDef_HEAD_INIT, "pyext",
    "Python classes as Pd objects.", -1, functions, NULL, NULL, NULL, NULL};

/* Makes Python's symbols global: extension modules look them up globally, but Pd may
   have loaded them for this library only. */
static void share_python_symbols(void)
{
    Dl_info info;
    if (dladdr((void *)Py_InitializeFromConfig, &info) && info.dli_fname)
        dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

static PyStatus set_config(PyConfig *config)
{
    char *argv[] = {"pd", NULL};
    config->install_signal_handlers = 0;
    config->parse_argv = 0;
    PyStatus status = PyConfig_SetBytesArgv(config, 1, argv);
    if (!PyStatus_Exception(status))
        status = PyConfig_SetBytesString(config, &config->home, PYEXT_HOME);
    if (!PyStatus_Exception(status))
        status = PyConfig_SetBytesString(config, &config->executable, PYEXT_PROGRAM);
    return status;
}

/* Starts Python; returns 0 after a line on the console if that fails. */
static int initialize(void)
{
    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    PyStatus status = Py_PreInitialize(&before);
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    if (!PyStatus_Exception(status))
        status = set_config(&config);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        pd_error(NULL,
            "pyext: Python does not start from %s: %s (install the project "
            "again)",
            PYEXT_HOME, status.err_msg ? status.err_msg : "unknown reason");
    return !PyStatus_Exception(status);
}

/* Appends a folder to sys.path unless it is in it; returns 0 with an error set. */
static int append_path(const char *folder)
{
    PyObject *paths = PySys_GetObject("path");
    PyObject *path = paths ? PyUnicode_DecodeFSDefault(folder) : NULL;
    int is_there = path ? PySequence_Contains(paths, path) : -1;
    if (is_there == 0)
        is_there = PyList_Append(paths, path) == 0 ? 1 : -1;
    Py_XDECREF(path);
    return is_there > 0;
}

static int add_module(void)
{
    PyObject *module = PyModule_Create(&module_definition);
    PyObject *modules = PyImport_GetModuleDict();
    int is_added =
        module && symbol_add(module) && buffer_add(module) && python_class_add(module) &&
        (IS_STAND_IN || PyModule_AddObjectRef(module, "thread_safe", Py_True) == 0) &&
        PyDict_SetItemString(modules, "pyext", module) == 0;
    Py_XDECREF(module);
    return is_added;
}

/* Shortens the switch interval: Pd's thread takes the GIL for every message. */
static int shorten_switch_interval(void)
{
    PyObject *sys = PyImport_ImportModule("sys");
    PyObject *result =
        sys ? PyObject_CallMethod(sys, "setswitchinterval", "d", SWITCH_INTERVAL_S)
            : NULL;
    Py_XDECREF(result);
    Py_XDECREF(sys);
    return result != NULL;
}

/* Writing to an ended process must raise an exception in Python, not end Pd. */
static void ignore_broken_pipes(void)
{
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

static int prepare(void)
{
    int is_prepared = add_module() && console_install() && shorten_switch_interval() &&
                      (IS_STAND_IN || append_path(PYEXT_SITE));
    if (!is_prepared)
        report_failure("Python", "does not start");
    return is_prepared;
}

/* Starts Python on the first call; returns whether it runs. For Pd's thread; releases
   the GIL. */
int interpreter_start(void)
{
    static int has_tried = 0, is_running = 0;
    if (has_tried)
        return is_running;
    has_tried = 1;
    share_python_symbols();
    int was_initialized = Py_IsInitialized();
    if (!was_initialized && !initialize())
        return 0;
    PyGILState_STATE state = was_initialized ? PyGILState_Ensure() : PyGILState_LOCKED;
    on_pd_thread++;
    is_running = prepare();
    on_pd_thread--;
    if (was_initialized)
        PyGILState_Release(state);
    else
        PyEval_SaveThread();
    ignore_broken_pipes();
    queue_start();
    if (!IS_STAND_IN)
        exit_prepare();
    return is_running;
}

static int visit_path(const char *path, void *unused)
{
    (void)unused;
    if (IS_STAND_IN && path[0] != '/') /* Pd's current folder, for want of a canvas */
        return 1;
    char *resolved = realpath(path, NULL);
    if (resolved && !append_path(resolved))
        report_exception();
    free(resolved);
    return 1;
}

/* Appends the patch's folder, its `declare -path`, Pd's search path and the folders
   around the loader to sys.path; the GIL is held. The original external knows the
   first and the third of these. */
void interpreter_add_paths(t_canvas *canvas, t_symbol *canvas_dir)
{
    visit_path(canvas_dir->s_name, NULL);
    canvas_path_iterate(IS_STAND_IN ? NULL : canvas, visit_path, NULL);
    if (!IS_STAND_IN)
        precedence_visit_surroundings(visit_path, NULL);
}

/* Returns a class that derives from pyext._class, or NULL with an error set. */
PyObject *interpreter_find_class(
    const char *module_name, const char *class_name, const char *canvas_dir)
{
    PyObject *module = precedence_import(module_name, canvas_dir);
    PyObject *class = module ? PyObject_GetAttrString(module, class_name) : NULL;
    Py_XDECREF(module);
    if (class && !python_class_is_base_of(class)) {
        Py_CLEAR(class);
        PyErr_Format(PyExc_TypeError, "%s.%s does not derive from pyext._class",
            module_name, class_name);
    }
    return class;
}

/* Reloads a module; returns 0 with an error set. */
int interpreter_reload(const char *module_name, const char *canvas_dir)
{
    PyObject *module = precedence_reload(module_name, canvas_dir);
    Py_XDECREF(module);
    return module != NULL;
}
