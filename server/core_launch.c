/* Starting a guest: its disk, the intent on record, then the verb to roostd. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "bootstrap/disk.h"
#include "server/core_machine.h"

#define QEMU_IMG_LIMIT_MS 60000
#define QEMU_IMG_MEMORY   (2ull << 30)

/* ---- the values of the verb ---- */

static int fill_image(struct core *c, const struct instance *i, struct launch *l, struct err *e)
{
    struct image image;

    if (core_image(c, i->spec.image.s, &image, e) < 0)
        return -1;
    if (image.min_memory > i->spec.memory)
        return err_set(e, ERR_INVALID, "image %s needs at least %llu MiB of memory", image.name.s,
                       (unsigned long long)(image.min_memory >> 20));
    l->image = image.name;
    l->arch = image.arch;
    l->firmware = i->spec.firmware_set ? i->spec.firmware : image.firmware;
    l->image_format = image.format;
    l->has_kernel = image.has_kernel;
    l->has_initrd = image.has_initrd;
    memcpy(l->cmdline, image.cmdline, sizeof l->cmdline);
    return 0;
}

static int fill(struct core *c, const struct guest *g, const struct instance *i, struct launch *l,
                struct err *e)
{
    const struct network *n = core_network(c, i->spec.network.s);

    if (!n)
        return err_set(e, ERR_NOT_FOUND, "network %s is not defined", i->spec.network.s);
    if (fill_image(c, i, l, e) < 0)
        return -1;
    l->instance = g->name;
    l->launch_id = g->launch_id;
    l->tag = g->tag;
    l->uuid = g->uuid;
    l->mac = g->mac;
    l->seed = i->spec.bootstrapper == BOOTSTRAPPER_NET;
    if (l->seed) {
        snprintf(l->base_url, sizeof l->base_url, "%s",
                 n->advertise[0] ? n->advertise : c->base_url);
        core_token(c, TOKEN_SEED, g, &l->seed_token);
    }
    l->cpus = i->spec.cpus;
    l->memory = i->spec.memory;
    l->network_kind = n->kind;
    snprintf(l->domain, sizeof l->domain, "%s", i->spec.domain[0] ? i->spec.domain : n->domain);
    return 0;
}

int machine_launch_values(struct core *c, const struct guest *g, struct launch *ret, struct err *e)
{
    struct instance i = { 0 };
    int r;

    memset(ret, 0, sizeof *ret);
    r = store_instance_get(c->store, g->id, &i, e) < 0 ? -1 : fill(c, g, &i, ret, e);
    instance_done(&i);
    return r < 0 ? err_wrap(e, "instance %s", g->name.s) : 0;
}

/* ---- step 3: the verb, after the intent is on disk ---- */

static void fail(struct machine *m, const struct err *e)
{
    waiters_call(&m->on_start, NULL, e);
    waiters_call(&m->on_end, NULL, NULL);
    machine_free(m);
}

struct intent {
    struct core *c;
    int64_t id;
    uint64_t launch_id;
};

static void send_launch(bool committed, void *arg)
{
    struct intent *in = arg;
    struct core *c = in->c;
    struct machine *m = machine_find(c, in->id);
    auto_buf struct buf b = BUF_INIT;
    struct launch l;
    struct guest g;
    struct err e;

    if (!m || m->launch_id != in->launch_id) {
        free(in);
        return;
    }
    free(in);
    if (!committed)
        err_set(&e, ERR_IO, "instance %s: the launch could not be recorded, so it is not started",
                m->name.s);
    else if (store_guest_by_id(c->store, m->id, &g, &e) == 0 &&
             machine_launch_values(c, &g, &l, &e) == 0) {
        launch_encode(&l, &b);
        if (proto_send(c->roostd, P_LAUNCH, chan_next_id(c->roostd), &b, NULL, 0, &e) == 0)
            return;
    }
    if (committed)
        core_note(c, m->id, EV_LAUNCH_FAILED, "roost", "%s", e.text);
    fail(m, &e);
}

/* ---- step 2: the intent ---- */

static int record_size(const struct machine *m, struct err *e);

