/* The Pd object [pyext module Class arguments @detach N].

   [pyext. package.module Class arguments] is the original external's form for modules
   in packages. Here both forms accept dots, so this is only another name. */

#include "pyext.h"

static t_class *pyext_class;
static t_class *proxy_class;

static void receive(t_pyext *x, int inlet, t_symbol *selector, int argc, t_atom *argv)
{
    if (!x->host) {
        pd_error(x, "pyext: %s.%s is not loaded (correct it and send reload)",
            x->module->s_name, x->class_name->s_name);
        return;
    }
    if (x->detach) {
        detach_post(x, inlet, selector, argc, argv);
        return;
    }
    t_host *host = x->host;
    host_ref(host);
    PyGILState_STATE state = enter_python();
    dispatch_call(host, inlet, selector, argc, argv);
    leave_python(state);
    host_unref(host);
}

/* A list of one atom becomes that atom, an empty list a bang, as in any Pd object. */
static t_symbol *plain_selector(t_symbol *selector, int argc, const t_atom *argv)
{
    if (selector != &s_list || argc > 1)
        return selector;
    if (argc == 0)
        return &s_bang;
    if (argv->a_type == A_FLOAT)
        return &s_float;
    return argv->a_type == A_SYMBOL ? &s_symbol : selector;
}

static void proxy_anything(t_proxy *proxy, t_symbol *selector, int argc, t_atom *argv)
{
    selector = plain_selector(selector, argc, argv);
    receive(proxy->owner, proxy->number, selector, argc, argv);
}

static int is_attribute(const t_atom *atom)
{
    return atom->a_type == A_SYMBOL && atom->a_w.w_symbol->s_name[0] == '@';
}

static void pyext_detach(t_pyext *x, t_floatarg mode)
{
    if (mode == 0 || mode == 1 || mode == 2)
        x->detach = (int)mode;
    else
        pd_error(x,
            "pyext: detach %g (give 0: Pd's thread, 1: one other thread, 2: a "
            "thread for each message)",
            mode);
}

static void set_attributes(t_pyext *x, int argc, const t_atom *argv)
{
    for (int i = 0; i < argc; i++) {
        if (!is_attribute(&argv[i]))
            continue;
        if (argv[i].a_w.w_symbol == gensym("@detach"))
            pyext_detach(x, atom_getfloatarg(i + 1, argc, argv));
        else
            pd_error(x, "pyext: no attribute %s (there is @detach)",
                argv[i].a_w.w_symbol->s_name);
    }
}

static void set_arguments(t_pyext *x, int argc, const t_atom *argv)
{
    freebytes(x->argv, sizeof(t_atom) * (size_t)x->argc);
    x->argc = argc;
    x->argv = copybytes(argv, sizeof(t_atom) * (size_t)argc);
}

/* Reads the first argument as `module.Class`; returns the class. Returns NULL with an
   error set, or without one if there is no dot. */
static PyObject *find_dotted(t_pyext *x, t_symbol *name)
{
    char module[MAXPDSTRING];
    const char *dot = strrchr(name->s_name, '.');
    if (!dot || dot == name->s_name || dot - name->s_name >= MAXPDSTRING)
        return NULL;
    snprintf(module, sizeof(module), "%.*s", (int)(dot - name->s_name), name->s_name);
    x->module = gensym(module);
    x->class_name = gensym(dot + 1);
    return interpreter_find_class(
        x->module->s_name, x->class_name->s_name, x->canvas_dir->s_name);
}

/* Returns whether a module is imported and is no package, so that none can be within it. */
static int is_plain_module(t_symbol *module)
{
    PyObject *name = PyUnicode_FromString(module->s_name);
    PyObject *found = name ? PyImport_GetModule(name) : NULL;
    int is_plain = found && !PyObject_HasAttrString(found, "__path__");
    Py_XDECREF(found);
    Py_XDECREF(name);
    PyErr_Clear();
    return is_plain;
}

/* Finds the class that the first two arguments name, module and class. Where the module
   cannot be there, since what precedes its last dot is none that holds others, the error
   of `find_dotted` stays. Returns NULL with an error set. */
static PyObject *find_pair(t_pyext *x, int argc, const t_atom *argv)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type && is_plain_module(x->module)) {
        PyErr_Restore(type, value, traceback);
        return NULL;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    x->module = argv[0].a_w.w_symbol;
    x->class_name = argv[1].a_w.w_symbol;
    set_arguments(x, argc - 2, argv + 2);
    return interpreter_find_class(
        x->module->s_name, x->class_name->s_name, x->canvas_dir->s_name);
}

/* Finds the class that the arguments name and stores the remaining arguments. Returns
   NULL with an error set. */
static PyObject *find_class(t_pyext *x, int argc, const t_atom *argv)
{
    if (argc < 1 || argv[0].a_type != A_SYMBOL) {
        PyErr_SetString(PyExc_ValueError, "no class (write [pyext module Class])");
        return NULL;
    }
    int is_pair = argc > 1 && argv[1].a_type == A_SYMBOL;
    PyObject *class = find_dotted(x, argv[0].a_w.w_symbol);
    if (class) {
        set_arguments(x, argc - 1, argv + 1);
        return class;
    }
    if (!is_pair) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "no class (write [pyext module Class])");
        return NULL;
    }
    return find_pair(x, argc, argv);
}

static void add_inlet(t_pyext *x, int number)
{
    t_proxy *proxy = (t_proxy *)pd_new(proxy_class);
    proxy->owner = x;
    proxy->number = number;
    x->proxies[number - 1] = proxy;
    inlet_new(&x->object, &proxy->pd, NULL, NULL);
}

