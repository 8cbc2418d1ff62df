/* Chooses which of several modules with one name to import.

   In sys.path the patch's folder comes before Pd's search path, so that a class beside
   its patch is found first. One name is an exception: the package that comes with this
   loader. Older patches have a file of that name beside them, which needs libraries of
   its own; the package accepts the same messages. */

#include "pyext.h"
#include <dlfcn.h>
#include <unistd.h>

static const char own_package[] = "samplernn_pd";

/* Visits the two folders around the loader's folder, which hold the files that come with
   it, until a visit returns 0; returns whether none did. */
int precedence_visit_surroundings(t_folder_visitor visit, void *data)
{
    Dl_info info;
    char path[MAXPDSTRING];
    if (!dladdr((void *)precedence_visit_surroundings, &info) || !info.dli_fname)
        return 1;
    const char *slash = strrchr(info.dli_fname, '/');
    int length = slash ? (int)(slash - info.dli_fname) : 0;
    for (const char *up = "/../.."; slash && *up; up += 3) {
        snprintf(path, sizeof(path), "%.*s%s", length, info.dli_fname, up);
        if (!visit(path, data))
            return 0;
    }
    return 1;
}

static int differs(const char *folder, void *other)
{
    char *resolved = realpath(folder, NULL), *resolved_other = realpath(other, NULL);
    int is_same = resolved && resolved_other && !strcmp(resolved, resolved_other);
    free(resolved);
    free(resolved_other);
    return !is_same;
}

static int has_file(const char *folder, const char *name)
{
    char path[MAXPDSTRING];
    snprintf(path, sizeof(path), "%s/%s%s", folder, own_package, name);
    return access(path, R_OK) == 0;
}

static int holds_package(PyObject *folder)
{
    PyObject *bytes = PyUnicode_Check(folder) ? PyUnicode_EncodeFSDefault(folder) : NULL;
    int is_held = bytes && has_file(PyBytes_AS_STRING(bytes), "/__init__.py");
    Py_XDECREF(bytes);
    return is_held;
}

/* Returns the first folder of sys.path that holds the package (new reference), or
   NULL. */
static PyObject *find_package(PyObject *paths)
{
    for (Py_ssize_t i = 0; paths && i < PyList_GET_SIZE(paths); i++)
        if (holds_package(PyList_GET_ITEM(paths, i)))
            return Py_NewRef(PyList_GET_ITEM(paths, i));
    PyErr_Clear();
    return NULL;
}

/* Reports on the console that a loose module beside the patch is ignored. The module in
   the folder of our own patches does not count: it only leads to the package. */
static void report_passed_over(PyObject *folder, const char *canvas_dir)
{
    if (!has_file(canvas_dir, ".py"))
        return;
    if (!precedence_visit_surroundings(differs, (void *)canvas_dir))
        return;
    PySys_FormatStderr("pyext: %s is the package in %U, not %s/%s.py beside the patch "
                       "(rename that file and its name in the patch to use it)\n",
        own_package, folder, canvas_dir, own_package);
}

static int is_own_package(const char *module_name)
{
    size_t length = sizeof(own_package) - 1;
    return !IS_STAND_IN && !strncmp(module_name, own_package, length) &&
           (module_name[length] == '\0' || module_name[length] == '.');
}

/* Removes the first `folder` from sys.path; an error that is set stays. */
static void remove_first(PyObject *paths, PyObject *folder)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    Py_ssize_t index = PySequence_Index(paths, folder);
    if (index >= 0)
        PySequence_DelItem(paths, index);
    PyErr_Restore(type, value, traceback);
}

/* Imports a module while `folder` (or NULL) is first in sys.path. */
static PyObject *import_with(
    PyObject *paths, PyObject *folder, const char *module_name, int is_reload)
{
    if (folder && PyList_Insert(paths, 0, folder) < 0)
        return NULL;
    PyObject *module = PyImport_ImportModule(module_name);
    if (module && is_reload)
        Py_SETREF(module, PyImport_ReloadModule(module));
    if (folder)
        remove_first(paths, folder);
    return module;
}

static PyObject *import(const char *module_name, const char *canvas_dir, int is_reload)
{
    PyObject *paths = PySys_GetObject("path");
    PyObject *folder = is_own_package(module_name) ? find_package(paths) : NULL;
    if (folder)
        report_passed_over(folder, canvas_dir);
    PyObject *module = import_with(paths, folder, module_name, is_reload);
    Py_XDECREF(folder);
    return module;
}

/* Imports a module for a patch in `canvas_dir`; returns NULL with an error set. */
PyObject *precedence_import(const char *module_name, const char *canvas_dir)
{
    return import(module_name, canvas_dir, 0);
}

/* The same, but runs the module's file again. */
PyObject *precedence_reload(const char *module_name, const char *canvas_dir)
{
    return import(module_name, canvas_dir, 1);
}
