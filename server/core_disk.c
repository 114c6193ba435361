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

/* ---- what is on record of it: "SIZE GENERATION", 0 where it is not known ---- */

static void read_record(struct core *c, int64_t id, uint64_t *ret_size, uint32_t *ret_generation)
{
    char key[48], text[48];
    unsigned long long size = 0;
    unsigned generation = 0;

    snprintf(key, sizeof key, "disk:%lld", (long long)id);
    if (store_meta_get(c->store, key, text, sizeof text, NULL) == 0 &&
        sscanf(text, "%llu %u", &size, &generation) != 2)
        size = generation = 0;
    *ret_size = size;
    *ret_generation = generation;
}

static int write_record(struct core *c, int64_t id, uint64_t size, uint32_t generation,
                        struct err *e)
{
    char key[48], text[48];

    snprintf(key, sizeof key, "disk:%lld", (long long)id);
    snprintf(text, sizeof text, "%llu %u", (unsigned long long)size, generation);
    return store_meta_set(c->store, key, text, e);
}

bool disk_grew(const struct machine *m)
{
    uint32_t generation;
    uint64_t was;

    read_record(m->c, m->id, &was, &generation);
    return m->disk_size > was;
}

int disk_record(const struct machine *m, uint32_t generation, struct err *e)
{
    return write_record(m->c, m->id, m->disk_size, generation, e);
}

int disk_of_generation(struct core *c, int64_t id, uint32_t generation, struct err *e)
{
    uint32_t was;
    uint64_t size;

    read_record(c, id, &size, &was);
    return was ? 0 : write_record(c, id, size, generation, e);
}

int disk_forget(struct core *c, int64_t id, struct err *e)
{
    char key[48];

    snprintf(key, sizeof key, "disk:%lld", (long long)id);
    return store_meta_remove(c->store, key, e);
}

bool disk_is_old(struct core *c, const struct guest *g)
{
    uint32_t generation;
    uint64_t size;

    read_record(c, g->id, &size, &generation);
    return generation && generation < g->generation;
}

int disk_discard(struct core *c, const char *name, struct err *e)
{
    static const char *const files[] = { FILE_DISK, FILE_VARS, FILE_CONSOLE, FILE_CONSOLE ".1" };
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
