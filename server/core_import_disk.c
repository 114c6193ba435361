/* The steps behind the copier's: what qemu-img says of a disk, and what it makes of one in another
 * format. */

#include "bootstrap/disk.h"
#include "server/core_import.h"
#include "server/core_qemu_img.h"

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

    m->child = NULL;
    if (judge(m, x, &e) < 0)
        import_refuse(m, &e);
    else
        import_put_in_place(m);
}

void import_look(struct import *m)
{
    auto_argv struct argv a = ARGV_INIT;
    char file[IMPORT_PATH];
    const char *format = m->kind->format == DISK_RAW ? "raw" : "qcow2";
    struct err e;

    import_path(m, FILE_IMAGE_DISK, file);
    disk_info_argv(qemu_img(m->c), format, file, &a);
    m->child = qemu_img_start(m->c, &a, QEMU_IMG_QUICK_MS, 0, looked_at, m, &e);
    if (!m->child)
        import_refuse(m, &e);
}

/* ---- what is neither qcow2 nor raw is converted ---- */

static void settle(void *arg)
{
    struct import *m = arg;

    m->failed = import_settle(m, &m->err) < 0;
}

static void settled(void *arg)
{
    struct import *m = arg;

    if (m->c->ending)
        return; /* imports_free() tells */
    if (m->failed)
        import_refuse(m, &m->err);
    else
        import_look(m);
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
    import_refuse(m, &e);
}

void import_convert(struct import *m)
{
    auto_argv struct argv a = ARGV_INIT;
    char from[IMPORT_PATH], to[IMPORT_PATH];
    struct err e;

    import_path(m, FILE_SOURCE, from);
    import_path(m, FILE_IMAGE_DISK, to);
    disk_convert_argv(qemu_img(m->c), m->kind->qemu, from, to, &a);
    m->child = qemu_img_start(m->c, &a, QEMU_IMG_CONVERT_MS, 0, converted, m, &e);
    if (!m->child)
        import_refuse(m, &e);
}

/* ---- what was brought in ---- */

static void copy(void *arg)
{
    struct import *m = arg;

    m->failed = import_bring(m, &m->err) < 0;
}

static void copied(void *arg)
{
    struct import *m = arg;

    if (m->c->ending)
        return; /* imports_free() tells */
    if (m->failed) {
        import_refuse(m, &m->err);
    } else if (!m->disk) {
        m->image.format = DISK_NONE;
        import_put_in_place(m);
    } else if (m->kind->format == DISK_NONE) {
        import_step(m, "converting");
        import_convert(m);
    } else {
        import_look(m);
    }
}

int import_copy(struct import *m, struct err *e)
{
    return worker_post(m->c->copier, copy, copied, m, e);
}
