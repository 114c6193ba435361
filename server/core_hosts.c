/* The files in which dnsmasq reads reservations (core_reservation.c). An addition is one file more,
 * written after the commit; what was removed or moved is collected, since dnsmasq forgets by SIGHUP
 * only, and its lease is released, since a lease that stands overrides a reservation. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "netcfg/hosts.h"
#include "server/core_network.h"

#define COMPACT_SOON_MS  200
#define COMPACT_AGAIN_MS 5000 /* one SIGHUP in that time at most */

struct released {
    struct released *next;
    struct lease lease;
};

struct hostfiles {
    struct hostfiles *next;
    struct core *c;
    struct name network;
    struct hosts hosts;
    int64_t *added; /* instances, since the last commit */
    size_t n_added, added_size;
    bool compact;
    int64_t compacted_ms;
    struct loop_timer *timer;
    struct released *released;
};

/* ---- the files of a network ---- */

static void due(void *arg);

static struct hostfiles *files_find(const struct core *c, const char *network)
{
    struct hostfiles *f = c->hostfiles;

    while (f && strcmp(f->network.s, network))
        f = f->next;
    return f;
}

static int files_open(struct hostfiles *f, struct err *e)
{
    auto_close int state = open(f->c->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int all = state < 0 ? err_sys(e, "%s", f->c->config.state)
                                   : dir_open_make(state, DIR_NETWORKS, 0755, e);
    auto_close int dir = all < 0 ? -1 : dir_open_make(all, f->network.s, 0755, e);

    return dir < 0 ? -1 : hosts_open(dir, &f->hosts, e);
}

static struct hostfiles *files_get(struct core *c, const char *network, struct err *e)
{
    struct hostfiles *f = files_find(c, network);

    if (f)
        return f;
    if (!(f = calloc(1, sizeof *f))) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    f->c = c;
    f->hosts = HOSTS_INIT;
    snprintf(f->network.s, sizeof f->network.s, "%s", network);
    f->timer = loop_timer_new(c->loop, due, f, e);
    if (!f->timer || files_open(f, e) < 0) {
        loop_timer_free(f->timer);
        free(f);
        return NULL;
    }
    f->next = c->hostfiles;
    c->hostfiles = f;
    return f;
}

static void forget_released(struct hostfiles *f)
{
    struct released *r;

    while ((r = f->released)) {
        f->released = r->next;
        free(r);
    }
}

static void files_free(struct hostfiles *f)
{
    forget_released(f);
    hosts_close(&f->hosts);
    loop_timer_free(f->timer);
    free(f->added);
    free(f);
}

void hostfiles_forget(struct core *c, const char *network)
{
    struct hostfiles **at = &c->hostfiles, *f;

    while (*at && strcmp((*at)->network.s, network))
        at = &(*at)->next;
    if (!(f = *at))
        return;
    *at = f->next;
    files_free(f);
}

void hostfiles_free(struct core *c)
{
    struct hostfiles *f;

    while ((f = c->hostfiles)) {
        c->hostfiles = f->next;
        files_free(f);
    }
}

/* ---- everything anew ---- */

struct all {
    struct reservation *list;
    size_t n, size;
};

static int collect(const struct reserved *r, void *arg)
{
    struct all *a = arg;

    if (a->n == a->size) {
        size_t size = a->size ? 2 * a->size : 64;
        struct reservation *list = reallocarray(a->list, size, sizeof *list);
        if (!list)
            return 1;
        a->list = list;
        a->size = size;
    }
    a->list[a->n++] = (struct reservation){ .name = r->name, .mac = r->mac, .address = r->ip };
    return 0;
}

int network_reservations(struct core *c, const char *network, struct reservation **ret,
                         size_t *ret_n, struct err *e)
{
    struct all a = { NULL, 0, 0 };
    int r = store_reservations(c->store, network, collect, &a, e);

    if (r != 0) {
        free(a.list);
        return r < 0 ? -1 : err_set(e, ERR_INTERNAL, "out of memory");
    }
    *ret = a.list;
    *ret_n = a.n;
    return 0;
}

static void tell_dnsmasq(struct hostfiles *f, enum proto_type t, const struct lease *l)
{
    auto_buf struct buf b = BUF_INIT;
    struct net_ref ref = { .network = f->network };
    struct net_lease lease = { .network = f->network };
    struct err e;

    if (l) {
        lease.lease = *l;
        net_lease_encode(&lease, &b);
    } else {
        net_ref_encode(&ref, &b);
    }
    if (proto_send(f->c->roostd, t, 0, &b, NULL, 0, &e) < 0)
        log_warn("network %s: %s", f->network.s, e.text);
}

static int compact(struct hostfiles *f, struct err *e)
{
    const struct network *n = core_network(f->c, f->network.s);
    struct all a = { NULL, 0, 0 };
    bool sighup = false;
    int r = n ? network_reservations(f->c, f->network.s, &a.list, &a.n, e) : 0;

    if (r == 0)
        r = hosts_compact(&f->hosts, n ? n->domain : "", a.list, a.n, &sighup, e);
    free(a.list);
    if (r < 0)
        return -1;
    f->compact = false;
    f->n_added = 0;
    f->compacted_ms = loop_now(f->c->loop).boot_ms;
    if (sighup && network_is_up(f->c, f->network.s))
        tell_dnsmasq(f, P_NET_RELOAD, NULL);
    for (struct released *l = f->released; l; l = l->next)
        if (network_is_up(f->c, f->network.s))
            tell_dnsmasq(f, P_NET_RELEASE, &l->lease);
    forget_released(f);
    return 0;
}

static void due(void *arg)
{
    struct hostfiles *f = arg;
    struct err e;

    if (compact(f, &e) == 0)
        return;
    core_fault(f->c, "network %s: reservations: %s", f->network.s, e.text);
    loop_timer_set(f->timer, COMPACT_AGAIN_MS);
}

static void compact_soon(struct hostfiles *f)
{
    int64_t wait = f->compacted_ms + COMPACT_AGAIN_MS - loop_now(f->c->loop).boot_ms;

    f->compact = true;
    if (!loop_timer_armed(f->timer))
        loop_timer_set(f->timer,
                       f->compacted_ms && wait > COMPACT_SOON_MS ? wait : COMPACT_SOON_MS);
}

int hostfiles_write(struct core *c, const char *network, struct err *e)
{
    struct hostfiles *f = files_get(c, network, e);

    return f ? compact(f, e) : -1;
}

/* ---- one by one ---- */

static int note_added(struct hostfiles *f, int64_t id, struct err *e)
{
    if (f->n_added == f->added_size) {
        size_t size = f->added_size ? 2 * f->added_size : 64;
        int64_t *added = reallocarray(f->added, size, sizeof *added);
        if (!added)
            return err_set(e, ERR_INTERNAL, "out of memory");
        f->added = added;
        f->added_size = size;
    }
    f->added[f->n_added++] = id;
    return 0;
}

static void release(struct hostfiles *f, const struct mac *mac, const struct ip *ip)
{
    struct released *r = calloc(1, sizeof *r);

    if (!r) /* the lease ends by itself, later */
        return;
    *r = (struct released){ .next = f->released,
                            .lease = { .action = LEASE_DEL, .mac = *mac, .ip = *ip } };
    f->released = r;
}

int hostfiles_added(struct core *c, const char *network, int64_t id, struct err *e)
{
    struct hostfiles *f = files_get(c, network, e);

    return f ? note_added(f, id, e) : -1;
}

int hostfiles_changed(struct core *c, const char *network, const struct mac *mac,
                      const struct ip *was, struct err *e)
{
    struct hostfiles *f = files_get(c, network, e);

    if (!f)
        return -1;
    if (mac && was)
        release(f, mac, was);
    compact_soon(f);
    return 0;
}

/* What was added in the transaction that is on disk now: one file for all of it. */
static int add_all(struct hostfiles *f, struct err *e)
{
    const struct network *n = core_network(f->c, f->network.s);
    struct all a = { NULL, 0, 0 };
    struct reserved r;
    int bad = 0;

    for (size_t i = 0; i < f->n_added && bad == 0; i++) {
        int found = store_reservation_of(f->c->store, f->added[i], &r, e);
        bad = found < 0 ? -1 : found ? collect(&r, &a) : 0;
    }
    f->n_added = 0;
    if (bad == 0)
        bad = hosts_add(&f->hosts, n ? n->domain : "", a.list, a.n, e);
    free(a.list);
    return bad > 0 ? err_set(e, ERR_INTERNAL, "out of memory") : bad;
}

void hostfiles_committed(struct core *c)
{
    struct err e;

    for (struct hostfiles *f = c->hostfiles; f; f = f->next) {
        if (!f->n_added || f->compact)
            continue;
        if (add_all(f, &e) < 0) {
            core_fault(c, "network %s: reservations: %s", f->network.s, e.text);
            compact_soon(f);
        }
    }
}
