/* The files of images: copied into the state directory (so that they cannot change below their
 * overlays), checked, looked at by content. Copying and hashing run in the worker. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/file.h"
#include "bootstrap/disk.h"
#include "bootstrap/disk_head.h"
#include "bootstrap/disk_kind.h"
#include "server/core_priv.h"

#define QEMU_IMG_LIMIT_MS 60000
#define CONVERT_LIMIT_MS  3600000
#define QEMU_IMG_MEMORY   (2ull << 30)
#define KERNEL_MAX        (512ull << 20)
#define FILE_SOURCE       "source" /* the disk as it came */

enum part { PART_DISK, PART_KERNEL, PART_INITRD, PARTS };
static const char *const part_file[PARTS] = { FILE_SOURCE, FILE_IMAGE_KERNEL, FILE_IMAGE_INITRD };

struct import {
    struct import *next; /* of those under way */
    struct core *c;
    struct image image;
    struct checksum want;
    bool disk; /* there is one */
    int from[PARTS];
    char tmp[PATH_SIZE + 128], dir[PATH_SIZE + 128];
    const struct disk_kind *kind;
    bool failed; /* until the worker is done */
    struct err err;
    atomic_bool cancelled;
    struct child *child; /* qemu-img converts it or looks at it */
    core_op_fn *done;
    void *arg;
};

static void import_free(struct import *m)
{
    struct import **at = &m->c->imports;

    while (*at && *at != m)
        at = &(*at)->next;
    if (*at)
        *at = m->next;
    child_forget(m->child);
    for (int p = 0; p < PARTS; p++)
        if (m->from[p] >= 0)
            close(m->from[p]);
    free(m);
}

static void end(struct import *m, const json_t *result, const struct err *err)
{
    char parent[PATH_SIZE + 32];
    auto_close int dir = -1;

    if (err) {
        snprintf(parent, sizeof parent, "%s/%s", m->c->config.state, DIR_IMAGES);
        dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir >= 0)
            dir_remove(dir, strrchr(m->tmp, '/') + 1, NULL);
    }
    m->done(result, err, m->arg);
    import_free(m);
}

/* ---- step 4: it is whole; put it in place ---- */

static void put_in_place(struct import *m)
{
    json_t *j;
    struct err e;

    /* An image of that name that nobody uses is replaced (the caller has checked). */
    char parent[PATH_SIZE + 32];
    snprintf(parent, sizeof parent, "%s/%s", m->c->config.state, DIR_IMAGES);
    auto_close int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = dir < 0 ? err_sys(&e, "%s", parent) : dir_remove(dir, m->image.name.s, &e);
    if (r == 0 && (rename(m->tmp, m->dir) < 0 || fsync(dir) < 0))
        r = err_sys(&e, "%s", m->dir);
    if (r < 0) {
        end(m, NULL, &e);
        return;
    }
    j = image_to_json(&m->image);
    end(m, j, NULL);
    json_decref(j);
}

/* ---- step 3: what QEMU says of it ---- */

static int qemu_img(struct import *m, const struct argv *a, int64_t limit_ms, child_done_fn *done,
                    struct err *e)
{
    struct spawn_opts o = SPAWN_OPTS_INIT;

    o.capture = true;
    o.limit_ms = limit_ms;
    o.max_memory = QEMU_IMG_MEMORY;
    if ((m->child = child_spawn(m->c->loop, a, &o, done, m, e)))
        return 0;
    return e->kind == ERR_NOT_FOUND
               ? err_set(e, ERR_NOT_FOUND, "qemu-img is missing: apt install qemu-utils")
               : -1;
}

static const char *qemu_img_name(const struct import *m)
{
    return m->c->config.qemu_img[0] ? m->c->config.qemu_img : "qemu-img";
}

