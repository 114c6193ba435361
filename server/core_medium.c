/* What is in a guest's CD-ROM drive: changed on record, and over QMP in the guest that runs. roostd
 * opens the image; its descriptor goes on to QEMU as an fd set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bootstrap/qemu.h"
#include "server/core_machine.h"

struct medium {
    struct medium *next;
    struct core *c;
    int64_t id;
    struct name name;
    char iso[MEDIA_FILE_MAX + 1]; /* "": it is ejected */
    bool force, live;
    uint32_t request; /* of MEDIUM_GET; 0: none is on its way */
    json_int_t fdset; /* -1: none */
    char actor[64];
    core_op_fn *done;
    void *arg;
};

/* ---- the end ---- */

static void unlink_medium(struct medium *o)
{
    struct medium **at;

    for (at = &o->c->mediums; *at != o; at = &(*at)->next)
        ;
    *at = o->next;
}

static void finish(struct medium *o, const struct err *err)
{
    const char *in = o->iso[0] ? o->iso : "empty";
    json_t *result =
        json_pack("{s:s, s:s, s:b}", "instance", o->name.s, "cdrom", in, "live", o->live);

    unlink_medium(o);
    o->done(err ? NULL : result, err, o->arg);
    json_decref(result);
    free(o);
}

void mediums_end(struct core *c, int64_t id, const struct err *why)
{
    for (struct medium *o = c->mediums, *next; o; o = next) {
        next = o->next;
        if (o->id == id)
            finish(o, why);
    }
}

static int write_down(struct medium *o, struct err *e)
{
    struct core *c = o->c;
    struct instance i = { 0 };
    struct guest g;
    int r = -1;

    if (core_write(c, true, e) == 0 && store_instance_get(c->store, o->id, &i, e) == 0) {
        snprintf(i.spec.media.iso, sizeof i.spec.media.iso, "%s", o->iso);
        if (store_instance_set_spec(c->store, o->id, &i.spec, e) == 0 &&
            store_guest_by_id(c->store, o->id, &g, e) == 0 &&
            core_event(c, &g, EV_CHANGED, o->actor, e,
                       o->iso[0] ? "CD-ROM %s is inserted" : "the CD-ROM is ejected%s",
                       o->iso) == 0)
            r = core_guest_save(c, &g, e);
    }
    instance_done(&i);
    return r;
}

/* The operation may be gone with its machine, so its commit is waited for on the side. */
static void committed_cb(bool committed, void *arg)
{
    struct medium *o = arg;
    struct err e;

    err_set(&e, ERR_IO, "instance %s: what is in its CD-ROM drive could not be recorded",
            o->name.s);
    finish(o, committed ? NULL : &e);
}

static void succeed(struct medium *o)
{
    struct err e;

    if (write_down(o, &e) < 0 || core_after(o->c, committed_cb, o, &e) < 0) {
        finish(o, &e);
        return;
    }
    o->id = 0; /* no end of a machine ends it any more */
}

/* ---- QMP ---- */

/* What people can do about what QEMU says. */
static void explain(const struct medium *o, struct err *e)
{
    if (strstr(e->text, "not found"))
        err_set(e, ERR_CONFLICT,
                "instance %s runs without a CD-ROM drive: it has one from its next start on",
                o->name.s);
    else if (strstr(e->text, "is locked"))
        err_set(e, ERR_CONFLICT,
                "instance %s holds the CD-ROM: unmount it in the guest and try again, or say "
                "--force",
                o->name.s);
    else
        err_wrap(e, "instance %s: CD-ROM", o->name.s);
}

static struct machine *machine_of(const struct medium *o)
{
    struct machine *m = machine_find(o->c, o->id);

    return m && m->qmp_ready && m->qmp ? m : NULL;
}

static int tell(struct medium *o, const char *command, json_t *args, int fd, qmp_reply_fn *reply)
{
    struct machine *m = machine_of(o);
    struct err e = { 0 };
    int r = -1;

    if (!m)
        err_set(&e, ERR_CONFLICT, "instance %s has just ended", o->name.s);
    else if (fd >= 0)
        r = qmp_command_fd(m->qmp, command, args, fd, reply, o, &e);
    else
        r = qmp_command(m->qmp, command, args, reply, o, &e);
    if (!m)
        json_decref(args);
    if (r < 0)
        finish(o, &e);
    return r;
}

static void tidied(const json_t *ret, const struct err *err, void *arg)
{
    (void)ret, (void)err; /* QEMU refuses where it is long done */
    succeed(arg);
}

/* The image that it was launched with is let go, before anybody is told that it was. */
static void tidy(struct medium *o)
{
    static const char *const nodes[] = { "cdrom", "cdrom-file" };
    struct machine *m = machine_of(o);

    for (size_t i = 0; m && i < ARRAY_SIZE(nodes); i++)
        (void)qmp_command(m->qmp, "blockdev-del", json_pack("{s:s}", "node-name", nodes[i]), NULL,
                          NULL, NULL);
    if (!m || qmp_command(m->qmp, "remove-fd", json_pack("{s:i}", "fdset-id", (int)QEMU_CDROM),
                          tidied, o, NULL) < 0)
        succeed(o);
}

