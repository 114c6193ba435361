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

#define TICK_MS    5000
#define NET_HIDDEN 0755 /* dnsmasq reads below it as its own user */

/* --- the list ------------------------------------------------------------------------------ */

struct net *net_find(const struct nets *n, const struct name *name)
{
    struct net *t;

    TAILQ_FOREACH(t, &n->list, order)
    {
        if (strcmp(t->name.s, name->s) == 0)
            return t;
    }
    return NULL;
}

struct net *net_of_bridge(const struct nets *n, const char *bridge)
{
    struct net *t;

    TAILQ_FOREACH(t, &n->list, order)
    {
        if (t->planned && strcmp(t->plan.bridge, bridge) == 0)
            return t;
    }
    return NULL;
}

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

static struct net *net_get(struct nets *n, const struct name *name, struct err *e)
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

/* --- answers ------------------------------------------------------------------------------- */

void nets_answer(struct nets *n, uint32_t id, const struct name *network, const struct err *err)
{
    struct error_msg m = { .instance = *network, .kind = err ? err->kind : ERR_NONE };

    if (err)
        memcpy(m.text, err->text, sizeof(m.text));
    error_msg_encode(&m, &n->out);
    n->o.send(P_NET_DONE, id, &n->out, n->o.arg);
}

void net_state(struct net *t, uint32_t id, enum proto_type type, const char *problem)
{
    struct net_state m = { .network = t->name, .up = t->planned, .listener = t->listener };

    memcpy(m.bridge, t->plan.bridge, sizeof(m.bridge));
    if (t->listen_fd >= 0)
        m.address = t->listen_at.ip;
    snprintf(m.problem, sizeof(m.problem), "%s", problem);
    net_state_encode(&m, &t->nets->out);
    t->nets->o.send(type, id, &t->nets->out, t->nets->o.arg);
}

/* --- planning ------------------------------------------------------------------------------ */

static int remember(struct nets *n, const struct step *s, struct buf *undo, struct err *e)
{
    char value[SYSCTL_VALUE_MAX];

    switch (s->kind) {
    case STEP_VLAN:
    case STEP_BRIDGE:
    case STEP_ADDRESS:
    case STEP_MOVE:
    case STEP_PORT:
        return link_remember(n->netlink, s, undo, e);
    case STEP_SYSCTL:
        if (sysctl_read(s->key, value, e) < 0) {
            /* Of a bridge that is still to be made. */
            if (e->kind != ERR_NOT_FOUND)
                return -1;
            *e = (struct err){ 0 };
            return 0;
        }
        buf_puts(undo, value);
        return 0;
    default:
        return 0;
    }
}

static int send_step(struct nets *n, uint32_t id, const struct name *network, unsigned number,
                     const struct step *s, struct err *e)
{
    auto_buf struct buf line = BUF_INIT, undo = BUF_INIT;
    struct net_step m = { .network = *network, .number = number };

    step_format(s, &line);
    if (remember(n, s, &undo, e) < 0 || buf_check(&line, e) < 0 || buf_check(&undo, e) < 0)
        return -1;
    if (line.len >= sizeof(m.line) || undo.len >= sizeof(m.undo))
        return err_set(e, ERR_TOO_BIG, "more addresses and routes on %s than can be remembered",
                       s->parent);
    memcpy(m.line, buf_str(&line), line.len);
    memcpy(m.undo, buf_str(&undo), undo.len);
    net_step_encode(&m, &n->out);
    n->o.send(P_NET_STEP, id, &n->out, n->o.arg);
    return 0;
}

/* *ret_planned: there is a plan, whether or not all of it could be told. */
static int make_plan(struct nets *n, uint32_t id, const struct net_up *up, struct plan *ret,
                     bool *ret_planned, struct err *e)
{
    struct plan_opts o = { .salt = up->salt,
                           .seed_port = up->seed_port,
                           .launch_seed = up->seed_port != 0,
                           .made = up->made };
    struct facts f = { 0 };

    if (!nets_netlink(n, e) || link_facts(n->netlink, &f, e) < 0)
        return -1;
    int r = plan_up(&up->network, &f, &o, ret, e);
    *ret_planned = r == 0;
    for (int i = 0; r == 0 && i < ret->n; i++)
        r = send_step(n, id, &up->network.name, (unsigned)i + 1, &ret->steps[i], e);
    facts_done(&f);
    return r;
}

