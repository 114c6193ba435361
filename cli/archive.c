#include "cli/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "model/layout.h"

#define PART_SIZE (256u << 10)

struct archive {
    int fd, into;
    char *part; /* PART_SIZE bytes */
    struct backup backup;
    bool seen[BACKUP_FILES_MAX];
};

/* All `len` bytes, or ERR_INVALID: it was cut off. */
static int get(struct archive *a, void *out, size_t len, struct err *e)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = read(a->fd, (char *)out + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "cannot be read");
        if (n == 0)
            return err_set(e, ERR_INVALID, "it ends too soon: this is a part of a backup");
        done += (size_t)n;
    }
    return 0;
}

static int put(int fd, const char *data, size_t len, struct err *e)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return err_sys(e, "cannot be written");
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int next(struct archive *a, struct tar_member *ret, struct err *e)
{
    uint8_t block[TAR_BLOCK];

    return get(a, block, sizeof block, e) < 0 ? -1 : tar_parse(block, ret, e);
}

static int skip_padding(struct archive *a, uint64_t size, struct err *e)
{
    char zeros[TAR_BLOCK];

    return get(a, zeros, tar_padding(size), e);
}

static int read_manifest(struct archive *a, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    struct tar_member m;

    if (next(a, &m, e) != 1 || strcmp(m.name, BACKUP_MANIFEST) != 0 || m.size == 0 ||
        m.size > BACKUP_MANIFEST_MAX)
        return err_set(e, ERR_INVALID, "this is no backup of roost");
    if (get(a, a->part, m.size, e) < 0 || skip_padding(a, m.size, e) < 0)
        return -1;
    return backup_parse(a->part, m.size, STORE_SCHEMA, &a->backup, e);
}

static int copy_through(struct archive *a, uint64_t left, int out, uint8_t sum[SHA256_SIZE],
                        struct err *e)
{
    struct sha256_stream *s = sha256_new();
    int rc = s ? 0 : err_set(e, ERR_INTERNAL, "out of memory");

    while (rc == 0 && left) {
        size_t n = left < PART_SIZE ? (size_t)left : PART_SIZE;
        rc = get(a, a->part, n, e);
        if (rc == 0)
            sha256_update(s, a->part, n);
        if (rc == 0 && out >= 0)
            rc = put(out, a->part, n, e);
        left -= n;
    }
    if (s)
        sha256_final(s, sum);
    return rc;
}

static int read_file(struct archive *a, const struct backup_file *f, struct err *e)
{
    bool wanted = a->into >= 0 && backup_kind(f->name)->restored;
    auto_close int out = wanted ? openat(a->into, f->name,
                                         O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)
                                : -1;
    uint8_t sum[SHA256_SIZE];

    if (wanted && out < 0)
        return err_sys(e, "%s cannot be made", f->name);
    if (copy_through(a, f->size, out, sum, e) < 0 || skip_padding(a, f->size, e) < 0)
        return err_wrap(e, "%s", f->name);
    if (memcmp(sum, f->sha256, sizeof sum) != 0)
        return err_set(e, ERR_INVALID,
                       "%s is not what was written (SHA-256): the backup is damaged; take another "
                       "one",
                       f->name);
    return out >= 0 && fsync(out) < 0 ? err_sys(e, "%s cannot be synced", f->name) : 0;
}

/* Its place in the manifest; -1: not there, there already, or of another size. */
static int find(const struct archive *a, const struct tar_member *m, struct err *e)
{
    for (int i = 0; i < a->backup.n_files; i++)
        if (strcmp(a->backup.files[i].name, m->name) == 0 && !a->seen[i] &&
            a->backup.files[i].size == m->size)
            return i;
    return err_set(e, ERR_INVALID, "%s is not what " BACKUP_MANIFEST " says: the backup is damaged",
                   m->name);
}

/* A second block of zeros, and as many more as tar(1) likes to add. */
static int read_end(struct archive *a, struct err *e)
{
    struct tar_member m;
    ssize_t n;

    if (next(a, &m, e) != 0)
        return err_set(e, ERR_INVALID, "it ends too soon: this is a part of a backup");
    while ((n = read(a->fd, a->part, PART_SIZE)) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (a->part[i])
                return err_set(e, ERR_INVALID, "something follows its end");
    return n < 0 ? err_sys(e, "cannot be read") : 0;
}

static int read_files(struct archive *a, struct err *e)
{
    struct tar_member m;
    int rc, at;

    while ((rc = next(a, &m, e)) == 1) {
        if ((at = find(a, &m, e)) < 0 || read_file(a, &a->backup.files[at], e) < 0)
            return -1;
        a->seen[at] = true;
    }
    if (rc < 0)
        return -1;
    for (int i = 0; i < a->backup.n_files; i++)
        if (!a->seen[i])
            return err_set(e, ERR_INVALID, "%s is missing: the backup is damaged",
                           a->backup.files[i].name);
    return read_end(a, e);
}

int archive_read(const char *path, int into, struct backup *ret, struct err *e)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    auto_free char *part = malloc(PART_SIZE);
    auto_free struct archive *a = calloc(1, sizeof *a);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(e, "%s", path);
    if (!part || !a)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (S_ISDIR(st.st_mode))
        return err_set(e, ERR_INVALID, "%s is a directory; a backup is a file", path);
    a->fd = fd;
    a->into = into;
    a->part = part;
    int rc = read_manifest(a, e) < 0 ? -1 : read_files(a, e);
    explicit_bzero(part, PART_SIZE);
    if (rc < 0)
        return err_wrap(e, "%s", path);
    *ret = a->backup;
    return 0;
}
