#include "server/guests.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "bootstrap/firmware.h"
#include "server/guests_priv.h"
#include "server/nets.h"
#include "server/powers.h"

#define FD_FIRST   10 /* QEMU's descriptors are FD_FIRST + role */
#define TICK_MS    10000
#define TCG_TB_MIB 256

/* --- the list ------------------------------------------------------------------------------ */

struct running *running_find(const struct guests *g, const struct name *instance)
{
    struct running *r;

    TAILQ_FOREACH(r, &g->running, order)
    {
        if (strcmp(r->instance.s, instance->s) == 0)
            return r;
    }
    return NULL;
}

struct running *running_new(struct guests *g, const struct name *instance, uint64_t launch_id)
{
    struct running *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->guests = g;
    r->instance = *instance;
    r->launch_id = launch_id;
    r->pidfd = r->log = -1;
    TAILQ_INSERT_TAIL(&g->running, r, order);
    g->n_running++;
    if (!loop_timer_armed(g->tick))
        loop_timer_set(g->tick, TICK_MS);
    return r;
}

void running_free(struct running *r)
{
    TAILQ_REMOVE(&r->guests->running, r, order);
    r->guests->n_running--;
    child_forget(r->child);
    loop_fd_free(r->watch);
    if (r->pidfd >= 0)
        close(r->pidfd);
    if (r->log >= 0)
        close(r->log);
    free(r);
}

void running_send(struct guests *g, enum proto_type t, uint32_t id, const struct running *r)
{
    struct launched m = { .instance = r->instance,
                          .launch_id = r->launch_id,
                          .pid = (uint32_t)r->pid,
                          .accel = r->accel };

    launched_encode(&m, &g->out);
    g->send(t, id, &g->out, g->arg);
}

static void send_error(struct guests *g, enum proto_type t, uint32_t id, const struct launch *l,
                       const struct err *err)
{
    struct error_msg m = { .instance = l->instance, .launch_id = l->launch_id, .kind = err->kind };

    memcpy(m.text, err->text, sizeof(m.text));
    error_msg_encode(&m, &g->out);
    g->send(t, id, &g->out, g->arg);
}

/* --- ends ---------------------------------------------------------------------------------- */

void running_ended(struct running *r, bool known, int status)
{
    struct guests *g = r->guests;
    struct exited m = {
        .instance = r->instance, .launch_id = r->launch_id, .status_known = known, .status = status
    };
    char text[64];

    guest_sockets_remove(g, &r->instance);
    guest_log_tail(r->log, m.tail, sizeof(m.tail));
    log_of(LOG_INFO_, r->instance.s, "qemu %d ended%s%s", (int)r->pid, known ? ": " : "",
           known ? child_status_text(status, false, text) : "");
    exited_encode(&m, &g->out);
    g->send(P_EXITED, 0, &g->out, g->arg);
    running_free(r);
}

static void child_done(const struct spawn_exit *x, void *arg)
{
    struct running *r = arg;

    running_ended(r, true, x->status);
}

/* Guests make QEMU complain; it must not fill the disk. The descriptor appends, so that a cut file
 * goes on at its new end. */
static void tick_cb(void *arg)
{
    struct guests *g = arg;
    struct running *r;
    struct stat st;

    TAILQ_FOREACH(r, &g->running, order)
    {
        if (r->log >= 0 && fstat(r->log, &st) == 0 &&
            (uint64_t)st.st_size > g->config->console_cap && ftruncate(r->log, 0) == 0)
            log_of(LOG_WARN_, r->instance.s, "%s was over its cap and was cut", FILE_QEMU_LOG);
    }
    if (g->n_running)
        loop_timer_set(g->tick, TICK_MS);
}

/* --- launch -------------------------------------------------------------------------------- */

/* KVM runs code of the host's own architecture alone. */
static enum accel accel_for(const struct guests *g, enum arch a)
{
    return a == arch_native() ? g->accel.accel : ACCEL_TCG;
}

