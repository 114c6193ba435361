/* The part of an import that runs in the copier: copies and digests. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/file.h"
#include "bootstrap/disk_head.h"
#include "server/core_import.h"

static const char *const part_file[PARTS] = { FILE_SOURCE, FILE_IMAGE_KERNEL, FILE_IMAGE_INITRD };

void import_path(const struct import *m, const char *name, char out[IMPORT_PATH])
{
    snprintf(out, IMPORT_PATH, "%s/%s", m->tmp, name);
}

struct hashing {
    struct digest_stream *record, *want; /* want NULL: the same, or none */
};

static int hash_all(struct import *m, int fd, const struct hashing *h, struct err *e)
{
    static char chunk[1 << 20]; /* the worker is one thread */
    off_t at = 0;
    ssize_t n = 0;

    while (!m->cancelled && (n = pread(fd, chunk, sizeof chunk, at)) > 0) {
        digest_update(h->record, chunk, (size_t)n);
        if (h->want)
            digest_update(h->want, chunk, (size_t)n);
        at += n;
    }
    return n < 0 ? err_sys(e, "read") : 0;
}

/* The file's digest goes on record; the one that was asked for, if any, has to be right. */
static int hash_file(struct import *m, int fd, bool check, struct err *e)
{
    bool other = check && *m->want.hex && m->want.digest != DIGEST_SHA256;
    struct hashing h = { digest_new(DIGEST_SHA256), other ? digest_new(m->want.digest) : NULL };
    struct checksum record, found;
    char is[CHECKSUM_TEXT], should[CHECKSUM_TEXT];
    int r = hash_all(m, fd, &h, e);

    digest_final(h.record, &record);
    found = record;
    if (h.want)
        digest_final(h.want, &found);
    if (r < 0 || m->cancelled)
        return r;
    memcpy(m->image.sha256, record.hex, sizeof m->image.sha256);
    if (check && *m->want.hex && strcmp(m->want.hex, found.hex) != 0)
        return err_set(e, ERR_INVALID, "checksum is %s, expected %s", checksum_format(&found, is),
                       checksum_format(&m->want, should));
    return 0;
}

static int copy_part(struct import *m, enum part p, struct err *e)
{
    char path[IMPORT_PATH];
    auto_close int to = -1;

    import_path(m, part_file[p], path);
    to = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return err_sys(e, "%s", path);
    if (file_copy_until(m->from[p], to, &m->cancelled, e) < 0)
        return err_wrap(e, "%s", path);
    /* Base images never change: nobody, QEMU included, opens them for writing. */
    return fchmod(to, 0444) < 0 ? err_sys(e, "%s", path) : 0;
}

/* Only what lies in the directory counts from here on: nobody else writes it. */
static int read_kind(struct import *m, int fd, struct err *e)
{
    static char head[DISK_HEAD_SIZE];
    struct stat st;
    bool marked;
    ssize_t n = pread(fd, head, sizeof head, 0);

    if (n < 0 || fstat(fd, &st) < 0)
        return err_sys(e, "read");
    if (disk_head_check(head, (size_t)n, (uint64_t)st.st_size, &marked, e) < 0)
        return -1;
    return disk_kind_of(head, (size_t)n, &m->kind, e);
}

static int settle_disk(struct import *m, struct err *e)
{
    char path[IMPORT_PATH], disk[IMPORT_PATH];
    auto_close int fd = -1;

    import_path(m, FILE_SOURCE, path);
    import_path(m, FILE_IMAGE_DISK, disk);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "%s", path);
    if (hash_file(m, fd, true, e) < 0 || read_kind(m, fd, e) < 0)
        return -1;
    if (m->kind->format == DISK_NONE)
        return 0;
    if (fchmod(fd, 0444) < 0 || fsync(fd) < 0)
        return err_sys(e, "%s", path);
    return rename(path, disk) < 0 ? err_sys(e, "%s", disk) : 0;
}

static int sync_dir(struct import *m, struct err *e)
{
    auto_close int dir = open(m->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return err_sys(e, "%s", m->tmp);
    return dir_sync(dir, e);
}

int import_bring(struct import *m, struct err *e)
{
    for (int p = 0; p < PARTS; p++)
        if (!m->cancelled && m->from[p] >= 0 && copy_part(m, p, e) < 0)
            return -1;
    if (!m->cancelled && m->disk && settle_disk(m, e) < 0)
        return -1;
    if (m->cancelled)
        return err_set(e, ERR_BUSY, "it was cancelled");
    return sync_dir(m, e);
}

int import_settle(struct import *m, struct err *e)
{
    char path[IMPORT_PATH];
    auto_close int fd = -1;

    import_path(m, FILE_SOURCE, path);
    if (unlink(path) < 0)
        return err_sys(e, "%s", path);
    import_path(m, FILE_IMAGE_DISK, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0 || fchmod(fd, 0444) < 0)
        return err_sys(e, "%s", path);
    if (hash_file(m, fd, false, e) < 0)
        return err_wrap(e, "%s", path);
    return m->cancelled ? err_set(e, ERR_BUSY, "it was cancelled") : sync_dir(m, e);
}