static int plan(struct net *t, uint32_t id, struct err *e)
{
    t->planned = t->troubled = false;
    return make_plan(t->nets, id, &t->up, &t->plan, &t->planned, e);
}

/* A network that is up stays planned as it was; one that is not gets no directory. */
int nets_look(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e)
{
    auto_free struct net_up *up = calloc(1, sizeof(*up));
    struct err why = { 0 };
    bool planned = false;
    struct plan p;

    if (!up)
        return err_set(e, ERR_INTERNAL, "no memory");
    if (net_up_decode(c, up, e) < 0)
        return -1;
    if (make_plan(n, id, up, &p, &planned, &why) < 0) {
        nets_answer(n, id, &up->network.name, &why);
        return 0;
    }
    struct net_state m = { .network = up->network.name };
    memcpy(m.bridge, p.bridge, sizeof(m.bridge));
    memcpy(m.problem, p.warning, sizeof(m.problem));
    net_state_encode(&m, &n->out);
    n->o.send(P_NET_PLANNED, id, &n->out, n->o.arg);
    return 0;
}

int nets_plan(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e)
{
    auto_free struct net_up *up = calloc(1, sizeof(*up));
    struct err why = { 0 };

    if (!up)
        return err_set(e, ERR_INTERNAL, "no memory");
    if (net_up_decode(c, up, e) < 0)
        return -1;
    struct net *t = net_get(n, &up->network.name, &why);
    if (t)
        t->up = *up;
    if (!t || plan(t, id, &why) < 0)
        nets_answer(n, id, &up->network.name, &why);
    else
        net_state(t, id, P_NET_PLANNED, t->plan.warning);
    if (!loop_timer_armed(n->tick))
        loop_timer_set(n->tick, TICK_MS);
    return 0;
}

/* --- steps --------------------------------------------------------------------------------- */

/* What core wants done must be what was planned here, to the letter. */
static const struct step *planned_step(const struct net *t, const char *line, struct err *e)
{
    for (int i = 0; t && t->planned && i < t->plan.n; i++) {
        auto_buf struct buf mine = BUF_INIT;
        step_format(&t->plan.steps[i], &mine);
        if (strcmp(buf_str(&mine), line) == 0)
            return &t->plan.steps[i];
    }
    err_set(e, ERR_CONFLICT, "\"%s\" is not part of the plan", line);
    return NULL;
}

/* "roost NETWORK INSTANCE": whose tap it is, whoever runs it. */
static void tap_alias(const struct name *network, const char *instance,
                      char ret[2 * NAME_MAX_LEN + 8])
{
    snprintf(ret, 2 * NAME_MAX_LEN + 8, "roost %s %s", network->s, instance);
}

/* Taps of guests that run when their bridge is made anew belong to it again. */
static int taps_join(struct net *t, struct err *e)
{
    struct netlink *nl = t->nets->netlink;
    char prefix[2 * NAME_MAX_LEN + 8], alias[PLAN_ALIAS_SIZE];
    struct facts f = { 0 };
    int r = link_facts(nl, &f, e);

    tap_alias(&t->name, "", prefix);
    plan_alias(&t->name, alias);
    for (size_t i = 0; i < f.n_links && r == 0; i++) {
        struct step join = { .kind = STEP_PORT };
        if (strncmp(f.links[i].alias, prefix, strlen(prefix)) != 0 || f.links[i].master[0])
            continue;
        memcpy(join.device, t->plan.bridge, sizeof(join.device));
        memcpy(join.parent, f.links[i].name, sizeof(join.parent));
        r = link_do(nl, &join, alias, "", e);
    }
    facts_done(&f);
    return r;
}

/* 0: done, 1: `id` is answered later, -1. */
static int step_do(struct net *t, const struct step *s, const struct net_step *m, uint32_t id,
                   struct err *e)
{
    char alias[PLAN_ALIAS_SIZE];

