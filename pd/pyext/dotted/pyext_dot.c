/* [pyext. package.module Class], before any [pyext]: Pd looks for a library `pyext.`
   and finds this one, which has it load `pyext`. That makes objects of both names. */

#include <m_pd.h>

/* Of Pd, not in its public header. */
int sys_load_lib(t_canvas *canvas, const char *name);

/* What Pd calls when it loads `pyext.`: 2e is the code of the dot. */
__attribute__((visibility("default"))) void setup_pyext0x2e(void)
{
    sys_load_lib(canvas_getcurrent(), "pyext");
}
