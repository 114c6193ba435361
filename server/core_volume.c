/* Seeds on a volume: for guests whose bootstrapper says so, and for machines elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "model/layout.h"
#include "seeds/cidata.h"
#include "server/core_machine.h"

/* Rendered anew each time: nothing has to be told that it is out of date. */
static int make(struct core *c, const struct guest *g, const struct instance *i, struct buf *out,
                struct err *e)
{
    struct buf docs[SEED_DOCS] = { 0 };
    int r =
        core_seed_render(c, i, g, SEED_FOR_VOLUME, docs, e) < 0 ? -1 : cidata_render(docs, out, e);

    for (int d = 0; d < SEED_DOCS; d++)
        buf_done(&docs[d]);
    return r;
}

int core_seed_volume(struct core *c, const char *name, struct buf *ret, struct err *e)
{
    struct instance i = { 0 };
    struct guest g;

    if (core_guest(c, name, &g, e) < 0)
        return -1;
    int r = store_instance_get(c->store, g.id, &i, e) < 0 ? -1 : make(c, &g, &i, ret, e);
    instance_done(&i);
    return r < 0 ? err_wrap(e, "instance %s", name) : 0;
}

static int directory(struct core *c, const struct guest *g, struct err *e)
{
    char path[PATH_SIZE + 128];
    int fd;

    snprintf(path, sizeof path, "%s/%s/%s", c->config.state, DIR_INSTANCES, g->name.s);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_sys(e, "%s", path) : fd;
}

static int put(struct core *c, const struct guest *g, const struct instance *i, struct err *e)
{
    auto_close int dir = directory(c, g, e);
    auto_buf struct buf volume = BUF_INIT;

    if (dir < 0)
        return -1;
    if (!bootstrapper_is_drive(i->spec.bootstrapper)) {
        /* One from before its definition changed holds secrets. */
        return unlinkat(dir, FILE_SEED, 0) < 0 && errno != ENOENT ? err_sys(e, "%s", FILE_SEED) : 0;
    }
    return make(c, g, i, &volume, e) < 0
               ? -1
               : file_replace(dir, FILE_SEED, volume.data, volume.len, 0600, NULL, e);
}

int volume_put(struct core *c, const struct guest *g, struct err *e)
{
    struct instance i = { 0 };
    int r = store_instance_get(c->store, g->id, &i, e) < 0 ? -1 : put(c, g, &i, e);

    instance_done(&i);
    return r < 0 ? err_wrap(e, "instance %s: seed volume", g->name.s) : 0;
}
