/* Whether the ports that instances ask for can be theirs, before anything is written: one port of
 * the host leads to one guest, by a user network or by a shared one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "server/core_apply.h"

#define UNPRIVILEGED      "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define UNPRIVILEGED_PORT 1024 /* ip-sysctl: ip_unprivileged_port_start, unless said otherwise */

/* ---- each for itself ---- */

static unsigned first_port(const struct core *c)
{
    const struct config *f = &c->config;
    uint64_t n = UNPRIVILEGED_PORT;
    char text[16] = "";
    FILE *file;

    if (f->mode == MODE_SYSTEM ? !f->run_as[0] || !strcmp(f->run_as, "root") : geteuid() == 0)
        return 1;
    if ((file = fopen(UNPRIVILEGED, "re"))) {
        if (fgets(text, sizeof text, file)) {
            text[strcspn(text, "\n")] = '\0';
            (void)parse_u64(text, 0, UINT16_MAX + 1, &n, NULL);
        }
        (void)fclose(file);
    }
    return n ? (unsigned)n : 1;
}

static int check_ports(const struct core *c, const struct fleet_instance *f, struct err *e)
{
    const unsigned first = first_port(c);
    const bool other = c->config.mode == MODE_SYSTEM;
    char text[HOSTFWD_TEXT];

    for (int i = 0; i < f->spec.n_forwards; i++)
        if (f->spec.forwards[i].at.port < first)
            return err_set(e, ERR_INVALID,
                           "instance %s: forward %s: QEMU runs as %s and cannot listen at ports "
                           "below %u: take a higher one",
                           f->name.s, hostfwd_format(&f->spec.forwards[i], text),
                           other ? c->config.run_as : "an ordinary user", first);
    return 0;
}

static bool is_user(const struct apply *a, const struct name *network)
{
    for (int i = 0; i < a->fleet.n_networks; i++)
        if (!strcmp(a->fleet.networks[i].name.s, network->s))
            return a->fleet.networks[i].kind == NETWORK_USER;
    const struct network *n = core_network(a->c, network->s);
    return n && n->kind == NETWORK_USER;
}

static int check_card(const struct apply *a, const struct fleet_instance *f, struct err *e)
{
    bool found = is_user(a, &f->spec.network);

    for (int i = 0; i < f->spec.n_nics && !found; i++)
        found = is_user(a, &f->spec.nics[i].network);
    if (found)
        return 0;
    return err_set(e, ERR_INVALID,
                   "instance %s: forwards are for guests on a user network, and %s is none: a shared "
                   "network publishes ports itself (roost network forward add %s), guests on a "
                   "bridged one can be reached as they are",
                   f->name.s, f->spec.network.s, f->spec.network.s);
}

/* ---- all together ---- */

struct wish {
    struct hostfwd f;
    struct name owner;
    bool network; /* it is a shared one that publishes it */
};

struct wishes {
    struct apply *a;
    struct wish *list;
    size_t n, room;
    struct err *e;
};

static int wish(struct wishes *w, const struct hostfwd *f, const struct name *owner, bool network)
{
    if (w->n == w->room) {
        size_t room = w->room ? 2 * w->room : 64;
        struct wish *list = realloc(w->list, room * sizeof *list);
        if (!list)
            return err_set(w->e, ERR_INTERNAL, "out of memory");
        w->list = list;
        w->room = room;
    }
    w->list[w->n++] = (struct wish){ *f, *owner, network };
    return 0;
}

static int wish_instance(struct wishes *w, const struct name *name, const struct hostfwd *list,
                         int n)
{
    for (int i = 0; i < n; i++)
        if (wish(w, &list[i], name, false) < 0)
            return -1;
    return 0;
}

/* The fleet's instances in their new form, not as they are on record. */
static int wish_recorded(const struct store_hostfwds *row, void *arg)
{
    struct wishes *w = arg;

    for (int i = 0; i < w->a->fleet.n_instances; i++)
        if (!strcmp(w->a->fleet.instances[i].name.s, row->name.s))
            return 0;
    return wish_instance(w, &row->name, row->list, row->n);
}

static int wish_network(const struct network *n, struct wishes *w)
{
    for (int i = 0; i < n->n_forwards; i++) {
        const struct forward *f = &n->forwards[i];
        const struct hostfwd as = { f->transport, f->at, f->port };
        if (wish(w, &as, &n->name, true) < 0)
            return -1;
    }
    return 0;
}