static void ended(struct medium *o, const struct err *err)
{
    struct err e = err ? *err : (struct err){ 0 };

    if (err) {
        explain(o, &e);
        finish(o, &e);
        return;
    }
    tidy(o);
}

static void ejected(const json_t *ret, const struct err *err, void *arg)
{
    (void)ret;
    ended(arg, err);
}

/* QEMU has a descriptor of its own by now, or will never have one. */
static void changed(const json_t *ret, const struct err *err, void *arg)
{
    struct medium *o = arg;
    struct machine *m = machine_of(o);

    (void)ret;
    if (m)
        (void)qmp_command(m->qmp, "remove-fd", json_pack("{s:I}", "fdset-id", o->fdset), NULL, NULL,
                          NULL);
    ended(o, err);
}

static void fd_added(const json_t *ret, const struct err *err, void *arg)
{
    struct medium *o = arg;
    char file[48];

    if (err) {
        ended(o, err);
        return;
    }
    o->fdset = json_integer_value(json_object_get(ret, "fdset-id"));
    snprintf(file, sizeof file, "/dev/fdset/%lld", (long long)o->fdset);
    tell(o, "blockdev-change-medium",
         json_pack("{s:s, s:s, s:s, s:s, s:b}", "id", QEMU_CDROM_ID, "filename", file, "format",
                   "raw", "read-only-mode", "read-only", "force", o->force),
         -1, changed);
}

void medium_opened(struct core *c, uint32_t request, const struct error_msg *v, int fd)
{
    struct medium *o = c->mediums;
    struct err e;

    while (o && o->request != request)
        o = o->next;
    if (!o) /* its guest has ended meanwhile */
        return;
    o->request = 0;
    if (v->kind != ERR_NONE) {
        err_set(&e, (enum err_kind)v->kind, "instance %s: %s", o->name.s, v->text);
        finish(o, &e);
        return;
    }
    tell(o, "add-fd", NULL, fd, fd_added);
}

static int open_medium(struct medium *o, struct err *e)
{
    struct medium_get v = { .instance = o->name };
    auto_buf struct buf b = BUF_INIT;

    memcpy(v.iso, o->iso, sizeof v.iso);
    o->request = chan_next_id(o->c->roostd);
    medium_get_encode(&v, &b);
    return proto_send(o->c->roostd, P_MEDIUM_GET, o->request, &b, NULL, 0, e);
}

/* ---- the wish ---- */

static int may_change(struct core *c, const struct guest *g, struct err *e)
{
    struct machine *m = machine_find(c, g->id);
    struct instance i = { 0 };
    int r = store_instance_get(c->store, g->id, &i, e);
    bool drive = r == 0 && i.spec.media.cdrom;

    instance_done(&i);
    if (r < 0)
        return -1;
    if (g->launcher != LAUNCHER_ROOST)
        return err_set(e, ERR_CONFLICT,
                       "instance %s was not launched by roost (launcher: external): its CD-ROM is "
                       "changed where it runs, such as by virsh change-media or qm set",
                       g->name.s);
    if (!drive)
        return err_set(e, ERR_CONFLICT,
                       "instance %s has no CD-ROM drive: roost instance modify %s --cdrom empty "
                       "gives it one from its next start on",
                       g->name.s, g->name.s);
    if (m && (m->state != MACHINE_RUNNING || !m->qmp_ready))
        return err_set(e, ERR_BUSY, "instance %s is just being started or ended; try again",
                       g->name.s);
    for (const struct medium *o = c->mediums; o; o = o->next)
        if (o->id == g->id)
            return err_set(e, ERR_BUSY, "instance %s: its CD-ROM is just being changed; try again",
                           g->name.s);
    return 0;
}

static int begin(struct medium *o, struct err *e)
{
    if (!o->live) {
        succeed(o);
        return 0;
    }
    if (o->iso[0])
        return open_medium(o, e);
    tell(o, "eject", json_pack("{s:s, s:b}", "id", QEMU_CDROM_ID, "force", o->force), -1, ejected);
    return 0;
}

void core_medium(struct core *c, const char *name, const char *iso, bool force,
                 const struct actor *who, core_op_fn *done, void *arg)
{
    struct medium *o = NULL;
    struct guest g;
    struct err e;

    if (core_guest(c, name, &g, &e) < 0 || (*iso && media_file_check(iso, &e) < 0) ||
        may_change(c, &g, &e) < 0) {
        done(NULL, &e, arg);
        return;
    }
    if (!(o = calloc(1, sizeof *o))) {
        err_set(&e, ERR_INTERNAL, "out of memory");
        done(NULL, &e, arg);
        return;
    }
    *o = (struct medium){ .next = c->mediums,
                          .c = c,
                          .id = g.id,
                          .name = g.name,
                          .force = force,
                          .live = machine_find(c, g.id) != NULL,
                          .fdset = -1,
                          .done = done,
                          .arg = arg };
    snprintf(o->iso, sizeof o->iso, "%s", iso);
    snprintf(o->actor, sizeof o->actor, "%s", who->text);
    c->mediums = o;
    if (begin(o, &e) < 0)
        finish(o, &e);
}
