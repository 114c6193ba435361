/* The files of images: copied into the state directory (so that they cannot change below their
 * overlays), checked, looked at by content. Copying and hashing run in the worker. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "bootstrap/disk.h"
#include "bootstrap/disk_head.h"
#include "server/core_priv.h"

#define QEMU_IMG_LIMIT_MS 60000
#define QEMU_IMG_MEMORY   (2ull << 30)
#define KERNEL_MAX        (512ull << 20)

enum part { PART_DISK, PART_KERNEL, PART_INITRD, PARTS };
static const char *const part_file[PARTS] = { FILE_IMAGE_DISK, FILE_IMAGE_KERNEL,
                                              FILE_IMAGE_INITRD };

struct import {
    struct import *next; /* of those under way */
    struct core *c;
    struct image image;
    char want_sha256[65];
    int from[PARTS];
    char tmp[PATH_SIZE + 128], dir[PATH_SIZE + 128];
    bool failed; /* until it is copied */
    struct err err;
    atomic_bool cancelled;
    struct child *info; /* qemu-img looks at it */
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
    child_forget(m->info);
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

/* ---- step 3: it is whole; put it in place ---- */

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

/* ---- step 2: what is the disk, by content ---- */

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

static void looked_at(const struct spawn_exit *x, void *arg)
{
    struct import *m = arg;
    struct err e;

    m->info = NULL;
    if (judge(m, x, &e) < 0) {
        err_wrap(&e, "image %s", m->image.name.s);
        end(m, NULL, &e);
        return;
    }
    put_in_place(m);
}

static void copied(void *arg)
{
    struct import *m = arg;
    struct core *c = m->c;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    char file[PATH_SIZE + 160];
    struct err e;

    if (c->ending)
        return; /* imports_free() tells */
    if (m->failed) {
        end(m, NULL, &m->err);
        return;
    }
    if (m->from[PART_DISK] < 0) {
        m->image.format = DISK_NONE;
        put_in_place(m);
        return;
    }
    snprintf(file, sizeof file, "%s/%s", m->tmp, FILE_IMAGE_DISK);
    disk_info_argv(c->config.qemu_img[0] ? c->config.qemu_img : "qemu-img", file, &a);
    o.capture = true;
    o.limit_ms = QEMU_IMG_LIMIT_MS;
    o.max_memory = QEMU_IMG_MEMORY;
    if (!(m->info = child_spawn(c->loop, &a, &o, looked_at, m, &e))) {
        if (e.kind == ERR_NOT_FOUND)
            err_set(&e, ERR_NOT_FOUND, "qemu-img is missing: apt install qemu-utils");
        end(m, NULL, &e);
    }
}

/* ---- step 1: copy, in a worker of its own ---- */

static int hash_file(struct import *m, int fd, char hex[65], struct err *e)
{
    struct sha256_stream *s = sha256_new();
    uint8_t digest[SHA256_SIZE];
    static char chunk[1 << 20]; /* the worker is one thread */
    off_t at = 0;
    ssize_t n = 0;

    if (!s)
        return err_set(e, ERR_INTERNAL, "out of memory");
    while (!m->cancelled && (n = pread(fd, chunk, sizeof chunk, at)) > 0) {
        sha256_update(s, chunk, n);
        at += n;
    }
    sha256_final(s, digest);
    if (n < 0)
        return err_sys(e, "read");
    hex_encode(digest, sizeof digest, hex);
    return 0;
}

static int copy_part(struct import *m, enum part p, struct err *e)
{
    char path[PATH_SIZE + 160];
    auto_close int to = -1;

    snprintf(path, sizeof path, "%s/%s", m->tmp, part_file[p]);
    to = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return err_sys(e, "%s", path);
    if (file_copy_until(m->from[p], to, &m->cancelled, e) < 0)
        return err_wrap(e, "%s", path);
    if (p == PART_DISK && hash_file(m, to, m->image.sha256, e) < 0)
        return err_wrap(e, "%s", path);
    /* Base images never change: nobody, QEMU included, opens them for writing. */
    return fchmod(to, 0444) < 0 ? err_sys(e, "%s", path) : 0;
}

static void copy(void *arg)
{
    struct import *m = arg;
    auto_close int dir = -1;

    for (int p = 0; p < PARTS; p++)
        if (m->cancelled || (m->from[p] >= 0 && copy_part(m, p, &m->err) < 0))
            return;
    if (m->want_sha256[0] && strcmp(m->want_sha256, m->image.sha256)) {
        err_set(&m->err, ERR_INVALID, "image %s: checksum is sha256:%s, expected sha256:%s",
                m->image.name.s, m->image.sha256, m->want_sha256);
        return;
    }
    dir = open(m->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        err_sys(&m->err, "%s", m->tmp);
    else if (m->cancelled)
        err_set(&m->err, ERR_BUSY, "roost is stopping");
    else if (dir_sync(dir, &m->err) == 0)
        m->failed = false;
}

/* ---- begin ---- */

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

static int begin(struct import *m, const struct image_source *src, struct err *e)
{
    char parent[PATH_SIZE + 32];
    auto_close int dir = -1;

    snprintf(parent, sizeof parent, "%s/%s", m->c->config.state, DIR_IMAGES);
    snprintf(m->dir, sizeof m->dir, "%s/%s", parent, m->image.name.s);
    snprintf(m->tmp, sizeof m->tmp, "%s/.%s.new", parent, m->image.name.s);
    if (open_part(m, PART_DISK, src->file, e) < 0 ||
        open_part(m, PART_KERNEL, src->kernel, e) < 0 ||
        open_part(m, PART_INITRD, src->initrd, e) < 0)
        return -1;
    if (dir_make_all(parent, 0700, e) < 0)
        return -1;
    dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(e, "%s", parent);
    if (dir_remove(dir, strrchr(m->tmp, '/') + 1, e) < 0)
        return -1;
    if (mkdir(m->tmp, 0755) < 0)
        return err_sys(e, "%s", m->tmp);
    if (!m->c->copier && !(m->c->copier = worker_new(m->c->loop, e)))
        return -1;
    return worker_post(m->c->copier, copy, copied, m, e);
}

void core_image_import(struct core *c, const struct image *i, const struct image_source *src,
                       core_op_fn *done, void *arg)
{
    struct import *m = calloc(1, sizeof *m);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (!m) {
        done(NULL, &e, arg);
        return;
    }
    *m = (struct import){ .next = c->imports,
                          .c = c,
                          .image = *i,
                          .from = { -1, -1, -1 },
                          .failed = true,
                          .done = done,
                          .arg = arg };
    c->imports = m;
    snprintf(m->want_sha256, sizeof m->want_sha256, "%s", src->sha256);
    if (begin(m, src, &e) < 0)
        end(m, NULL, &e);
}

/* ---- what can be said before ---- */

static int check_disk(const char *image, const struct image_source *src, bool *ret_marked,
                      struct err *e)
{
    static char head[DISK_HEAD_SIZE]; /* the loop is one thread */
    struct stat st;
    auto_close int fd = open_file(image, PART_DISK, src->file, &st, e);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);

    if (fd < 0)
        return -1;
    if (n < 0)
        return err_sys(e, "image %s: %s", image, src->file);
    if (disk_head_check(head, (size_t)n, (uint64_t)st.st_size, ret_marked, e) < 0)
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
        m->cancelled = true;
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
    buf_printf(&b, "%s", src->sha256);
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
