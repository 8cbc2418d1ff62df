/* [pyext. package.module Class], before any [pyext]: Pd looks for a library `pyext.`
   and finds this one, which makes it load `pyext`. That library creates objects of both names. */

#include <m_pd.h>

/* A function of Pd that its public header does not declare. */
int sys_load_lib(t_canvas *canvas, const char *name);

/* Pd calls this when it loads `pyext.`: 2e is the code of the dot. */
__attribute__((visibility("default"))) void setup_pyext0x2e(void)
{
    sys_load_lib(canvas_getcurrent(), "pyext");
}
