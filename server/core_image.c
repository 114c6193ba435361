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
#include "server/core_fetch.h"
#include "server/core_qemu_img.h"
#include "server/core_task.h"

#define FILE_SOURCE "source" /* the disk as it came */

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
    struct task *task;   /* NULL: nobody follows it */
    struct fetch *fetch; /* it is downloaded, into */
    int to;
    bool packed;         /* and unpacked on the way */
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
    fetch_free(m->fetch);
    if (m->to >= 0)
        close(m->to);
    for (int p = 0; p < PARTS; p++)
        if (m->from[p] >= 0)
            close(m->from[p]);
    free(m);
}

static void step(struct import *m, const char *what)
{
    if (m->task)
        task_progress(m->task, what, 0, 0);
}

/* What was downloaded until core ended is what the next one goes on with. */
static void end(struct import *m, const json_t *result, const struct err *err)
{
    char parent[PATH_SIZE + 32];
    auto_close int dir = -1;

    if (err && !(m->c->ending && m->fetch)) {
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
    disk_info_argv(qemu_img(m->c), format, file, &a);
    m->child = qemu_img_start(m->c, &a, QEMU_IMG_QUICK_MS, 0, looked_at, m, &e);
    if (!m->child)
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
    disk_convert_argv(qemu_img(m->c), m->kind->qemu, from, to, &a);
    m->child = qemu_img_start(m->c, &a, QEMU_IMG_CONVERT_MS, 0, converted, m, &e);
    if (!m->child)
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
        step(m, "converting");
        convert(m);
    } else {
        look(m);
    }
}

/* ---- step 1: begin ---- */

static int open_part(struct import *m, enum part p, const char *file, struct err *e)
{
    struct stat st;

    if (!file)
        return 0;
    m->from[p] = image_file_open(m->image.name.s, p == PART_DISK, file, &st, e);
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

static int copier(struct core *c, struct err *e)
{
    return c->copier || (c->copier = worker_new(c->loop, e)) ? 0 : -1;
}

/* ---- step 1, of what comes from elsewhere ---- */

static void fetch_progress(const char *what, uint64_t bytes, uint64_t total, void *arg)
{
    struct import *m = arg;

    if (m->task)
        task_progress(m->task, what, bytes, total);
}

static void fetch_note(const char *word, const char *value, void *arg)
{
    struct import *m = arg;

    if (strcmp(word, "packed") == 0)
        m->packed = strcmp(value, "no") != 0;
    if (m->task && task_job(m->task))
        task_note(m->task, word, json_string(value));
}

static void fetched(const struct checksum *sum, const struct err *err, void *arg)
{
    struct import *m = arg;
    struct err e;

    m->fetch = NULL;
    close(steal_fd(&m->to));
    if (err) {
        e = *err;
        refuse(m, &e);
        return;
    }
    /* What was not unpacked is digested once more, as it lies there. */
    if (m->packed)
        m->want = (struct checksum){ .hex = "" };
    else if (!*m->want.hex)
        m->want = *sum;
    step(m, "checking");
    if (worker_post(m->c->copier, copy, copied, m, &e) < 0)
        refuse(m, &e);
}

/* How much of the file an earlier core's roost-fetch has left, as it came: 0 where that is not so.
 */
static uint64_t left_there(const struct import *m)
{
    const json_t *job = m->task ? task_job(m->task) : NULL;
    const char *packed = json_string_value(json_object_get(job, "packed"));
    char path[PATH_SIZE + 160];
    struct stat st;

    part_path(m, FILE_SOURCE, path);
    if (!packed || strcmp(packed, "no") != 0 || stat(path, &st) < 0)
        return 0;
    return (uint64_t)st.st_size;
}

static int begin_fetch(struct import *m, const struct image_source *src, struct err *e)
{
    static const struct fetch_events events = { fetch_progress, fetch_note, fetched };
    const json_t *job = m->task ? task_job(m->task) : NULL;
    const char *validator = json_string_value(json_object_get(job, "validator"));
    uint64_t there = left_there(m);
    char path[PATH_SIZE + 160];

    m->disk = true;
    part_path(m, FILE_SOURCE, path);
    if ((!there && make_dirs(m, e) < 0) || copier(m->c, e) < 0)
        return -1;
    m->to = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (m->to < 0)
        return err_sys(e, "%s", path);
    m->fetch = fetch_begin(m->c, src, m->to, there, validator, &events, m, e);
    return m->fetch ? 0 : -1;
}

static int begin(struct import *m, const struct image_source *src, struct err *e)
{
    if (open_part(m, PART_DISK, src->file, e) < 0 ||
        open_part(m, PART_KERNEL, src->kernel, e) < 0 ||
        open_part(m, PART_INITRD, src->initrd, e) < 0)
        return -1;
    if (src->url)
        return begin_fetch(m, src, e);
    if (make_dirs(m, e) < 0 || copier(m->c, e) < 0)
        return -1;
    step(m, "copying");
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
    if (m->fetch)
        fetch_cancel(m->fetch);
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
                          .to = -1,
                          .failed = true,
                          .done = done,
                          .arg = arg };
    snprintf(m->dir, sizeof m->dir, "%s/%s/%s", c->config.state, DIR_IMAGES, i->name.s);
    snprintf(m->tmp, sizeof m->tmp, "%s/%s/.%s.new", c->config.state, DIR_IMAGES, i->name.s);
    c->imports = m;
    return m;
}

void core_image_import(struct core *c, const struct image *i, const struct image_source *src,
                       struct task *task, core_op_fn *done, void *arg)
{
    bool busy = import_find(c, i->name.s) != NULL;
    struct import *m = busy ? NULL : import_new(c, i, src, done, arg);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (busy)
        err_set(&e, ERR_BUSY, "image %s is just being made; roost task list", i->name.s);
    if (!m) {
        done(NULL, &e, arg);
        return;
    }
    m->task = task;
    if (begin(m, src, &e) < 0)
        refuse(m, &e);
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
