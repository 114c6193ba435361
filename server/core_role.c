/* roost-core as a program. */
#include <signal.h>

#include "server/child.h"
#include "server/core_priv.h"

static void done_cb(void *arg)
{
    loop_stop(arg);
}

static int run(struct loop *l, struct err *e)
{
    struct core *c = core_new(l, CHILD_CHANNEL_FD, done_cb, l, e);
    int r;

    if (!c)
        return -1;
    r = loop_run(l, e);
    if (r == 0 && c->failed) {
        *e = c->why; /* logged where it happened; the exit code tells roostd the kind */
        r = -1;
    }
    core_free(c);
    return r;
}

int core_main(int argc, char **argv)
{
    struct err e = { 0 };
    struct loop *l;
    int code, r;

    if (!child_begin(argc, argv, "roost-core", &code))
        return code;
    child_files();
    log_gather();
    l = loop_new(&e);
    r = l ? run(l, &e) : -1;
    loop_free(l);
    return r < 0 ? err_exit_code(e.kind) : 0;
}
