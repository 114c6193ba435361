/* roost-front as a program. */
#include <malloc.h>
#include <signal.h>

#include "server/child.h"
#include "server/front_priv.h"

static void done_cb(void *arg)
{
    loop_stop(arg);
}

static void dump_cb(int signo, void *arg)
{
    (void)signo;
    front_dump(arg);
}

static int run(struct loop *l, struct err *e)
{
    struct front *f = front_new(l, CHILD_CHANNEL_FD, done_cb, l, e);

    if (!f)
        return -1;
    int rc = loop_signal(l, SIGUSR1, dump_cb, f, e);
    if (rc == 0)
        rc = loop_run(l, e);
    if (rc == 0 && front_failed(f))
        rc = err_set(e, ERR_INTERNAL, "ended after a broken message");
    front_free(f);
    return rc;
}

/* Each turn of a busy front frees what the next one needs again: by default the C library gives 128
 * KiB back to the kernel at once, to fault its pages in again. tick_cb() does it once a second. */
#define TRIM_BYTES (16 << 20)

int front_main(int argc, char **argv)
{
    struct err e = { 0 };
    int code;

    if (!child_begin(argc, argv, "roost-front", &code))
        return code;
    child_files();
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    struct loop *l = loop_new(&e);
    int rc = l ? run(l, &e) : -1;
    loop_free(l);
    if (rc < 0)
        log_error("%s", e.text);
    return rc < 0 ? err_exit_code(e.kind) : 0;
}