static int judge(struct import *m, const struct spawn_exit *x, struct err *e)
{
    struct disk_info info;
    char status[64];

    if (x->status != 0 || x->timed_out)
        return err_set(e, ERR_INVALID, "qemu-img cannot read it: %s: %.300s",
                       child_status_text(x->status, x->timed_out, status), buf_str(x->err));
    if (disk_info_parse(buf_str(x->out), x->out->len, &info, e) < 0)
        return -1;
    m->image.format = info.format;
    m->image.virtual_size = info.virtual_size;
    return 0;
}

static void refuse(struct import *m, struct err *e)
{
    err_wrap(e, "image %s", m->image.name.s);
    end(m, NULL, e);
}

static void looked_at(const struct spawn_exit *x, void *arg)
{
    struct import *m = arg;
    struct err e;

    m->child = NULL;
    if (judge(m, x, &e) < 0)
        refuse(m, &e);
    else
        put_in_place(m);
}

static void look(struct import *m)
{
    auto_argv struct argv a = ARGV_INIT;
    char file[PATH_SIZE + 160];
    const char *format = m->kind->format == DISK_RAW ? "raw" : "qcow2";
    struct err e;

    snprintf(file, sizeof file, "%s/%s", m->tmp, FILE_IMAGE_DISK);
    disk_info_argv(qemu_img_name(m), format, file, &a);
    if (qemu_img(m, &a, QEMU_IMG_LIMIT_MS, looked_at, &e) < 0)
        refuse(m, &e);
}

/* ---- the worker: copies and digests ---- */

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

static int part_path(const struct import *m, const char *name, char out[PATH_SIZE + 160])
{
    return snprintf(out, PATH_SIZE + 160, "%s/%s", m->tmp, name);
}

static int copy_part(struct import *m, enum part p, struct err *e)
{
    char path[PATH_SIZE + 160];
    auto_close int to = -1;

    part_path(m, part_file[p], path);
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
    char path[PATH_SIZE + 160], disk[PATH_SIZE + 160];
    auto_close int fd = -1;

    part_path(m, FILE_SOURCE, path);
    part_path(m, FILE_IMAGE_DISK, disk);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "%s", path);
    if (hash_file(m, fd, true, e) < 0 || read_kind(m, fd, e) < 0)
        return -1;
    if (m->kind->format == DISK_NONE)
        return 0;
    return rename(path, disk) < 0 ? err_sys(e, "%s", disk) : 0;
}