static int render(const struct guests *g, const struct launch *l, const struct guest_files *f,
                  struct argv *out, struct err *e)
{
    char qmp[PATH_SIZE], console[PATH_SIZE], vnc[PATH_SIZE];
    struct qemu_place p;

    qemu_place_init(&p);
    p.binary = config_qemu(g->config, l->arch);
    p.accel = accel_for(g, l->arch);
    for (int i = 0; i < QEMU_FILES; i++)
        p.fd[i] = f->fd[i] < 0 ? -1 : FD_FIRST + i;
    layout_socket(g->config->run, &l->instance, SUFFIX_QMP, qmp);
    layout_socket(g->config->run, &l->instance, SUFFIX_CONSOLE, console);
    p.qmp_socket = qmp;
    p.console_socket = console;
    layout_socket(g->config->run, &l->instance, SUFFIX_VNC, vnc);
    p.vnc_socket = l->machine.display == DISPLAY_VNC ? vnc : NULL;
    p.secure_firmware = l->firmware == FIRMWARE_UEFI && firmware_is_secure(guest_firmware_code(g, l));
    p.run_as = g->config->mode == MODE_SYSTEM && g->config->run_as[0] ? g->config->run_as : NULL;
    p.tcg_tb_mib = TCG_TB_MIB;
    return qemu_args(l, &p, out, e);
}

static struct child *start(struct running *r, const struct argv *a, const struct guest_files *f,
                           bool gtk, struct err *e)
{
    struct guest_env env;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    struct spawn_fd fds[QEMU_FILES];

    guest_env_make(&env, gtk);
    o.env = env.v;
    o.fds = fds;
    for (int i = 0; i < QEMU_FILES; i++) {
        if (f->fd[i] >= 0)
            fds[o.n_fds++] = (struct spawn_fd){ .from = f->fd[i], .to = FD_FIRST + i };
    }
    o.out = o.err = f->log;
    o.own_session = true;
    o.limit_caps = true;
    o.caps = POWERS_QEMU;
    return child_spawn(r->guests->loop, a, &o, child_done, r, e);
}

static int spawn(struct running *r, const struct launch *l, struct guest_files *f, struct err *e)
{
    auto_argv struct argv a = ARGV_INIT;
    struct err why = { 0 };

    if (render(r->guests, l, f, &a, e) < 0)
        return -1;
    r->child = start(r, &a, f, l->machine.display == DISPLAY_GTK, e);
    if (!r->child)
        return -1;
    r->pid = child_pid(r->child);
    r->accel = accel_for(r->guests, l->arch);
    r->log = steal_fd(&f->log);
    /* Without the file it is still found by its lock. */
    if (guest_pid_write(f->dir, r->pid, l->launch_id, &why) < 0)
        log_of(LOG_WARN_, l->instance.s, "%s", why.text);
    log_of(LOG_INFO_, l->instance.s, "qemu %d started (%s)", (int)r->pid, accel_name(r->accel));
    return 0;
}

static int launch(struct guests *g, const struct launch *l, struct running **ret, struct err *e)
{
    struct guest_files f = GUEST_FILES_INIT;

    if (!g->config->launch)
        return err_set(e, ERR_DENIED, "this roost launches no guests ([launch] enabled = no)");
    if (g->n_running >= g->config->max_guests)
        return err_set(e, ERR_BUSY, "%u guests run already, [launch] max-guests allows no more",
                       g->n_running);
    if (l->arch == arch_native() && !g->accel.qemu_version[0])
        return err_set(e, ERR_NOT_FOUND, "%s", g->accel.reason);
    if (guest_machine_check(g, l, e) < 0 || guest_files_open(g, l, &f, e) < 0)
        return -1;
    for (int card = 0; card < NICS_MAX; card++)
        if (qemu_needs(l, (enum qemu_file)(QEMU_TAP + card)) &&
            (f.fd[QEMU_TAP + card] = nets_tap(g->nets, l, card, e)) < 0) {
            guest_files_close(&f);
            return -1;
        }
    struct running *r = running_new(g, &l->instance, l->launch_id);
    int rc = r ? spawn(r, l, &f, e) : err_set(e, ERR_INTERNAL, "no memory");
    guest_files_close(&f);
    if (rc < 0 && r)
        running_free(r);
    *ret = r;
    return rc;
}