static int wish_network_recorded(const struct network *n, void *arg)
{
    struct wishes *w = arg;

    for (int i = 0; i < w->a->fleet.n_networks; i++)
        if (!strcmp(w->a->fleet.networks[i].name.s, n->name.s))
            return 0;
    return wish_network(n, w);
}

static int collect(struct wishes *w)
{
    const struct fleet *f = &w->a->fleet;

    for (int i = 0; i < f->n_networks; i++)
        if (wish_network(&f->networks[i], w) < 0)
            return -1;
    for (int i = 0; i < f->n_instances; i++)
        if (wish_instance(w, &f->instances[i].name, f->instances[i].spec.forwards,
                          f->instances[i].spec.n_forwards) < 0)
            return -1;
    if (!w->n) /* a fleet that asks for none meets nobody's */
        return 0;
    return core_networks_each(w->a->c, wish_network_recorded, w) < 0
               ? -1
               : store_hostfwds(w->a->c->store, wish_recorded, w, w->e);
}

/* 0.0.0.0 comes first among those of one port; equal ones stand as they are told. */
static int compare(const void *a, const void *b)
{
    const struct wish *x = a, *y = b;
    int order;

    if (x->f.transport != y->f.transport)
        return x->f.transport < y->f.transport ? -1 : 1;
    if (x->f.at.port != y->f.at.port)
        return x->f.at.port < y->f.at.port ? -1 : 1;
    order = ip_compare(&x->f.at.ip, &y->f.at.ip);
    if (order == 0)
        order = x->network - y->network;
    return order ? order : strcmp(x->owner.s, y->owner.s);
}

static bool is_one_port(const struct wish *a, const struct wish *b)
{
    return a->f.transport == b->f.transport && a->f.at.port == b->f.at.port;
}

/* Two networks were compared with each other before. */
static bool clash(const struct wish *a, const struct wish *b)
{
    const struct wish *network = a->network ? a : b, *other = a->network ? b : a;
    const struct forward f = { network->f.transport, network->f.at, { "" }, network->f.port };

    if (other->network)
        return false;
    return network->network ? hostfwd_clashes_forward(&other->f, &f)
                            : hostfwd_clashes(&a->f, &b->f);
}

static int refuse(const struct wish *a, const struct wish *b, struct err *e)
{
    char x[HOSTFWD_TEXT], y[HOSTFWD_TEXT];

    return err_set(e, ERR_CONFLICT,
                   "%s %s wants %s, and %s %s %s: one port of the host leads to one guest: give one "
                   "of them another",
                   a->network ? "network" : "instance", a->owner.s, hostfwd_format(&a->f, x),
                   b->network ? "network" : "instance", b->owner.s, hostfwd_format(&b->f, y));
}

/* Of one port those for all addresses come first, at most one of them an instance's, and then equal
 * addresses beside each other: who clashes does so with one of these. */
static int check_alone(const struct wishes *w, struct err *e)
{
    for (size_t i = 1, first = 0; i < w->n; i++) {
        const struct wish *is = &w->list[i];
        if (!is_one_port(&w->list[first], is)) {
            first = i;
            continue;
        }
        const struct wish *with[] = { &w->list[first], &w->list[first + 1], &w->list[i - 1] };
        for (size_t k = 0; k < ARRAY_SIZE(with); k++)
            if (with[k] < is && clash(with[k], is))
                return refuse(with[k], is, e);
    }
    return 0;
}

int apply_check_forwards(struct apply *a, struct err *e)
{
    struct wishes w = { .a = a, .e = e };
    int r = 0;

    for (int i = 0; i < a->fleet.n_instances; i++) {
        const struct fleet_instance *f = &a->fleet.instances[i];
        if (f->spec.n_forwards && (check_card(a, f, e) < 0 || check_ports(a->c, f, e) < 0))
            return -1;
    }
    r = collect(&w) < 0 ? -1 : 0;
    if (r == 0 && w.n > 1)
        qsort(w.list, w.n, sizeof *w.list, compare);
    if (r == 0)
        r = check_alone(&w, e);
    free(w.list);
    return r;
}
