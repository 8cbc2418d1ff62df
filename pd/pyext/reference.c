/* Counts the references to a host: its Pd object, its Python instance, and the handlers
   and messages in progress. Dropping the last reference frees it. */

#include "pyext.h"

void host_ref(t_host *host)
{
    __atomic_add_fetch(&host->num_references, 1, __ATOMIC_RELAXED);
}

/* On any thread, with or without the GIL: Python objects were dropped before. */
void host_unref(t_host *host)
{
    if (__atomic_sub_fetch(&host->num_references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    free(host->label);
    free(host);
}
