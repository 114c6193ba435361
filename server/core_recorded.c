/* What the control API may know of turns and commits. */
#include "server/core_priv.h"

int core_when_recorded(struct core *c, void (*fn)(bool recorded, void *arg), void *arg,
                       struct err *e)
{
    return core_after(c, fn, arg, e);
}
