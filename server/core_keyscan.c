/* Guests that phone home to nobody (bootstrapper none; a drive on a network without a way to roost)
 * are asked: an sshd that answers shows the host keys. Those are trust on first use, and said to
 * be: nobody but the address vouches for them, on a guest that roost itself has started. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "seeds/keyscan.h"
#include "server/core_machine.h"
#include "server/core_network.h"

#define AGAIN_MS  3000
#define LIMIT_MS  60000 /* a connection for each type, each with a time limit of its own */
#define TYPES     "rsa,ecdsa,ed25519"
#define TEXT_MAX  (16u << 10)
#define SCANS_MAX 4 /* at once, of all guests */

/* A guest that may find its seed by its tag or address is waited for. */
static bool is_mute(struct core *c, const struct machine *m)
{
    struct instance i = { 0 };
    const struct network *n;
    bool mute = false;

    if (store_instance_get(c->store, m->id, &i, NULL) == 0 &&
        (n = core_network(c, i.spec.network.s)))
        mute = (i.spec.bootstrapper == BOOTSTRAPPER_NONE && n->policy == POLICY_TOKEN) ||
               (i.spec.bootstrapper == BOOTSTRAPPER_DRIVE && !core_finds_roost(c, n));
    instance_done(&i);
    return mute;
}

/* ---- the answer ---- */

/* Where its sshd is. A forward counts when this QEMU has it: the port of an earlier run may be
 * somebody else's by now. Who is told its address by a volume has no lease. */
static bool find(const struct machine *m, const struct guest *g, struct endpoint *ret)
{
    struct reserved at;

    *ret = g->address;
    if (m->user_network)
        return m->forward_known && g->address.port;
    if (g->address.port)
        return true;
    if (store_reservation_of(m->c->store, m->id, &at, NULL) <= 0)
        return false;
    *ret = (struct endpoint){ .ip = at.ip, .port = SSH_PORT };
    return true;
}

static void again(struct machine *m)
{
    loop_timer_set(m->scan_timer, AGAIN_MS);
}

static void asked(const struct spawn_exit *x, void *arg)
{
    static struct homecoming h; /* 12 KiB */
    struct machine *m = arg;
    struct core *c = m->c;
    struct endpoint at;
    struct guest g;
    struct err e;
    int r;

    m->scan = NULL;
    c->n_scans--;
    again(m);
    if (!keyscan_parse(buf_str(x->out), x->out->len, &h) || store_guest_by_id(c->store, m->id, &g, &e) < 0 ||
        g.standing.phase != PHASE_LAUNCHED || !find(m, &g, &at))
        return;
    r = core_home_asked(c, &g, &h, &e);
    if (r == 0) /* where it answered */
        r = core_address(c, &g, &at, "its sshd answers there", &e) < 0 ? -1
                                                                       : core_guest_save(c, &g, &e);
    if (r < 0)
        core_fault(c, "instance %s: its host keys could not be recorded: %s", m->name.s, e.text);
    else /* known, or a stranger until it boots again */
        loop_timer_set(m->scan_timer, -1);
}

/* ---- asking ---- */

static int ask(struct machine *m, const struct endpoint *at, struct err *e)
{
    auto_argv struct argv a = ARGV_INIT;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    char ip[IP_TEXT];

    argv_add(&a, "ssh-keyscan");
    argv_add(&a, "-T");
    argv_add(&a, "10");
    argv_add(&a, "-t");
    argv_add(&a, TYPES);
    argv_add(&a, "-p");
    argv_addf(&a, "%u", at->port);
    argv_add(&a, "--");
    argv_add(&a, ip_format(&at->ip, ip));
    o.capture = true;
    o.capture_cap = TEXT_MAX;
    o.own_session = true;
    o.limit_ms = LIMIT_MS;
    m->scan = child_spawn(m->c->loop, &a, &o, asked, m, e);
    m->c->n_scans += m->scan != NULL;
    return m->scan ? 0 : -1;
}

static void tick(void *arg)
{
    struct machine *m = arg;
    struct core *c = m->c;
    struct endpoint at;
    struct guest g;
    struct err e;

    if (m->scan || m->state != MACHINE_RUNNING || m->has_exited ||
        store_guest_by_id(c->store, m->id, &g, &e) < 0 || phase_is_home(g.standing.phase))
        return;
    if (c->n_scans >= SCANS_MAX || g.standing.phase != PHASE_LAUNCHED || !find(m, &g, &at))
        again(m);
    else if (ask(m, &at, &e) < 0)
        core_fault(c, "instance %s cannot be asked for its host keys: %s", m->name.s, e.text);
}

/* What stands beside "no seed request" in the list: none will ever come. */
static void note(struct machine *m)
{
    struct core *c = m->c;
    struct guest g;
    struct err e;

    if (store_guest_by_id(c->store, m->id, &g, &e) < 0 || g.standing.note[0] ||
        g.standing.phase != PHASE_LAUNCHED)
        return;
    snprintf(g.standing.note, sizeof g.standing.note,
             "it is offered no way to roost, which asks its sshd");
    if (core_write(c, false, &e) < 0 || core_guest_save(c, &g, &e) < 0)
        core_fault(c, "instance %s: %s", m->name.s, e.text);
}

void keyscan_begin(struct machine *m)
{
    struct err e;

    if (!is_mute(m->c, m))
        return;
    note(m);
    if (m->scan_timer || (m->scan_timer = loop_timer_new(m->c->loop, tick, m, &e)))
        again(m);
    else
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
}

void keyscan_end(struct machine *m)
{
    if (m->scan) {
        child_kill(m->scan, SIGTERM, NULL);
        child_forget(m->scan);
        m->c->n_scans--;
    }
    m->scan = NULL;
    loop_timer_free(steal_ptr(m->scan_timer));
}
