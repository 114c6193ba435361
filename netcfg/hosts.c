#include "netcfg/hosts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"

/* Dotted: dnsmasq passes over them (inotify.c, set_dynamic_inotify()). */
#define FRESH     ".fresh"
#define GONE      ".gone"
#define FILE_NAME 32
#define BYTES_MAX ((size_t)64 << 20)

static void all_name(unsigned number, char ret[FILE_NAME])
{
    snprintf(ret, FILE_NAME, "all-%u", number);
}

enum hosts_file hosts_file_parse(const char *name, unsigned *ret_number)
{
    bool is_new = !strncmp(name, "new-", 4);
    char same[FILE_NAME];
    uint64_t number;

    if ((!is_new && strncmp(name, "all-", 4) != 0) ||
        parse_u64(name + 4, 1, HOSTS_NEW_MAX, &number, NULL) < 0)
        return HOSTS_FOREIGN;
    snprintf(same, sizeof same, is_new ? "new-%08u" : "all-%u", (unsigned)number);
    if (strcmp(same, name) != 0)
        return HOSTS_FOREIGN;
    *ret_number = (unsigned)number;
    return is_new ? HOSTS_NEW : HOSTS_ALL;
}

void hosts_render(const char *domain, const struct reservation *r, size_t n, struct buf *ret_dhcp,
                  struct buf *ret_dns)
{
    buf_puts(ret_dhcp, "# Written by roost: dhcp-host of dnsmasq(8). Changes here are lost.\n");
    buf_puts(ret_dns, "# Written by roost: hosts(5) for dnsmasq. Changes here are lost.\n");
    for (size_t i = 0; i < n; i++) {
        dnsmasq_dhcp_host(&r[i], ret_dhcp);
        dnsmasq_dns_host(&r[i], domain, ret_dns);
    }
}

/* ---- walking a directory ---- */

typedef int entry_fn(int dirfd, const char *name, enum hosts_file kind, unsigned number, void *arg,
                     struct err *e);

static void closedirp(DIR **d)
{
    if (*d)
        closedir(*d);
}

/* Entries that the callback renames or removes may come or not: it must not matter. */
static int each_entry(int dirfd, entry_fn *fn, void *arg, struct err *e)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    __attribute__((cleanup(closedirp))) DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (!d) {
        err_sys(e, "directory of reservations");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    for (;;) {
        errno = 0;
        const struct dirent *f = readdir(d);
        if (!f)
            return errno ? err_sys(e, "directory of reservations") : 0;
        unsigned number = 0;
        enum hosts_file kind = hosts_file_parse(f->d_name, &number);
        if (fn(dirfd, f->d_name, kind, number, arg, e) < 0)
            return -1;
    }
}

static int note_new(int dirfd, const char *name, enum hosts_file kind, unsigned number, void *arg,
                    struct err *e)
{
    unsigned *next = arg;

    (void)dirfd, (void)name, (void)e;
    if (kind == HOSTS_NEW && number >= *next)
        *next = number + 1;
    return 0;
}

/* ---- opening ---- */

static int open_dir(int dirfd, const char *name, struct err *e)
{
    int fd = dir_open_make(dirfd, name, 0755, e);

    if (fd >= 0 && fchmod(fd, 0755) < 0) {
        err_sys(e, "directory %s", name);
        close(fd);
        return -1;
    }
    return fd;
}

int hosts_open(int dirfd, struct hosts *ret, struct err *e)
{
    struct hosts h = HOSTS_INIT;

    h.dhcp = open_dir(dirfd, DIR_DHCP_HOSTS, e);
    h.dns = h.dhcp < 0 ? -1 : open_dir(dirfd, DIR_DNS_HOSTS, e);
    if (h.dns < 0 || each_entry(h.dhcp, note_new, &h.next, e) < 0 ||
        each_entry(h.dns, note_new, &h.next, e) < 0) {
        hosts_close(&h);
        return -1;
    }
    *ret = h;
    return 0;
}

void hosts_close(struct hosts *h)
{
    if (h->dhcp >= 0)
        close(h->dhcp);
    if (h->dns >= 0)
        close(h->dns);
    *h = HOSTS_INIT;
}

/* ---- adding ---- */

/* Written and closed under a dotted name first: file_replace() closes after its rename, and to
 * dnsmasq that is a second change, which it would read and complain of as a duplicate. */
static int put_new(int dirfd, const char *name, const struct buf *want, struct err *e)
{
    if (file_replace(dirfd, FRESH, want->data, want->len, 0644, NULL, e) < 0)
        return err_wrap(e, "reservations %s", name);
    if (renameat(dirfd, FRESH, dirfd, name) < 0)
        return err_sys(e, "reservations %s", name);
    return 0;
}

int hosts_add(struct hosts *h, const char *domain, const struct reservation *r, size_t n,
              struct err *e)
{
    auto_buf struct buf dhcp = { .cap = BYTES_MAX }, dns = { .cap = BYTES_MAX };
    char name[FILE_NAME];