static int record_intent(struct machine *m, struct err *e)
{
    struct core *c = m->c;
    struct intent *in;
    struct guest g;

    if (core_write(c, true, e) < 0 || store_guest_by_id(c->store, m->id, &g, e) < 0)
        return -1;
    random_bytes(&g.launch_id, sizeof g.launch_id);
    g.launch_id >>= 1; /* SQLite's integers are signed */
    g.boots++;
    g.stop_wanted = 0;
    m->launch_id = g.launch_id;
    m->state = MACHINE_LAUNCHING;
    sight_boot(c, &g);
    core_invalidate(c, g.tag.s);
    if (core_event(c, &g, EV_LAUNCHING, m->actor, e, "generation %u, boot %u", g.generation,
                   g.boots) < 0 ||
        core_guest_save(c, &g, e) < 0 || record_size(m, e) < 0)
        return -1;
    if (!(in = calloc(1, sizeof *in)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    *in = (struct intent){ c, m->id, g.launch_id };
    if (core_after(c, send_launch, in, e) < 0) {
        free(in);
        return -1;
    }
    return 0;
}

static void go_on(struct machine *m)
{
    struct err e;

    if (record_intent(m, &e) < 0)
        fail(m, &e);
}

/* ---- step 1: the disk ---- */

static void disk_path(const struct machine *m, char *out, size_t size)
{
    snprintf(out, size, "%s/%s/%s/%s", m->c->config.state, DIR_INSTANCES, m->name.s, FILE_DISK);
}

/* Made under another name first: a disk that is there is whole. */
static int put_in_place(const struct machine *m, struct err *e)
{
    char path[PATH_SIZE + 160], tmp[PATH_SIZE + 164];

    disk_path(m, path, sizeof path);
    snprintf(tmp, sizeof tmp, "%s.new", path);
    return rename(tmp, path) < 0 ? err_sys(e, "%s", path) : 0;
}

static void disk_done(const struct spawn_exit *x, void *arg)
{
    struct machine *m = arg;
    char status[64];
    struct err e;
    int r;

    m->disk = NULL;
    if (x->status != 0 || x->timed_out)
        r = err_set(&e, ERR_IO, "instance %s: qemu-img: %s: %.300s", m->name.s,
                    child_status_text(x->status, x->timed_out, status), buf_str(x->err));
    else
        r = m->disk_fresh ? put_in_place(m, &e) : 0;
    if (r == 0) {
        go_on(m);
        return;
    }
    core_note(m->c, m->id, EV_LAUNCH_FAILED, "roost", "%s", e.text);
    fail(m, &e);
}

static void size_key(const struct machine *m, char out[48])
{
    snprintf(out, 48, "disk-size:%lld", (long long)m->id);
}

/* A definition that grew since the disk was made. */
static bool must_grow(const struct machine *m)
{
    char key[48], was[24] = "0";

    size_key(m, key);
    store_meta_get(m->c->store, key, was, sizeof was, NULL);
    return m->disk_size > strtoull(was, NULL, 10);
}

static int record_size(const struct machine *m, struct err *e)
{
    char key[48], text[24];

    size_key(m, key);
    snprintf(text, sizeof text, "%llu", (unsigned long long)m->disk_size);
    return store_meta_set(m->c->store, key, text, e);
}

/* 1: qemu-img is needed, *a says how; 0: the disk is as it should be. */
static int disk_argv(struct machine *m, const struct image *image, struct argv *a, struct err *e)
{
    const char *qemu_img = m->c->config.qemu_img[0] ? m->c->config.qemu_img : "qemu-img";
    char path[PATH_SIZE + 160], tmp[PATH_SIZE + 164];
    struct stat st;

    disk_path(m, path, sizeof path);
    m->disk_fresh = stat(path, &st) < 0;
    if (!m->disk_fresh && !must_grow(m))
        return 0;
    snprintf(tmp, sizeof tmp, "%s.new", path);
    if (!m->disk_fresh)
        disk_grow_argv(qemu_img, path, m->disk_size, a);
    else if (disk_overlay_argv(qemu_img, tmp, &image->name, image->format, image->virtual_size,
                               m->disk_size, a, e) < 0)
        return -1;
    return 1;
}

/* 1: being made, disk_done() goes on; 0: nothing to make. */
static int make_disk(struct machine *m, const struct instance *i, struct err *e)
{
    struct core *c = m->c;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    char dir[PATH_SIZE + 128];
    struct image image;
    int r;

    if (!i->spec.image.s[0])
        return err_set(e, ERR_INVALID, "instance %s has no image", i->name.s);
    snprintf(dir, sizeof dir, "%s/%s/%s", c->config.state, DIR_INSTANCES, m->name.s);
    m->disk_size = i->spec.disk;
    if (core_image(c, i->spec.image.s, &image, e) < 0 || dir_make_all(dir, 0700, e) < 0)
        return -1;
    if (image.format == DISK_NONE || (r = disk_argv(m, &image, &a, e)) == 0)
        return 0;
    if (r < 0)
        return -1;
    o.capture = true;
    o.limit_ms = QEMU_IMG_LIMIT_MS;
    o.max_memory = QEMU_IMG_MEMORY;
    if (!(m->disk = child_spawn(c->loop, &a, &o, disk_done, m, e)))
        return e->kind == ERR_NOT_FOUND
                   ? err_set(e, ERR_NOT_FOUND, "qemu-img is missing: apt install qemu-utils")
                   : -1;
    return 1;
}

/* ---- the wish ---- */

static int may_start(struct core *c, const struct guest *g, struct err *e)
{
    struct machine *m = machine_find(c, g->id);

    if (g->launcher != LAUNCHER_ROOST)
        return err_set(e, ERR_CONFLICT, "instance %s is launched by somebody else (launcher: external)",
                       g->name.s);
    if (!c->config.launch)
        return err_set(e, ERR_DENIED, "this roost launches no guests ([launch] enabled = no)");
    if (m)
        return err_set(e, ERR_CONFLICT, "instance %s is %s already", g->name.s,
                       m->state == MACHINE_RUNNING ? "running" : "being started");
    if (c->accel_known && !c->accel.qemu_version[0])
        return err_set(e, ERR_NOT_FOUND, "%s", c->accel.reason);
    if (c->n_machines >= c->config.max_guests)
        return err_set(e, ERR_BUSY, "%u guests run already ([launch] max-guests)",
                       c->config.max_guests);
    return 0;
}

static int start(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                 void *arg, struct err *e)
{
    struct instance i = { 0 };
    struct machine *m;
    struct guest g;
    int r;

    if (core_guest(c, name, &g, e) < 0 || may_start(c, &g, e) < 0 ||
        store_instance_get(c->store, g.id, &i, e) < 0)
        return -1;
    if (!(m = machine_new(c, &g, e)) || waiter_add(&m->on_start, done, arg, e) < 0) {
        if (m)
            machine_free(m);
        instance_done(&i);
        return -1;
    }
    snprintf(m->actor, sizeof m->actor, "%s", who->text);
    r = make_disk(m, &i, e);
    instance_done(&i);
    if (r == 0 && record_intent(m, e) < 0)
        r = -1;
    if (r < 0) {
        free(steal_ptr(m->on_start)); /* the caller tells */
        machine_free(m);
    }
    return r < 0 ? -1 : 0;
}

void core_start(struct core *c, const char *name, const struct actor *who, core_op_fn *done, void *arg)
{
    struct err e;

    if (start(c, name, who, done, arg, &e) < 0)
        done(NULL, &e, arg);
}

/* ---- autostart ---- */

static void autostarted(const json_t *result, const struct err *err, void *arg)
{
    (void)result, (void)arg;
    if (err)
        log_error("autostart: %s", err->text);
}

struct autostart {
    struct core *c;
    struct name *names;
    size_t n, size;
};

static int wants_autostart(const struct guest *g, void *arg)
{
    struct autostart *a = arg;
    struct instance i = { 0 };
    bool wanted = false;

    if (g->launcher == LAUNCHER_ROOST && store_instance_get(a->c->store, g->id, &i, NULL) == 0)
        wanted = i.spec.autostart;
    instance_done(&i);
    if (!wanted)
        return 0;
    if (a->n == a->size) {
        size_t size = a->size ? 2 * a->size : 16;
        struct name *names = reallocarray(a->names, size, sizeof *names);
        if (!names)
            return 0;
        a->names = names;
        a->size = size;
    }
    a->names[a->n++] = g->name;
    return 0;
}

/* Once per boot of the host: a restart of roost must not start what somebody stopped. */
void machines_autostart(struct core *c)
{
    static const struct actor who = { "autostart" };
    struct autostart a = { .c = c };
    char was[64] = "";
    struct err e;

    store_meta_get(c->store, "boot-id", was, sizeof was, NULL);
    if (!c->config.launch || !strcmp(was, clock_boot_id()))
        return;
    if (core_write(c, true, &e) < 0 ||
        store_meta_set(c->store, "boot-id", clock_boot_id(), &e) < 0 ||
        store_guests_in(c->store, 1u << PHASE_DEFINED | 1u << PHASE_STOPPED | 1u << PHASE_FAILED,
                        wants_autostart, &a, &e) < 0)
        core_fault(c, "autostart: %s", e.text);
    for (size_t i = 0; i < a.n; i++)
        core_start(c, a.names[i].s, &who, autostarted, NULL);
    free(a.names);
}
