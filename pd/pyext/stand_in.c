/* In tests this loader can stand in for the original external: it then ends Pd where
   the original crashes it. */

#include "pyext.h"
#include <stdio.h>

__thread int is_handler_thread = 0;

/* Ends Pd, if this loader is a stand-in. */
void stand_in_crash(const char *why)
{
    if (!IS_STAND_IN)
        return;
    fprintf(stderr, "pyext: the original external crashes here: %s\n", why);
    abort();
}