static void add_ports(t_pyext *x, int num_inlets, int num_outlets)
{
    x->num_inlets = num_inlets;
    x->proxies = getbytes(sizeof(*x->proxies) * (size_t)num_inlets);
    for (int number = 1; number <= num_inlets; number++)
        add_inlet(x, number);
    x->num_outlets = num_outlets;
    x->outlets = getbytes(sizeof(*x->outlets) * (size_t)(num_outlets + 1));
    for (int i = 0; i <= num_outlets; i++)
        x->outlets[i] = outlet_new(&x->object, NULL);
}

/* Creates the instance and its inlets and outlets; returns 0 with an error set. */
static int open_object(t_pyext *x, int argc, const t_atom *argv)
{
    PyObject *class = find_class(x, argc, argv);
    x->host = class ? host_open(x, class) : NULL;
    Py_XDECREF(class);
    int num_inlets = x->host ? host_count(x->host, "_inlets") : -1;
    if (num_inlets < 0)
        return 0;
    add_ports(x, num_inlets, x->host->num_outlets);
    return 1;
}

static void report_object(const t_pyext *x, const char *what)
{
    char label[MAXPDSTRING] = "object";
    if (x->class_name)
        snprintf(label, sizeof(label), "%s.%s", x->module->s_name, x->class_name->s_name);
    report_failure(label, what);
}

static void *pyext_new(t_symbol *name, int argc, t_atom *argv)
{
    (void)name;
    if (!interpreter_start())
        return NULL;
    int num_arguments = 0;
    while (num_arguments < argc && !is_attribute(&argv[num_arguments]))
        num_arguments++;
    t_pyext *x = (t_pyext *)pd_new(pyext_class);
    t_canvas *canvas = canvas_getcurrent();
    x->canvas_dir = canvas_getdir(canvas);
    set_attributes(x, argc - num_arguments, argv + num_arguments);
    PyGILState_STATE state = enter_python();
    interpreter_add_paths(canvas, x->canvas_dir);
    int is_open = open_object(x, num_arguments, argv);
    if (!is_open)
        report_object(x, "not created");
    leave_python(state);
    if (is_open)
        return x;
    pd_free(&x->object.ob_pd);
    return NULL;
}

static void pyext_free(t_pyext *x)
{
    if (x->host)
        host_close(x->host);
    for (int i = 0; i < x->num_inlets; i++)
        pd_free(&x->proxies[i]->pd);
    freebytes(x->proxies, sizeof(*x->proxies) * (size_t)x->num_inlets);
    freebytes(x->outlets, sizeof(*x->outlets) * (size_t)(x->num_outlets + 1));
    freebytes(x->argv, sizeof(t_atom) * (size_t)x->argc);
}

/* Reports if the new class needs other inlets or outlets, which cannot change. */
static void check_ports(t_pyext *x)
{
    int num_inlets = host_count(x->host, "_inlets");
    if (num_inlets != x->num_inlets || x->host->num_outlets != x->num_outlets)
        pd_error(x,
            "pyext: %s: inlets and outlets stay as they are (create the "
            "object again)",
            x->host->label);
    PyErr_Clear();
}

/* The old instance stays if the module cannot be imported; if the new instance
   cannot be created, the object waits for another reload. */
static void reload_instance(t_pyext *x)
{
    const char *module = x->module->s_name, *canvas_dir = x->canvas_dir->s_name;
    PyObject *class =
        interpreter_reload(module, canvas_dir)
            ? interpreter_find_class(module, x->class_name->s_name, canvas_dir)
            : NULL;
    if (class) {
        if (x->host)
            host_close(x->host);
        x->host = host_open(x, class);
        Py_DECREF(class);
    }
    if (PyErr_Occurred())
        report_object(x, "not reloaded");
    else
        check_ports(x);
}

static void pyext_reload(t_pyext *x, t_symbol *name, int argc, t_atom *argv)
{
    (void)name;
    if (argc > 0)
        set_arguments(x, argc, argv);
    PyGILState_STATE state = enter_python();
    reload_instance(x);
    leave_python(state);
}

static void pyext_help(t_pyext *x)
{
    post("pyext: %s.%s: %d inlets, %d outlets, detach %d. This inlet takes detach N, "
         "reload [arguments], help",
        x->module->s_name, x->class_name->s_name, x->num_inlets, x->num_outlets,
        x->detach);
}

static void pyext_anything(t_pyext *x, t_symbol *selector, int argc, t_atom *argv)
{
    (void)argc;
    (void)argv;
    pd_error(x,
        "pyext: no '%s' at the first inlet (it takes detach N, reload, help; the "
        "class's own inlets come after it)",
        selector->s_name);
}

/* Pd calls this when it loads the library; the only symbol that others may see. */
__attribute__((visibility("default"))) void pyext_setup(void)
{
    proxy_class =
        class_new(gensym("pyext inlet"), NULL, NULL, sizeof(t_proxy), CLASS_PD, A_NULL);
    class_addanything(proxy_class, proxy_anything);
    pyext_class = class_new(gensym("pyext"), (t_newmethod)(t_method)pyext_new,
        (t_method)pyext_free, sizeof(t_pyext), CLASS_DEFAULT, A_GIMME, A_NULL);
    class_addcreator((t_newmethod)(t_method)pyext_new, gensym("pyext."), A_GIMME, A_NULL);
    class_addmethod(
        pyext_class, (t_method)pyext_detach, gensym("detach"), A_FLOAT, A_NULL);
    class_addmethod(
        pyext_class, (t_method)pyext_reload, gensym("reload"), A_GIMME, A_NULL);
    class_addmethod(
        pyext_class, (t_method)pyext_reload, gensym("reload."), A_GIMME, A_NULL);
    class_addmethod(pyext_class, (t_method)pyext_help, gensym("help"), A_NULL);
    class_addanything(pyext_class, pyext_anything);
}
