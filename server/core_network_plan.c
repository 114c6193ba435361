/* What `up` would change on this host, only looked at, and the same in an administrator's forms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "netcfg/export.h"
#include "netcfg/link.h"
#include "netcfg/step.h"
#include "server/core_network.h"

#define ASKS_MAX 16

struct plan_ask {
    struct plan_ask *next;
    struct core *c;
    uint32_t id; /* of the verb */
    struct name name;
    struct net_step steps[PLAN_STEPS_MAX];
    int n;
    plan_ask_fn *fn;
    void *arg;
};

/* ---- asking ---- */

static struct plan_ask **ask_find(struct core *c, uint32_t id)
{
    struct plan_ask **at = &c->plan_asks;

    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

bool plan_ask_step(struct core *c, uint32_t id, const struct net_step *m)
{
    struct plan_ask *a = *ask_find(c, id);

    if (a && a->n < PLAN_STEPS_MAX)
        a->steps[a->n++] = *m;
    return a != NULL;
}

bool plan_ask_end(struct core *c, uint32_t id, const struct net_state *m, const struct err *err)
{
    struct plan_ask **at = ask_find(c, id), *a = *at;

    if (!a)
        return false;
    *at = a->next;
    a->fn(a->steps, a->n, m, err, a->arg);
    free(a);
    return true;
}

void plan_asks_free(struct core *c)
{
    const struct err gone = { .kind = ERR_BUSY, .text = "roost is ending" };

    while (c->plan_asks)
        plan_ask_end(c, c->plan_asks->id, NULL, &gone);
}

static int send_look(struct plan_ask *a, const struct network *n, struct err *e)
{
    auto_free struct net_up *up = calloc(1, sizeof *up);
    auto_buf struct buf b = BUF_INIT;

    if (!up)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (network_values(a->c, n, up, e) < 0)
        return -1;
    net_up_encode(up, &b);
    a->id = chan_next_id(a->c->roostd);
    return proto_send(a->c->roostd, P_NET_LOOK, a->id, &b, NULL, 0, e);
}

static int room(const struct core *c, struct err *e)
{
    int n = 0;

    for (const struct plan_ask *a = c->plan_asks; a; a = a->next)
        n++;
    return n < ASKS_MAX ? 0 : err_set(e, ERR_BUSY, "%d plans are being made; try again", n);
}

int network_ask_plan(struct core *c, const char *name, plan_ask_fn *fn, void *arg, struct err *e)
{
    const struct network *n = core_network(c, name);
    struct plan_ask *a;

    if (!n)
        return err_set(e, ERR_NOT_FOUND, "there is no network \"%s\"", name);
    if (n->kind == NETWORK_USER)
        return err_set(e, ERR_INVALID, "network %s is QEMU's own: it changes nothing on this host",
                       name);
    if (room(c, e) < 0)
        return -1;
    if (!(a = calloc(1, sizeof *a)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    *a = (struct plan_ask){ .c = c, .name = n->name, .fn = fn, .arg = arg };
    if (send_look(a, n, e) < 0) {
        free(a);
        return -1;
    }
    a->next = c->plan_asks;
    c->plan_asks = a;
    return 0;
}

/* ---- who asked ---- */

struct asker {
    struct core *c;
    struct name name;
    enum export_format format;
    core_op_fn *done;
    void *arg;
};

static void ask(struct core *c, const char *name, enum export_format f, plan_ask_fn *fn,
                core_op_fn *done, void *arg)
{
    struct asker *k = calloc(1, sizeof *k);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (k) {
        *k = (struct asker){ .c = c, .format = f, .done = done, .arg = arg };
        snprintf(k->name.s, sizeof k->name.s, "%s", name);
        if (network_ask_plan(c, name, fn, k, &e) == 0)
            return;
    }
    free(k);
    done(NULL, &e, arg);
}

static void answer(struct asker *k, json_t *result, const struct err *err)
{
    struct err e = { .kind = ERR_NONE };

    if (err) {
        e = *err;
        network_wrap(k->name.s, &e);
    }
    k->done(result, err ? &e : NULL, k->arg);
    json_decref(result);
    free(k);
}

/* ---- plan ---- */

static json_t *describe(const char *line)
{
    auto_buf struct buf b = BUF_INIT;
    struct step s;

    if (step_parse(line, &s, NULL) < 0)
        return json_string(line);
    step_describe(&s, &b);
    return json_string(buf_str(&b));
}

static bool is_step(const struct net_step *steps, int n, const char *line)
{
    for (int i = 0; i < n; i++)
        if (strcmp(steps[i].line, line) == 0)
            return true;
    return false;
}

/* Marks the steps that the ledger has, and lists what it has beside them. */
static int compare(struct core *c, const char *name, const struct net_step *steps, int n,
                   bool done[PLAN_STEPS_MAX], json_t *leftover, struct err *e)
{
    struct ledger_row row = { .number = INT64_MAX };
    int r;

    while ((r = store_ledger_before(c->store, name, row.number, &row, e)) == 1) {
        for (int i = 0; i < n; i++)
            done[i] |= strcmp(steps[i].line, row.line) == 0;
        if (!is_step(steps, n, row.line))
            json_array_append_new(leftover, json_pack("{s:o}", "do", describe(row.line)));
    }
    return r;
}

static void planned(const struct net_step *steps, int n, const struct net_state *m,
                    const struct err *err, void *arg)
{
    bool done[PLAN_STEPS_MAX] = { false };
    struct asker *k = arg;
    json_t *list, *leftover;
    struct err e;

    if (err) {
        answer(k, NULL, err);
        return;
    }
    list = json_array();
    leftover = json_array();
    if (compare(k->c, k->name.s, steps, n, done, leftover, &e) < 0)
        err = &e;
    for (int i = 0; i < n; i++)
        json_array_append_new(
            list, json_pack("{s:o, s:b}", "do", describe(steps[i].line), "done", done[i]));
    answer(k,
           json_pack("{s:s, s:s, s:o, s:o}", "bridge", m->bridge, "warning", m->problem, "steps",
                     list, "leftover", leftover),
           err);
}

void core_network_plan(struct core *c, const char *name, core_op_fn *done, void *arg)
{
    ask(c, name, 0, planned, done, arg);
}

/* ---- export ---- */

/* What an export is rendered from: plenty, so on the heap. */
struct exporting {
    struct net_up up;
    struct plan plan;
    struct firewall_net wall;
    char allow[NETWORK_ALLOW_MAX][IFNAME_SIZE];
    struct reservation *list;
    size_t n;
    struct facts facts; /* the parent's addresses and routes, which go over to the bridge */
};

static int plan_of(const struct net_step *steps, int n, const struct net_state *m, struct plan *ret,
                   struct err *e)
{
    char own[IFNAME_SIZE];

    for (int i = 0; i < n; i++)
        if (step_parse(steps[i].line, &ret->steps[ret->n++], e) < 0)
            return -1;
    memcpy(ret->bridge, m->bridge, sizeof ret->bridge);
    memcpy(ret->warning, m->problem, sizeof ret->warning);
    network_bridge(&m->network, own);
    ret->foreign = strcmp(ret->bridge, own) != 0;
    return 0;
}

/* Up or not: an export is for a host on which all of them are. */
static void wall_of(struct core *c, struct exporting *x)
{
    const struct network *n = &x->up.network;

    x->wall = (struct firewall_net){ .network = n,
                                     .bridge = x->plan.bridge,
                                     .seed_port = x->up.seed_port };
    memcpy(x->wall.forward_to, x->up.forward_to, sizeof x->wall.forward_to);
    for (int i = 0; i < n->n_allow; i++) {
        const char *device = network_device(c, n->allow[i].s);
        if (*device)
            memcpy(x->allow[i], device, IFNAME_SIZE);
        else
            network_bridge(&n->allow[i], x->allow[i]);
        x->wall.allow[x->wall.n_allow++] = x->allow[i];
    }
}

static int look(struct facts *ret, struct err *e)
{
    struct netlink *n = netlink_open(e);
    int r = n ? link_facts(n, ret, e) : -1;

    netlink_close(n);
    return r;
}

static int render(struct asker *k, struct exporting *x, const struct net_step *steps, int n,
                  const struct net_state *m, struct buf *out, struct err *e)
{
    const struct network *network = core_network(k->c, k->name.s);

    if (!network)
        return err_set(e, ERR_NOT_FOUND, "it was removed meanwhile");
    if (network_values(k->c, network, &x->up, e) < 0 || plan_of(steps, n, m, &x->plan, e) < 0 ||
        network_reservations(k->c, k->name.s, &x->list, &x->n, e) < 0 || look(&x->facts, e) < 0)
        return -1;
    wall_of(k->c, x);
    const struct export_input in = { .network = network,
                                     .plan = &x->plan,
                                     .firewall = &x->wall,
                                     .reservations = x->list,
                                     .n_reservations = x->n,
                                     .facts = &x->facts };
    if (export_render(k->format, &in, out, e) < 0)
        return -1;
    return buf_check(out, e);
}

static void exported(const struct net_step *steps, int n, const struct net_state *m,
                     const struct err *err, void *arg)
{
    auto_free struct exporting *x = calloc(1, sizeof *x);
    auto_buf struct buf text = BUF_INIT;
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    struct asker *k = arg;

    if (!err && (!x || render(k, x, steps, n, m, &text, &e) < 0))
        err = &e;
    if (x) {
        free(x->list);
        facts_done(&x->facts);
    }
    answer(k, err ? NULL : json_pack("{s:s%}", "text", buf_str(&text), text.len), err);
}

static int format_of(const char *s, struct err *e)
{
    auto_buf struct buf names = BUF_INIT;
    int f = export_format_from_name(s);

    if (f >= 0)
        return f;
    for (int i = 0; i < EXPORT_FORMATS; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", export_format_name((enum export_format)i));
    return err_set(e, ERR_INVALID, "format: \"%.40s\" is none of %s", s, buf_str(&names));
}

void core_network_export(struct core *c, const char *name, const char *format, core_op_fn *done,
                         void *arg)
{
    struct err e;
    int f = format_of(format, &e);

    if (f < 0)
        done(NULL, &e, arg);
    else
        ask(c, name, (enum export_format)f, exported, done, arg);
}
