#include "server/nets.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/nets_priv.h"

#define NET_HIDDEN 0755 /* dnsmasq reads below it as its own user */

/* --- the list ------------------------------------------------------------------------------ */

static int open_dir(struct net *t, struct err *e)
{
    const struct place *p = t->nets->o.place;
    auto_close int all = dir_open_make(p->state, DIR_NETWORKS, NET_HIDDEN, e);

    if (all < 0)
        return -1;
    t->dir = dir_open_make(all, t->name.s, NET_HIDDEN, e);
    snprintf(t->path, sizeof(t->path), "%.*s/%s/%s", PATH_SIZE - 128, t->nets->o.config->state,
             DIR_NETWORKS, t->name.s);
    return t->dir < 0 ? -1 : 0;
}

static void net_free(struct net *t)
{
    TAILQ_REMOVE(&t->nets->list, t, order);
    net_unlisten(t);
    dns_forget(t);
    if (t->dir >= 0)
        close(t->dir);
    free(t);
}

struct net *net_get(struct nets *n, const struct name *name, struct err *e)
{
    struct net *t = net_find(n, name);

    if (t)
        return t;
    t = calloc(1, sizeof(*t));
    if (!t) {
        err_set(e, ERR_INTERNAL, "no memory");
        return NULL;
    }
    t->nets = n;
    t->name = *name;
    t->dir = t->listen_fd = -1;
    TAILQ_INSERT_TAIL(&n->list, t, order);
    if (open_dir(t, e) == 0)
        return t;
    net_free(t);
    return NULL;
}

struct netlink *nets_netlink(struct nets *n, struct err *e)
{
    if (!n->netlink)
        n->netlink = netlink_open(e);
    return n->netlink;
}

/* --- hints ------------------------------------------------------------------------------- */

/* Hints: what goes wrong is a line of the log, since the next compaction says it again. */
static void hinted(const struct name *network, int r, const struct err *e)
{
    if (r < 0)
        log_warn("network %s: %s", network->s, e->text);
}

int nets_reload(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e)
{
    struct err why = { 0 };
    struct net_ref m;

    (void)id;
    if (net_ref_decode(c, &m, e) < 0)
        return -1;
    struct net *t = net_find(n, &m.network);
    if (t)
        hinted(&m.network, dns_reload(t, &why), &why);
    return 0;
}

int nets_release(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e)
{
    struct err why = { 0 };
    struct net_lease m;

    (void)id;
    if (net_lease_decode(c, &m, e) < 0)
        return -1;
    struct net *t = net_find(n, &m.network);
    if (t && t->planned)
        hinted(&m.network, lease_release(t, &m.lease, &why), &why);
    return 0;
}

/* --- taps ---------------------------------------------------------------------------------- */

void net_tap_alias(const struct name *network, const char *instance, char ret[TAP_ALIAS_SIZE])
{
    snprintf(ret, TAP_ALIAS_SIZE, "roost %s %s", network->s, instance);
}

int nets_tap(struct nets *n, const struct launch *l, int card, struct err *e)
{
    const struct name *network = card ? &l->nics[card - 1].network : &l->network;
    const struct mac *guest = card ? &l->nics[card - 1].mac : &l->mac;
    uint16_t mtu = card ? l->nics[card - 1].mtu : l->mtu;
    struct net *t = net_find(n, network);
    char name[IFNAME_SIZE], alias[TAP_ALIAS_SIZE];
    struct mac mac;

    if (!t || !t->planned)
        return err_set(e, ERR_CONFLICT, "network %s is not up: roost network up %s", network->s,
                       network->s);
    network_tap(guest, name);
    network_tap_mac(guest, &mac);
    net_tap_alias(network, l->instance.s, alias);
    if (!nets_netlink(n, e))
        return -1;
    int fd = tap_open(n->netlink, name, &mac, t->plan.bridge, alias, mtu, e);
    return fd < 0 ? err_wrap(e, "network %s", network->s) : fd;
}

/* --- drift --------------------------------------------------------------------------------- */

static void look_at(struct net *t, const struct facts *f)
{
    auto_buf struct buf text = BUF_INIT;
    char alias[PLAN_ALIAS_SIZE];

    plan_alias(&t->name, alias);
    for (int i = 0; i < t->plan.n && t->planned && !t->troubled; i++) {
        const struct step *s = &t->plan.steps[i];
        if (s->kind > STEP_PORT || link_holds(f, s, alias))
            continue;
        buf_puts(&text, "somebody took away: ");
        step_describe(s, &text);
        t->troubled = true;
        net_state(t, 0, P_NET_STATE, buf_str(&text));
    }
}

static void tick_cb(void *arg)
{
    struct nets *n = arg;
    struct facts f = { 0 };
    struct err e = { 0 };
    struct net *t;

    loop_timer_set(n->tick, NETS_TICK_MS);
    if (TAILQ_EMPTY(&n->list) || !nets_netlink(n, &e) || link_facts(n->netlink, &f, &e) < 0)
        return;
    TAILQ_FOREACH(t, &n->list, order)
    look_at(t, &f);
    facts_done(&f);
}

/* --- the beginning ------------------------------------------------------------------------- */

struct nets *nets_new(struct loop *l, const struct nets_opts *o, struct err *e)
{
    struct nets *n = calloc(1, sizeof(*n));

    if (!n) {
        err_set(e, ERR_INTERNAL, "no memory");
        return NULL;
    }
    n->loop = l;
    n->o = *o;
    n->lease_fd = -1;
    n->next_listener = 1; /* 0 is the user networks' */
    TAILQ_INIT(&n->list);
    TAILQ_INIT(&n->rules);
    LIST_INIT(&n->resolving);
    n->tick = loop_timer_new(l, tick_cb, n, e);
    if (n->tick)
        return n;
    nets_free(n);
    return NULL;
}

void nets_free(struct nets *n)
{
    if (!n)
        return;
    while (!TAILQ_EMPTY(&n->list))
        net_free(TAILQ_FIRST(&n->list));
    rules_free(n);
    resolved_free(n);
    leases_close(n);
    netlink_close(n->netlink);
    loop_timer_free(n->tick);
    buf_done(&n->out);
    free(n);
}

void nets_front_came(struct nets *n)
{
    struct net *t;

    TAILQ_FOREACH(t, &n->list, order)
    {
        if (t->listen_fd >= 0)
            n->o.listener(t->listener, &t->listen_at, t->listen_fd, n->o.arg);
    }
}

void nets_dump(const struct nets *n)
{
    const struct net *t;

    TAILQ_FOREACH(t, &n->list, order)
    log_info("network %s: %s%s%s%s", t->name.s, t->planned ? t->plan.bridge : "not planned",
             t->dns ? ", dnsmasq" : "", t->listen_fd >= 0 ? ", seeds" : "",
             t->troubled ? ", in trouble" : "");
}