static void launch_now(struct guests *g, uint32_t id, const struct launch *l)
{
    struct running *r = NULL;
    struct err e = { 0 };

    if (launch(g, l, &r, &e) == 0) {
        running_send(g, P_LAUNCHED, id, r);
        return;
    }
    log_of(LOG_WARN_, l->instance.s, "not launched: %s", e.text);
    send_error(g, P_LAUNCH_FAILED, id, l, &e);
}

int guests_launch(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e)
{
    struct err full = { 0 };
    struct launch l;

    if (launch_decode(c, &l, e) < 0)
        return -1;
    guests_probe_moved(g);
    if (g->probed) {
        launch_now(g, id, &l);
        return 0;
    }
    struct queued *q = g->n_queued < g->config->max_guests ? calloc(1, sizeof(*q)) : NULL;
    if (!q) {
        err_set(&full, ERR_BUSY, "too many launches wait for the probe of the accelerator");
        send_error(g, P_LAUNCH_FAILED, id, &l, &full);
        return 0;
    }
    q->id = id;
    q->launch = l;
    TAILQ_INSERT_TAIL(&g->queued, q, order);
    g->n_queued++;
    return 0;
}

void guests_queue_drop(struct guests *g, bool run)
{
    struct queued *q;

    while ((q = TAILQ_FIRST(&g->queued))) {
        TAILQ_REMOVE(&g->queued, q, order);
        g->n_queued--;
        if (run)
            launch_now(g, q->id, &q->launch);
        free(q);
    }
}

int guests_vmsh(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e)
{
    struct launch l;
    struct err why = { 0 };

    if (launch_decode(c, &l, e) < 0)
        return -1;
    auto_close int dir = guest_dir(g, &l.instance, &why);
    if (dir >= 0)
        (void)guest_files_write(g, dir, &l, &why);
    send_error(g, P_DONE, id, &l, &why);
    return 0;
}

/* --- life ---------------------------------------------------------------------------------- */

struct guests *guests_new(struct loop *l, const struct config *c, const struct place *p,
                          struct nets *nets, guests_send_fn *send, guests_send_fd_fn *send_fd,
                          void *arg, struct err *e)
{
    struct guests *g = calloc(1, sizeof(*g));

    if (!g) {
        err_set(e, ERR_INTERNAL, "no memory");
        return NULL;
    }
    g->loop = l;
    g->config = c;
    g->place = p;
    g->nets = nets;
    g->send = send;
    g->send_fd = send_fd;
    g->arg = arg;
    TAILQ_INIT(&g->running);
    TAILQ_INIT(&g->queued);
    g->tick = loop_timer_new(l, tick_cb, g, e);
    if (g->tick && guests_probe(g, e) == 0)
        return g;
    guests_free(g);
    return NULL;
}

void guests_free(struct guests *g)
{
    if (!g)
        return;
    probe_cancel(g->probe);
    guests_queue_drop(g, false);
    while (!TAILQ_EMPTY(&g->running))
        running_free(TAILQ_FIRST(&g->running));
    loop_timer_free(g->tick);
    buf_done(&g->out);
    free(g);
}

void guests_core_came(struct guests *g)
{
    if (g->probed)
        guests_tell_accel(g, 0);
}

void guests_core_gone(struct guests *g)
{
    guests_queue_drop(g, false);
    g->reprobe_id = 0;
}

void guests_dump(const struct guests *g)
{
    const struct running *r;

    log_info("%u guests run, %u launches wait for the probe", g->n_running, g->n_queued);
    TAILQ_FOREACH(r, &g->running, order)
    log_of(LOG_INFO_, r->instance.s, "qemu %d, launch %" PRIx64 ", %s, %s", (int)r->pid,
           r->launch_id, accel_name(r->accel), r->child ? "child" : "adopted");
}
