#include "server/core_qemu_img.h"

#include <string.h>

#define MEMORY_MAX (2ull << 30)
#define SAID_MAX   300 /* of what it says of itself */

const char *qemu_img(const struct core *c)
{
    return c->config.qemu_img[0] ? c->config.qemu_img : "qemu-img";
}

struct child *qemu_img_start(struct core *c, const struct argv *a, int64_t limit_ms,
                             uint64_t max_file, child_done_fn *done, void *arg, struct err *e)
{
    struct spawn_opts o = SPAWN_OPTS_INIT;
    struct child *child;

    o.capture = true;
    o.limit_ms = limit_ms;
    o.max_memory = MEMORY_MAX;
    o.max_file_size = max_file;
    child = child_spawn(c->loop, a, &o, done, arg, e);
    if (!child && e->kind == ERR_NOT_FOUND)
        err_set(e, ERR_NOT_FOUND, "qemu-img is missing: apt install qemu-utils");
    return child;
}

int qemu_img_check(const struct spawn_exit *x, enum err_kind kind, const char *what, struct err *e)
{
    const char *text = buf_str(x->err);
    size_t line = strcspn(text, "\n");
    char status[64];

    if (x->status == 0 && !x->timed_out)
        return 0;
    return err_set(e, kind, "%s: qemu-img: %s: %.*s", what,
                   child_status_text(x->status, x->timed_out, status),
                   (int)(line < SAID_MAX ? line : SAID_MAX), text);
}
