/* The doctor, on core's side: asks roostd of the host and of one network after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/core_network.h"

#define CHECKS_MAX 16

struct net_doctor {
    struct net_doctor *next;
    struct core *c;
    uint32_t id; /* of the verb */
    struct name *list;
    size_t n, at; /* list[at] is asked for; "" is the host */
    json_t *rows;
    size_t of_host; /* how many of them: they are not said again of each network */
    core_op_fn *done;
    void *arg;
};

static const char *const levels[NET_GRADES] = {
    [NET_FINE] = "ok", [NET_WARN] = "warn", [NET_BAD] = "error"
};

/* ---- the end ---- */

static void doctor_free(struct net_doctor *d)
{
    json_decref(d->rows);
    free(d->list);
    free(d);
}

static void doctor_end(struct net_doctor *d, const struct err *err)
{
    struct net_doctor **at = &d->c->doctors;
    json_t *result = err ? NULL : json_pack("{s:O}", "checks", d->rows);

    while (*at && *at != d)
        at = &(*at)->next;
    if (*at)
        *at = d->next;
    d->done(result, err, d->arg);
    json_decref(result);
    doctor_free(d);
}

void net_doctors_free(struct core *c)
{
    const struct err gone = { .kind = ERR_BUSY, .text = "roost is ending" };

    while (c->doctors)
        doctor_end(c->doctors, &gone);
}

/* ---- asking ---- */

static bool any_is_up(const struct net_doctor *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->list[i].s[0] && network_is_up(d->c, d->list[i].s))
            return true;
    return false;
}

static int fill(struct net_doctor *d, struct net_check *v, struct err *e)
{
    const char *name = d->list[d->at].s;
    const struct network *n = *name ? core_network(d->c, name) : NULL;

    v->of_network = n != NULL;
    v->is_up = n ? network_is_up(d->c, name) : any_is_up(d);
    return n ? network_values(d->c, n, &v->up, e) : 0;
}

static int ask(struct net_doctor *d, struct err *e)
{
    auto_free struct net_check *v = calloc(1, sizeof *v);
    auto_buf struct buf b = BUF_INIT;

    if (!v)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (fill(d, v, e) < 0)
        return -1;
    net_check_encode(v, &b);
    d->id = chan_next_id(d->c->roostd);
    return proto_send(d->c->roostd, P_NET_CHECK, d->id, &b, NULL, 0, e);
}

static struct net_doctor *doctor_find(const struct core *c, uint32_t id)
{
    struct net_doctor *d = c->doctors;

    while (d && d->id != id)
        d = d->next;
    return d;
}

static bool said_of_host(const struct net_doctor *d, const struct net_finding *m)
{
    for (size_t i = 0; i < d->of_host; i++) {
        const json_t *row = json_array_get(d->rows, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *detail = json_string_value(json_object_get(row, "detail"));
        const char *level = json_string_value(json_object_get(row, "level"));
        if (!strcmp(name, m->what) && !strcmp(detail, m->cause) && !strcmp(level, levels[m->grade]))
            return true;
    }
    return false;
}

void network_finding(struct core *c, uint32_t id, const struct net_finding *m)
{
    struct net_doctor *d = doctor_find(c, id);

    if (!d || said_of_host(d, m))
        return;
    json_array_append_new(d->rows,
                          json_pack("{s:s, s:s, s:b, s:s, s:s, s:s}", "network", d->list[d->at].s,
                                    "name", m->what, "ok", m->grade == NET_FINE, "level",
                                    levels[m->grade], "detail", m->cause, "mend", m->mend));
}

/* A network that was removed meanwhile is not asked for. */
static bool next(struct net_doctor *d)
{
    if (!d->list[d->at].s[0])
        d->of_host = json_array_size(d->rows);
    do
        d->at++;
    while (d->at < d->n && !core_network(d->c, d->list[d->at].s));
    return d->at < d->n;
}

bool net_doctor_end(struct core *c, uint32_t id, const struct err *err)
{
    struct net_doctor *d = doctor_find(c, id);
    struct err e;

    if (!d)
        return false;
    if (err->kind != ERR_NONE)
        doctor_end(d, err);
    else if (!next(d))
        doctor_end(d, NULL);
    else if (ask(d, &e) < 0)
        doctor_end(d, &e);
    return true;
}

/* ---- who asked ---- */

static int add(struct net_doctor *d, const char *name)
{
    struct name *list = reallocarray(d->list, d->n + 1, sizeof *list);

    if (!list)
        return -1;
    d->list = list;
    d->list[d->n] = (struct name){ "" };
    snprintf(d->list[d->n++].s, sizeof list->s, "%s", name);
    return 0;
}

static int add_network(const struct network *n, void *arg)
{
    return add(arg, n->name.s);
}

static int begin(struct net_doctor *d, const char *name, struct err *e)
{
    struct core *c = d->c;
    int n = 0;

    for (const struct net_doctor *o = c->doctors; o; o = o->next)
        n++;
    if (n >= CHECKS_MAX)
        return err_set(e, ERR_BUSY, "%d checks are being made; try again", n);
    if (name && !core_network(c, name))
        return err_set(e, ERR_NOT_FOUND, "there is no network \"%s\"; roost network list has them",
                       name);
    d->rows = json_array();
    if (!d->rows || (name ? add(d, name) : add(d, "")) < 0 ||
        (!name && core_networks_each(c, add_network, d)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    return ask(d, e);
}

void core_network_check(struct core *c, const char *name, core_op_fn *done, void *arg)
{
    struct net_doctor *d = calloc(1, sizeof *d);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (d)
        *d = (struct net_doctor){ .c = c, .done = done, .arg = arg };
    if (d && begin(d, name, &e) == 0) {
        d->next = c->doctors;
        c->doctors = d;
        return;
    }
    if (d)
        doctor_free(d);
    done(NULL, &e, arg);
}