    plan_alias(&t->name, alias);
    switch (s->kind) {
    case STEP_VLAN:
    case STEP_BRIDGE:
    case STEP_ADDRESS:
    case STEP_MOVE:
    case STEP_PORT:
        if (!nets_netlink(t->nets, e) || link_do(t->nets->netlink, s, alias, m->undo, e) < 0)
            return -1;
        return s->kind == STEP_BRIDGE ? taps_join(t, e) : 0;
    case STEP_SYSCTL:
        return sysctl_write(s->key, s->value, e);
    case STEP_RULES:
        if (net_files_write(t, e) < 0)
            return -1;
        rules_up(t, id);
        return 1;
    case STEP_LISTEN:
        return net_listen(t, s, e);
    case STEP_DNSMASQ:
        return dns_start(t, id, e);
    case STEP_RESOLVED:
    case STEP_KINDS:
        break;
    }
    return err_set(e, ERR_INVALID, "step %s cannot be done here", step_kind_name(s->kind));
}

/* Somebody set another value since: it is theirs. */
static int sysctl_undo(const struct step *s, const char *undo, struct err *e)
{
    char now[SYSCTL_VALUE_MAX];
    struct err why = { 0 };

    if (sysctl_read(s->key, now, &why) < 0) {
        if (why.kind == ERR_NOT_FOUND) /* it went with its bridge */
            return 0;
        *e = why;
        return -1;
    }
    if (!*undo || strcmp(now, s->value) != 0)
        return 0;
    return sysctl_write(s->key, undo, e);
}

static int step_undo(struct nets *n, const struct step *s, const struct net_step *m, uint32_t id,
                     struct err *e)
{
    struct net *t = net_find(n, &m->network);
    char alias[PLAN_ALIAS_SIZE];

    plan_alias(&m->network, alias);
    switch (s->kind) {
    case STEP_VLAN:
    case STEP_BRIDGE:
    case STEP_ADDRESS:
    case STEP_MOVE:
    case STEP_PORT:
        return !nets_netlink(n, e) ? -1 : link_undo(n->netlink, s, alias, m->undo, e);
    case STEP_SYSCTL:
        return sysctl_undo(s, m->undo, e);
    case STEP_RULES:
        t = net_get(n, &m->network, e); /* its directory, if roostd is new */
        if (!t || net_files_remove(t, e) < 0)
            return -1;
        rules_down(n, &m->network, s->device, id);
        return 1;
    case STEP_LISTEN:
        if (t)
            net_unlisten(t);
        net_listen_forget(s->device);
        return 0;
    case STEP_DNSMASQ:
        t = net_get(n, &m->network, e);
        return t ? dns_stop(t, id, e) : -1;
    case STEP_RESOLVED:
    case STEP_KINDS:
        break;
    }
    return err_set(e, ERR_INVALID, "step %s cannot be taken back here", step_kind_name(s->kind));
}

int nets_do(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e)
{
    struct net_step m;
    struct err why = { 0 };
    int r = -1;

    if (net_step_decode(c, &m, e) < 0)
        return -1;
    struct net *t = net_find(n, &m.network);
    const struct step *s = planned_step(t, m.line, &why);
    if (s)
        r = step_do(t, s, &m, id, &why);
    if (r <= 0)
        nets_answer(n, id, &m.network, r < 0 ? &why : NULL);
    return 0;
}

int nets_undo(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e)
{
    struct net_step m;
    struct step s;
    struct err why = { 0 };

    if (net_step_decode(c, &m, e) < 0)
        return -1;
    struct net *t = net_find(n, &m.network);
    if (planned_step(t, m.line, &why)) /* it goes down: not missed from now on */
        t->planned = false;
    why = (struct err){ 0 };
    int r = step_parse(m.line, &s, &why);
    if (r == 0)
        r = step_undo(n, &s, &m, id, &why);
    if (r <= 0)
        nets_answer(n, id, &m.network, r < 0 ? &why : NULL);
    return 0;
}

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

int nets_tap(struct nets *n, const struct launch *l, struct err *e)
{
    struct net *t = net_find(n, &l->network);
    char name[IFNAME_SIZE], alias[2 * NAME_MAX_LEN + 8];
    struct mac mac;

    if (!t || !t->planned)
        return err_set(e, ERR_CONFLICT, "network %s is not up: roost network up %s", l->network.s,
                       l->network.s);
    network_tap(&l->mac, name);
    network_tap_mac(&l->mac, &mac);
    tap_alias(&l->network, l->instance.s, alias);
    if (!nets_netlink(n, e))
        return -1;
    int fd = tap_open(n->netlink, name, &mac, t->plan.bridge, alias, l->mtu, e);
    return fd < 0 ? err_wrap(e, "network %s", l->network.s) : fd;
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

    loop_timer_set(n->tick, TICK_MS);
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