static int sync_dir(struct import *m, struct err *e)
{
    auto_close int dir = open(m->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return err_sys(e, "%s", m->tmp);
    return dir_sync(dir, e);
}

static int bring_in(struct import *m, struct err *e)
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

static void copy(void *arg)
{
    struct import *m = arg;

    m->failed = bring_in(m, &m->err) < 0;
}

/* ---- step 2: what is neither qcow2 nor raw is converted ---- */

static int settle_converted(struct import *m, struct err *e)
{
    char path[PATH_SIZE + 160];
    auto_close int fd = -1;

    part_path(m, FILE_SOURCE, path);
    if (unlink(path) < 0)
        return err_sys(e, "%s", path);
    part_path(m, FILE_IMAGE_DISK, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0 || fchmod(fd, 0444) < 0)
        return err_sys(e, "%s", path);
    if (hash_file(m, fd, false, e) < 0)
        return err_wrap(e, "%s", path);
    return m->cancelled ? err_set(e, ERR_BUSY, "it was cancelled") : sync_dir(m, e);
}

static void settle(void *arg)
{
    struct import *m = arg;

    m->failed = settle_converted(m, &m->err) < 0;
}

static void settled(void *arg)
{
    struct import *m = arg;

    if (m->c->ending)
        return; /* imports_free() tells */
    if (m->failed)
        refuse(m, &m->err);
    else
        look(m);
}

static void converted(const struct spawn_exit *x, void *arg)
{
    struct import *m = arg;
    char status[64];
    struct err e;

    m->child = NULL;
    m->failed = true;
    if (m->cancelled)
        err_set(&e, ERR_BUSY, "it was cancelled");
    else if (x->status != 0 || x->timed_out)
        err_set(&e, ERR_INVALID, "qemu-img cannot convert it from %s: %s: %.300s", m->kind->qemu,
                child_status_text(x->status, x->timed_out, status), buf_str(x->err));
    else if (worker_post(m->c->copier, settle, settled, m, &e) == 0)
        return;
    refuse(m, &e);
}

static void convert(struct import *m)
{
    auto_argv struct argv a = ARGV_INIT;
    char from[PATH_SIZE + 160], to[PATH_SIZE + 160];
    struct err e;

    part_path(m, FILE_SOURCE, from);
    part_path(m, FILE_IMAGE_DISK, to);
    disk_convert_argv(qemu_img_name(m), m->kind->qemu, from, to, &a);
    if (qemu_img(m, &a, CONVERT_LIMIT_MS, converted, &e) < 0)
        refuse(m, &e);
}

static void copied(void *arg)
{
    struct import *m = arg;

    if (m->c->ending)
        return; /* imports_free() tells */
    if (m->failed) {
        refuse(m, &m->err);
    } else if (!m->disk) {
        m->image.format = DISK_NONE;
        put_in_place(m);
    } else if (m->kind->format == DISK_NONE) {
        convert(m);
    } else {
        look(m);
    }
}

/* ---- step 1: begin ---- */

/* A descriptor; -1 with why that file will not do. */
static int open_file(const char *image, enum part p, const char *file, struct stat *ret,
                     struct err *e)
{
    /* Not to wait for the writer of a FIFO. */
    auto_close int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, ret) < 0)
        return err_sys(e, "image %s: %s", image, file);
    if (!S_ISREG(ret->st_mode))
        return err_set(e, ERR_INVALID, "image %s: %s is no regular file", image, file);
    if (p != PART_DISK && (uint64_t)ret->st_size > KERNEL_MAX)
        return err_set(e, ERR_TOO_BIG, "image %s: %s is over 512 MiB, that is no %s", image, file,
                       part_file[p]);
    return steal_fd(&fd);
}

static int open_part(struct import *m, enum part p, const char *file, struct err *e)
{
    struct stat st;

    if (!file)
        return 0;
    m->from[p] = open_file(m->image.name.s, p, file, &st, e);
    return m->from[p] < 0 ? -1 : 0;
}

static int make_dirs(struct import *m, struct err *e)
{
    char parent[PATH_SIZE + 32];
    auto_close int dir = -1;

    snprintf(parent, sizeof parent, "%s/%s", m->c->config.state, DIR_IMAGES);
    if (dir_make_all(parent, 0700, e) < 0)
        return -1;
    dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(e, "%s", parent);
    if (dir_remove(dir, strrchr(m->tmp, '/') + 1, e) < 0)
        return -1;
    return mkdir(m->tmp, 0755) < 0 ? err_sys(e, "%s", m->tmp) : 0;
}

static int begin(struct import *m, const struct image_source *src, struct err *e)
{
    if (open_part(m, PART_DISK, src->file, e) < 0 ||
        open_part(m, PART_KERNEL, src->kernel, e) < 0 ||
        open_part(m, PART_INITRD, src->initrd, e) < 0 || make_dirs(m, e) < 0)
        return -1;
    if (!m->c->copier && !(m->c->copier = worker_new(m->c->loop, e)))
        return -1;
    return worker_post(m->c->copier, copy, copied, m, e);
}

struct import *import_find(const struct core *c, const char *image)
{
    struct import *m = c->imports;

    while (m && strcmp(m->image.name.s, image) != 0)
        m = m->next;
    return m;
}

void import_cancel(struct import *m)
{
    m->cancelled = true;
    if (m->child)
        child_kill(m->child, SIGKILL, NULL);
}

