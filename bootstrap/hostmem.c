#include "bootstrap/hostmem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"

#define FILE_MAX (64u << 10)
#define PATH_LEN 1024

static bool slurp(const char *path, struct buf *out)
{
    return file_read(AT_FDCWD, path, FILE_MAX, out, NULL) == 0;
}

/* "MemTotal:  24683904 kB", "inactive_file 4096": the first word's number, times `unit`. */
static bool number_of(const char *text, const char *word, uint64_t unit, uint64_t *ret)
{
    size_t len = strlen(word);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, word, len) == 0 && strchr(" \t", line[len]) && line[len]) {
            uint64_t v;
            if (sscanf(line + len, "%" SCNu64, &v) != 1 || v > UINT64_MAX / unit)
                return false;
            *ret = v * unit;
            return true;
        }
    }
    return false;
}

/* A file of one number; "max", or what is beyond any memory: none. */
static bool number_in(const char *dir, const char *name, uint64_t *ret)
{
    auto_buf struct buf b = BUF_INIT;
    char path[PATH_LEN + 64];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (!slurp(path, &b) || !b.len)
        return false;
    if (b.data[b.len - 1] == '\n')
        b.data[--b.len] = '\0';
    return parse_u64(buf_str(&b), 0, INT64_MAX >> 1, ret, NULL) == 0;
}

/* How one generation of control groups says it (Linux: Documentation/admin-guide/cgroup-v2.rst,
 * cgroup-v1/memory.rst). Page cache that nobody uses can be had back. */
struct layout {
    const char *controller; /* the field of /proc/self/cgroup */
    const char *mount, *limit, *usage, *cache;
};
static const struct layout layouts[] = {
    { "", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file" },
    { "memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
      "total_inactive_file" },
};

static void narrow(const struct layout *l, const char *dir, struct hostmem *m)
{
    uint64_t limit, usage = 0, cache = 0, left;
    auto_buf struct buf stat = BUF_INIT;
    char path[PATH_LEN + 64];

    if (!number_in(dir, l->limit, &limit))
        return;
    snprintf(path, sizeof path, "%s/memory.stat", dir);
    if (slurp(path, &stat))
        number_of(buf_str(&stat), l->cache, 1, &cache);
    number_in(dir, l->usage, &usage);
    usage -= cache < usage ? cache : usage;
    left = limit > usage ? limit - usage : 0;
    if (limit < m->total) {
        m->total = limit;
        m->limited = true;
    }
    if (left < m->available)
        m->available = left;
}

/* The group and all above it. One that lies elsewhere (a namespace) cannot be read and says
 * nothing. */
static void walk(const struct layout *l, const char *root, const char *group, struct hostmem *m)
{
    char dir[PATH_LEN];
    size_t top = strlen(root) + strlen(l->mount);
    int len = snprintf(dir, sizeof dir, "%s%s%s", root, l->mount, group);

    if (len < 0 || (size_t)len >= sizeof dir)
        return;
    for (;;) {
        char *slash;
        narrow(l, dir, m);
        slash = strrchr(dir, '/');
        if (!slash || (size_t)(slash - dir) < top)
            return;
        *slash = '\0';
    }
}

/* "0::/system.slice/roost.service", "4:memory:/x", "5:cpu,cpuacct:/y" (cgroups(7)). */
static void read_groups(const char *root, struct hostmem *m)
{
    auto_buf struct buf b = BUF_INIT;
    char path[PATH_LEN], *at = NULL;

    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!slurp(path, &b) || !b.len)
        return;
    for (char *line = strtok_r(b.data, "\n", &at); line; line = strtok_r(NULL, "\n", &at)) {
        char *controller = strchr(line, ':'),
             *group = controller ? strchr(controller + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
            if (strcmp(layouts[i].controller, controller + 1) == 0)
                walk(&layouts[i], root, group, m);
    }
}

int hostmem_read(const char *root, struct hostmem *ret, struct err *e)
{
    auto_buf struct buf b = BUF_INIT;
    struct hostmem m = { 0 };
    char path[PATH_LEN];

    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    if (file_read(AT_FDCWD, path, FILE_MAX, &b, e) < 0)
        return -1;
    if (!number_of(buf_str(&b), "MemTotal:", 1024, &m.total) ||
        !number_of(buf_str(&b), "MemAvailable:", 1024, &m.available))
        return err_set(e, ERR_INVALID, "%s tells neither MemTotal nor MemAvailable", path);
    read_groups(root, &m);
    *ret = m;
    return 0;
}

uint64_t hostmem_resident(const char *root, pid_t pid)
{
    auto_buf struct buf b = BUF_INIT;
    char path[PATH_LEN];
    uint64_t pages;

    snprintf(path, sizeof path, "%s/proc/%d/statm", root, (int)pid);
    if (!slurp(path, &b) || sscanf(buf_str(&b), "%*u %" SCNu64, &pages) != 1)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
