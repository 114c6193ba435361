/* What is on record of a guest's root disk: it is of one generation, so that a rebuild that is on
 * record makes it worthless; and what goes with it. Making it: core_drive.c. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/layout.h"
#include "server/core_machine.h"

/* ---- what is on record of it: "SIZE GENERATION FLAGS", 0 where it is not known ---- */

struct record {
    uint64_t size;
    uint32_t generation;
    bool spoilt;  /* it is not used any more, though of this generation */
    bool written; /* a guest has written to it, not only to what is thrown away */
};

/* One of before the flags was written to. */
static void read_record(struct core *c, int64_t id, struct record *ret)
{
    char key[48], text[64], flags[8] = "";
    unsigned long long size = 0;
    unsigned generation = 0;
    int n = 0;

    snprintf(key, sizeof key, "disk:%lld", (long long)id);
    if (store_meta_get(c->store, key, text, sizeof text, NULL) == 0)
        n = sscanf(text, "%llu %u %7s", &size, &generation, flags);
    *ret = (struct record){ .size = n < 2 ? 0 : size, .generation = n < 2 ? 0 : generation };
    ret->spoilt = n == 3 && strchr(flags, 's');
    ret->written = n == 2 || (n == 3 && strchr(flags, 'w'));
}

static int write_record(struct core *c, int64_t id, const struct record *r, struct err *e)
{
    char key[48], text[64];

    snprintf(key, sizeof key, "disk:%lld", (long long)id);
    snprintf(text, sizeof text, "%llu %u -%s%s", (unsigned long long)r->size, r->generation,
             r->spoilt ? "s" : "", r->written ? "w" : "");
    return store_meta_set(c->store, key, text, e);
}

bool disk_grew(const struct machine *m)
{
    struct record was;

    read_record(m->c, m->id, &was);
    return m->disk_size > was.size;
}

int disk_record(const struct machine *m, uint32_t generation, struct err *e)
{
    struct record r;

    read_record(m->c, m->id, &r);
    if (r.spoilt || r.generation != generation)
        r.written = false;
    r.written |= !m->disk_volatile;
    r.spoilt = false;
    r.size = m->disk_size;
    r.generation = generation;
    return write_record(m->c, m->id, &r, e);
}

bool disk_is_virgin(const struct machine *m)
{
    struct record r;

    read_record(m->c, m->id, &r);
    return m->disk_volatile && !r.written;
}

int disk_spoil(struct core *c, int64_t id, struct err *e)
{
    struct record r;

    read_record(c, id, &r);
    r.spoilt = true;
    return write_record(c, id, &r, e);
}

int disk_of_generation(struct core *c, int64_t id, uint32_t generation, struct err *e)
{
    struct record r;

    read_record(c, id, &r);
    if (r.generation)
        return 0;
    r.generation = generation;
    return write_record(c, id, &r, e);
}

bool disk_recorded(struct core *c, int64_t id, char *ret, size_t size)
{
    char key[48];

    snprintf(key, sizeof key, "disk:%lld", (long long)id);
    return store_meta_get(c->store, key, ret, size, NULL) == 0;
}

int disk_put_record(struct core *c, int64_t id, const char *text, struct err *e)
{
    char key[48];

    snprintf(key, sizeof key, "disk:%lld", (long long)id);
    return store_meta_set(c->store, key, text, e);
}

void disk_on_record(struct core *c, int64_t id, uint64_t *ret_size)
{
    struct record r;

    read_record(c, id, &r);
    *ret_size = r.size;
}

int disk_brought(struct core *c, int64_t id, uint64_t size, uint32_t generation, struct err *e)
{
    const struct record r = { .size = size, .generation = generation, .written = true };

    return write_record(c, id, &r, e);
}

int disk_forget(struct core *c, int64_t id, struct err *e)
{
    char key[48];

    snprintf(key, sizeof key, "disk:%lld", (long long)id);
    return store_meta_remove(c->store, key, e);
}

bool disk_is_old(struct core *c, const struct guest *g)
{
    struct record r;

    read_record(c, g->id, &r);
    return r.spoilt || (r.generation && r.generation < g->generation);
}

int disk_discard(struct core *c, const char *name, struct err *e)
{
    static const char *const files[] = { FILE_DISK, FILE_VARS, FILE_VARS_FROM, FILE_CONSOLE, FILE_CONSOLE ".1" };
    char path[PATH_SIZE + 160];

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        snprintf(path, sizeof path, "%s/%s/%s/%s", c->config.state, DIR_INSTANCES, name, files[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            return err_sys(e, "%s", path);
    }
    return 0;
}

void disk_throw_away(const struct core *c, const char *name)
{
    static const char prefix[] = "volatile";
    char path[PATH_SIZE + 128];
    struct dirent *d;

    snprintf(path, sizeof path, "%s/%s/%s", c->config.state, DIR_INSTANCES, name);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    while ((d = readdir(dir)))
        if (strncmp(d->d_name, prefix, sizeof prefix - 1) == 0 &&
            unlinkat(dirfd(dir), d->d_name, 0) < 0 && errno != ENOENT)
            log_of(LOG_WARN_, name, "%s/%s: %s", path, d->d_name, strerror(errno));
    closedir(dir);
}