static struct import *import_new(struct core *c, const struct image *i,
                                 const struct image_source *src, core_op_fn *done, void *arg)
{
    struct import *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    *m = (struct import){ .next = c->imports,
                          .c = c,
                          .image = *i,
                          .want = src->checksum,
                          .disk = src->file != NULL,
                          .from = { -1, -1, -1 },
                          .failed = true,
                          .done = done,
                          .arg = arg };
    snprintf(m->dir, sizeof m->dir, "%s/%s/%s", c->config.state, DIR_IMAGES, i->name.s);
    snprintf(m->tmp, sizeof m->tmp, "%s/%s/.%s.new", c->config.state, DIR_IMAGES, i->name.s);
    c->imports = m;
    return m;
}

void core_image_import(struct core *c, const struct image *i, const struct image_source *src,
                       core_op_fn *done, void *arg)
{
    bool busy = import_find(c, i->name.s) != NULL;
    struct import *m = busy ? NULL : import_new(c, i, src, done, arg);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (busy)
        err_set(&e, ERR_BUSY, "image %s is just being made; roost task list", i->name.s);
    if (!m)
        done(NULL, &e, arg);
    else if (begin(m, src, &e) < 0)
        end(m, NULL, &e);
}

/* ---- what can be said before ---- */

static int check_disk(const char *image, const struct image_source *src, bool *ret_marked,
                      struct err *e)
{
    static char head[DISK_HEAD_SIZE]; /* the loop is one thread */
    const struct disk_kind *kind;
    struct stat st;
    auto_close int fd = open_file(image, PART_DISK, src->file, &st, e);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);

    if (fd < 0)
        return -1;
    if (n < 0)
        return err_sys(e, "image %s: %s", image, src->file);
    if (disk_head_check(head, (size_t)n, (uint64_t)st.st_size, ret_marked, e) < 0 ||
        disk_kind_of(head, (size_t)n, &kind, e) < 0)
        return err_wrap(e, "image %s: %s", image, src->file);
    return 0;
}

int core_image_check(const char *image, const struct image_source *src, bool *ret_bootable,
                     struct err *e)
{
    const char *const files[PARTS] = { [PART_KERNEL] = src->kernel, [PART_INITRD] = src->initrd };
    bool marked = true;
    struct stat st;

    if (src->file && check_disk(image, src, &marked, e) < 0)
        return -1;
    for (int p = 0; p < PARTS; p++) {
        auto_close int fd = files[p] ? open_file(image, p, files[p], &st, e) : -1;
        if (files[p] && fd < 0)
            return -1;
    }
    *ret_bootable = marked || src->kernel;
    return 0;
}

/* ---- the end of core ---- */

void imports_cancel(struct core *c)
{
    for (struct import *m = c->imports; m; m = m->next)
        import_cancel(m);
}

void imports_free(struct core *c)
{
    struct err e;

    err_set(&e, ERR_BUSY, "roost is stopping");
    while (c->imports)
        end(c->imports, NULL, &e);
}

/* ---- has it changed? ---- */

static void stamp(struct buf *b, const char *file)
{
    struct stat st;

    if (!file)
        buf_puts(b, "-\n");
    else if (stat(file, &st) < 0)
        buf_printf(b, "%s ?\n", file);
    else
        buf_printf(b, "%s %llu %llu %lld.%09ld\n", file, (unsigned long long)st.st_ino,
                   (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec,
                   st.st_mtim.tv_nsec);
}

void core_image_stamp(const struct image_source *src, char hex[65])
{
    auto_buf struct buf b = BUF_INIT;
    uint8_t digest[SHA256_SIZE];

    stamp(&b, src->file);
    stamp(&b, src->kernel);
    stamp(&b, src->initrd);
    buf_puts(&b, src->checksum.hex);
    sha256(buf_str(&b), b.len, digest);
    hex_encode(digest, sizeof digest, hex);
}

const char *core_image_missing(const struct image_source *src)
{
    const char *const files[] = { src->file, src->kernel, src->initrd };
    struct stat st;

    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        if (files[i] && stat(files[i], &st) < 0 && errno == ENOENT)
            return files[i];
    return NULL;
}
