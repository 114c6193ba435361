/* Single steps, carried out and taken back: those that were planned here, and nothing else. */
#include <string.h>

#include "base/cleanup.h"
#include "server/nets_priv.h"

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

/* Taps of guests that run when their bridge is made anew belong to it again. */
static int taps_join(struct net *t, struct err *e)
{
    struct netlink *nl = t->nets->netlink;
    char prefix[TAP_ALIAS_SIZE], alias[PLAN_ALIAS_SIZE];
    struct facts f = { 0 };
    int r = link_facts(nl, &f, e);

    net_tap_alias(&t->name, "", prefix);
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
        resolved_up(t, id);
        return 1;
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
        resolved_down(n, &m->network, s->device, id);
        return 1;
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
