/* What iptables-save says of our chains, and taking them away again. */
#include "netcfg/firewall.h"

#include <string.h>

#include "netcfg/firewall_chain.h"

static int common_find(const struct fw_text *name)
{
    for (int i = 0; i < FW_COMMONS; i++)
        if (fw_text_is(name, fw_commons[i].name))
            return i;
    return -1;
}

static int hook_find(const struct fw_line *l)
{
    for (int i = 0; i < FW_HOOKS; i++)
        if (fw_text_is(&l->chain, fw_hooks[i].from) &&
            fw_text_is(&l->target, fw_commons[fw_hooks[i].to].name))
            return i;
    return -1;
}

/* Cuts BRIDGE-SUFFIX; -1: no name of ours. */
static int net_chain_cut(const struct fw_text *name, struct fw_text *ret_bridge)
{
    for (int i = 0; i < FW_NETS; i++) {
        const size_t tail = strlen(fw_nets[i].suffix) + 1;
        const char *at = name->s + name->len - tail;

        if (name->len > tail && name->len - tail < IFNAME_SIZE && *at == '-' &&
            !memcmp(at + 1, fw_nets[i].suffix, tail - 1)) {
            *ret_bridge = (struct fw_text){ name->s, name->len - tail };
            return i;
        }
    }
    return -1;
}

static void seen_add(struct firewall_hooks *h, const struct fw_text *bridge, int chain)
{
    int i = 0;

    while (i < h->n_seen && !fw_text_is(bridge, h->seen[i].bridge))
        i++;
    if (i == FIREWALL_SEEN_MAX)
        return;
    if (i == h->n_seen) {
        h->n_seen++;
        memcpy(h->seen[i].bridge, bridge->s, bridge->len);
    }
    h->seen[i].chains |= (uint8_t)(1u << chain);
}

static void read_chain(const struct fw_line *l, struct firewall_hooks *h)
{
    const int common = common_find(&l->chain);

    if (common >= 0 && (int)fw_commons[common].table == l->table)
        h->commons |= (uint8_t)(1u << common);
    else if (l->table == FW_FILTER && fw_text_is(&l->chain, "FORWARD"))
        h->forward_drop = fw_text_is(&l->policy, "DROP");
}

static void read_rule(const struct fw_line *l, struct firewall_hooks *h)
{
    struct fw_text bridge;
    const int from = common_find(&l->chain), net = net_chain_cut(&l->target, &bridge),
              hook = hook_find(l);

    if (hook >= 0 && (int)fw_commons[fw_hooks[hook].to].table == l->table)
        h->hooks |= (uint8_t)(1u << hook);
    else if (from >= 0 && net >= 0 && (int)fw_nets[net].from == from)
        seen_add(h, &bridge, net);
    else if (l->table == FW_FILTER && fw_text_is(&l->chain, "FORWARD") &&
             !(h->hooks >> FW_HOOK_FORWARD & 1))
        h->foreign++;
}

void firewall_hooks_read(const char *save, size_t len, struct firewall_hooks *ret)
{
    struct fw_text rest = { save, len };
    struct fw_line l;
    int table = -1;

    *ret = (struct firewall_hooks){ 0 };
    while (fw_line_next(&rest, &table, &l)) {
        if (table < 0)
            continue;
        if (l.kind == FW_LINE_CHAIN)
            read_chain(&l, ret);
        else if (l.kind == FW_LINE_RULE)
            read_rule(&l, ret);
    }
    ret->chains = ret->commons != 0;
    ret->forward = ret->hooks >> FW_HOOK_FORWARD & 1;
    ret->input = ret->hooks >> FW_HOOK_INPUT & 1;
    ret->prerouting = ret->hooks >> FW_HOOK_PREROUTING & 1;
    ret->output = ret->hooks >> FW_HOOK_OUTPUT & 1;
    ret->postrouting = ret->hooks >> FW_HOOK_POSTROUTING & 1;
    if (!ret->forward)
        ret->foreign = 0; /* ours will be the first */
}

/* ---- down ---- */

struct down {
    const char *bridge, *save;
    size_t len;
    bool last;
    enum fw_table table;
    struct buf body;
};

/* Is it a chain that goes? */
static bool goes(const struct down *d, const struct fw_text *name)
{
    struct fw_text bridge;
    const int common = common_find(name);

    if (common >= 0)
        return d->last && fw_commons[common].table == d->table;
    const int net = net_chain_cut(name, &bridge);
    return net >= 0 && fw_text_is(&bridge, d->bridge) &&
           fw_commons[fw_nets[net].from].table == d->table;
}

/* A rule of ours that leads to a chain that goes: a hook, or a jump of a common chain. */
static bool leads(const struct fw_line *l)
{
    struct fw_text bridge;

    return hook_find(l) >= 0 ||
           (common_find(&l->chain) >= 0 && net_chain_cut(&l->target, &bridge) >= 0);
}

/* Does somebody else's rule lead to the chain? */
static bool foreign_leads(const struct down *d, const struct fw_text *name)
{
    struct fw_text rest = { d->save, d->len };
    struct fw_line l;
    int table = -1;

    while (fw_line_next(&rest, &table, &l))
        if (table == (int)d->table && l.kind == FW_LINE_RULE && l.target.len == name->len &&
            !memcmp(l.target.s, name->s, name->len) && !leads(&l) && !goes(d, &l.chain))
            return true;
    return false;
}

static void cut_jump(struct down *d, const struct fw_line *l)
{
    if (l->kind != FW_LINE_RULE || !goes(d, &l->target) || !leads(l))
        return;
    buf_puts(&d->body, "-D ");
    buf_put(&d->body, l->chain.s, l->chain.len);
    buf_put(&d->body, l->spec.s, l->spec.len);
    buf_putc(&d->body, '\n');
}

static void cut_rules(struct down *d, const struct fw_line *l)
{
    if (l->kind == FW_LINE_CHAIN && goes(d, &l->chain))
        buf_printf(&d->body, "-F %.*s\n", (int)l->chain.len, l->chain.s);
}

static void cut_chain(struct down *d, const struct fw_line *l)
{
    if (l->kind == FW_LINE_CHAIN && goes(d, &l->chain) && !foreign_leads(d, &l->chain))
        buf_printf(&d->body, "-X %.*s\n", (int)l->chain.len, l->chain.s);
}

void firewall_render_down(const char *bridge, bool last, const char *save, size_t len,
                          struct buf *out)
{
    static void (*const passes[])(struct down *, const struct fw_line *) = { cut_jump, cut_rules,
                                                                             cut_chain };

    for (int t = 0; t < FW_TABLES; t++) {
        struct down d = { bridge, save, len, last, (enum fw_table)t, BUF_INIT };

        for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
            struct fw_text rest = { save, len };
            struct fw_line l;
            int table = -1;

            while (fw_line_next(&rest, &table, &l))
                if (table == t)
                    passes[i](&d, &l);
        }
        if (d.body.len)
            buf_printf(out, "*%s\n%sCOMMIT\n", fw_table_names[t], buf_str(&d.body));
        out->failed |= d.body.failed;
        buf_done(&d.body);
    }
}
