/* Life of roost-core: made, driven by the loop, freed. Its turn is core_turn.c, its start
 * core_open.c, its messages core_msg.c. */
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netcfg/link.h"
#include "server/core_ansible.h"
#include "server/core_aside.h"
#include "server/core_hook.h"
#include "server/core_bring.h"
#include "server/core_import.h"
#include "server/core_network.h"
#include "server/core_survey.h"
#include "server/core_task.h"

#define HOUSEKEEPING_MS 1000
#define PRUNE_BATCH     64 /* rows a second at most: well below a millisecond of the loop's time */
#define PRUNE_ANYWAY    60 /* ticks: what is dropped for its age */

/* ---- housekeeping: once a second ---- */

/* Only after events, and while there is something to drop: an idle roost writes nothing. */
static void prune(struct core *c)
{
    int64_t now = loop_now(c->loop).real_ms, last = store_last_event(c->store);
    struct err e;
    int n;

    if (last == c->pruned_at && !c->prune_more && c->ticks % PRUNE_ANYWAY)
        return;
    if (core_write(c, false, &e) < 0 ||
        (n = store_events_prune(c->store, now - c->config.events_age, c->config.events_per_instance,
                                PRUNE_BATCH, &e)) < 0) {
        core_fault(c, "old events could not be dropped: %s", e.text);
        return;
    }
    c->pruned_at = last;
    c->prune_more = n > 0;
}

static void tick(void *arg)
{
    struct core *c = arg;

    c->ticks++;
    machines_tick(c);
    autostart_go_on(c);
    sights_flush(c, false);
    sights_expire(c);
    wire_tick(c);
    ansible_tick(c);
    trash_tick(c);
    prune(c);
    loop_timer_set(c->housekeeping, HOUSEKEEPING_MS);
}

/* ---- what follows from what ---- */

/* Files are due, and a new phase has a deadline (a launch begins one even where the phase stays).
 */
static int on_event(struct core *c, const struct guest *g, enum event_kind k, bool moved,
                    struct err *e)
{
    if (moved || k == EV_LAUNCHING || k == EV_LAUNCHED)
        verdict_set(c, g);
    return wire_mark(c, k, e);
}

static void on_committed(struct core *c)
{
    wire_arm(c);
    watches_wake(c);
    hostfiles_committed(c);
    ansible_committed(c);
    core_hooks_committed(c);
}

static const struct core_follows follows = { on_event, on_committed, core_disk_full };

/* ---- life ---- */

static void end_of_turn(void *arg)
{
    core_turn_end(arg);
}

static void lazy_due(void *arg)
{
    struct core *c = arg;

    c->commit_due = true;
}

static int core_init(struct core *c, int roostd_fd, struct err *e)
{
    auto_buf struct buf b = BUF_INIT;

    if (!(c->turn = loop_hook_new(c->loop, end_of_turn, c, e)) ||
        !(c->lazy = loop_timer_new(c->loop, lazy_due, c, e)) ||
        !(c->housekeeping = loop_timer_new(c->loop, tick, c, e)) ||
        !(c->roostd = chan_new(c->loop, roostd_fd, core_roostd_message, core_roostd_gone, c, e)))
        return -1;
    hello_encode("core", &b);
    return proto_send(c->roostd, P_HELLO, 0, &b, NULL, 0, e);
}

struct core *core_new(struct loop *l, int roostd_fd, void (*done)(void *), void *arg, struct err *e)
{
    struct core *c = calloc(1, sizeof *c);

    if (!c) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    c->loop = l;
    c->follows = &follows;
    c->done = done;
    c->done_arg = arg;
    c->control_fd = -1;
    c->afters_end = &c->afters;
    if (core_init(c, roostd_fd, e) < 0) {
        core_free(c);
        return NULL;
    }
    return c;
}

/* First whoever is answered, then the threads (their jobs come back into what still stands), then
 * whoever waits for an end that will not come, then the rest. */
void core_free(struct core *c)
{
    if (!c)
        return;
    c->gone = c->ending = true;
    api_free(c->api);
    c->api = NULL;
    watches_free(c);
    imports_cancel(c);
    worker_free(c->copier);
    worker_free(c->worker);
    aside_stop(c->surveyor);
    ansible_free(c);
    aside_stop(c->keeper);
    imports_free(c);
    emulators_free(c);
    brings_free(c);
    tasks_free(c);
    machines_free(c);
    netruns_free(c);
    plan_asks_free(c);
    net_doctors_free(c);
    netlink_close(c->netlink);
    core_hooks_free(c);
    hostfiles_free(c);
    autostart_free(c);
    core_turn_free(c);
    reprobes_free(c);
    wire_free(c);
    aside_free(c->surveyor);
    aside_free(c->keeper);
    verdict_free(c);
    unknown_free(c);
    sights_free(c);
    networks_free(c);
    groups_unload(c);
    chan_free(c->front);
    chan_free(c->roostd);
    loop_timer_free(c->lazy);
    loop_timer_free(c->housekeeping);
    loop_timer_free(c->full_retry);
    loop_hook_free(c->turn);
    store_close(c->store);
    if (c->control_fd >= 0)
        close(c->control_fd);
    explicit_bzero(c->key, sizeof c->key);
    hmac_key_free(c->tokens);
    free(c);
}
