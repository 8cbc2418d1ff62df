/* How many know a host: its Pd object, its Python instance, and the handlers and
   messages under way. The last to let go frees it. */

#include "pyext.h"

void host_ref(t_host *host)
{
    __atomic_add_fetch(&host->num_references, 1, __ATOMIC_RELAXED);
}

/* Any thread, with or without the GIL: what belongs to Python was dropped before. */
void host_unref(t_host *host)
{
    if (__atomic_sub_fetch(&host->num_references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    free(host->label);
    free(host);
}