    if (n == 0)
        return 0;
    if (h->next > HOSTS_NEW_MAX)
        return err_set(e, ERR_BUSY, "reservations: %u files since the last compaction",
                       HOSTS_NEW_MAX);
    hosts_render(domain, r, n, &dhcp, &dns);
    if (buf_check(&dhcp, e) < 0 || buf_check(&dns, e) < 0)
        return -1;
    snprintf(name, sizeof name, "new-%08u", h->next);
    if (put_new(h->dns, name, &dns, e) < 0 || put_new(h->dhcp, name, &dhcp, e) < 0)
        return -1;
    h->next++;
    return 0;
}

/* ---- compacting ---- */

struct survey {
    const struct buf *want;
    unsigned all, taken; /* the newest all-N, 0 none; a bit for each of all-1 to all-31 */
    int files;           /* of ours */
    bool debris;
};

static bool debris(const char *name)
{
    return name[0] == '.' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int survey_entry(int dirfd, const char *name, enum hosts_file kind, unsigned number,
                        void *arg, struct err *e)
{
    struct survey *s = arg;

    (void)dirfd, (void)e;
    if (kind == HOSTS_FOREIGN) {
        s->debris |= debris(name);
        return 0;
    }
    s->files++;
    if (kind == HOSTS_NEW)
        return 0;
    s->all = number;
    s->taken |= number < 32 ? 1u << number : 0;
    return 0;
}

/* One file, and it says what is wanted. */
static bool stands(int dirfd, const struct survey *s)
{
    auto_buf struct buf have = { .cap = BYTES_MAX };
    char name[FILE_NAME];

    if (s->files != 1 || !s->all)
        return false;
    all_name(s->all, name);
    return !file_read(dirfd, name, BYTES_MAX, &have, NULL) && have.len == s->want->len &&
           !memcmp(have.data, s->want->data, have.len);
}

/* `arg` is the one to keep. */
static int retire(int dirfd, const char *name, enum hosts_file kind, unsigned number, void *arg,
                  struct err *e)
{
    const char *keep = arg;

    (void)number;
    if (kind == HOSTS_FOREIGN || !strcmp(name, keep))
        return 0;
    if (renameat(dirfd, name, dirfd, GONE) < 0 && errno != ENOENT)
        return err_sys(e, "reservations %s", name);
    return 0;
}

/* Dotted names: of a compaction, or of a write that did not come to its end. */
static int sweep(int dirfd, const char *name, enum hosts_file kind, unsigned number, void *arg,
                 struct err *e)
{
    (void)kind, (void)number, (void)arg;
    if (!debris(name) || unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    return err_sys(e, "reservations %s", name);
}

static unsigned free_number(const struct survey *s)
{
    unsigned n = 1;

    while (n < 31 && s->taken & 1u << n)
        n++;
    return n;
}

static int put_all(int dirfd, const char *name, const struct buf *want, struct err *e)
{
    if (file_replace(dirfd, FRESH, want->data, want->len, 0644, NULL, e) < 0)
        return -1;
    if (linkat(dirfd, FRESH, dirfd, name, 0) < 0)
        return err_sys(e, "reservations %s", name);
    return 0;
}

/* One directory. What is there is named before what was is taken away. */
static int compact_dir(int dirfd, const struct buf *want, bool *changed, struct err *e)
{
    struct survey s = { .want = want };
    char name[FILE_NAME];

    if (each_entry(dirfd, survey_entry, &s, e) < 0)
        return -1;
    if (!stands(dirfd, &s)) {
        all_name(free_number(&s), name);
        if (put_all(dirfd, name, want, e) < 0 || each_entry(dirfd, retire, name, e) < 0)
            return -1;
        *changed = s.debris = true;
    }
    if (!s.debris)
        return 0;
    if (each_entry(dirfd, sweep, NULL, e) < 0)
        return -1;
    return dir_sync(dirfd, e);
}

static int by_name(const void *a, const void *b)
{
    const struct reservation *x = a, *y = b;

    return strcmp(x->name.s, y->name.s);
}

int hosts_compact(struct hosts *h, const char *domain, struct reservation *r, size_t n,
                  bool *ret_sighup, struct err *e)
{
    auto_buf struct buf dhcp = { .cap = BYTES_MAX }, dns = { .cap = BYTES_MAX };
    bool changed = false;

    if (n)
        qsort(r, n, sizeof *r, by_name);
    hosts_render(domain, r, n, &dhcp, &dns);
    if (buf_check(&dhcp, e) < 0 || buf_check(&dns, e) < 0)
        return -1;
    if (compact_dir(h->dns, &dns, &changed, e) < 0 || compact_dir(h->dhcp, &dhcp, &changed, e) < 0)
        return -1;
    h->next = 1;
    *ret_sighup = changed;
    return 0;
}
