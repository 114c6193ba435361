#include "netcfg/firewall.h"

#include <stdio.h>
#include <string.h>

#include "netcfg/firewall_chain.h"

struct render {
    const struct firewall_net *n;
    struct buf *out;
    enum fw_own chain;   /* that rules are added to */
    char net[CIDR_TEXT]; /* "" none */
    char host[IP_TEXT];  /* "" none */
};

int firewall_check(const char *bridge, struct err *e)
{
    static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const size_t len = strlen(bridge);
    bool ok = len > 0 && len < IFNAME_SIZE && strchr(alnum, bridge[0]);

    for (size_t i = 1; ok && i < len; i++)
        ok = strchr(alnum, bridge[i]) || strchr("._-", bridge[i]);
    if (!ok)
        return err_set(e, ERR_INVALID,
                       "device \"%.15s\": iptables cannot name it; expected 1 to 15 letters, "
                       "digits, '.', '_', '-', a letter or digit first",
                       bridge);
    return 0;
}

/* One rule at the end of the chain: `-A CHAIN MATCH -m comment … -j TARGET`. */
__attribute__((format(printf, 3, 4))) static void rule(const struct render *r, const char *target,
                                                       const char *fmt, ...)
{
    char match[256], chain[FW_CHAIN_SIZE];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(match, sizeof match, fmt, ap);
    va_end(ap);
    fw_net_chain(r->n->bridge, r->chain, chain);
    buf_printf(r->out, "-A %s %s%s-m comment --comment \"roost %s\" -j %s\n", chain, match,
               *match ? " " : "", r->n->network->name.s, target);
}

static bool guarded(const struct render *r)
{
    return r->n->network->kind == NETWORK_SHARED || r->n->network->kind == NETWORK_HOST_ONLY;
}

#define ESTABLISHED "-m conntrack --ctstate RELATED,ESTABLISHED"
#define TCP_RESET   "REJECT --reject-with tcp-reset"
#define UNREACHABLE "REJECT --reject-with icmp-port-unreachable"

/* What guests send. Frames between them come by here with br_netfilter. */
static void fill_forward(const struct render *r)
{
    rule(r, "ACCEPT", "-o %s", r->n->bridge);
    if (!guarded(r))
        return;
    rule(r, "DROP", "! -s %s", r->net);
    rule(r, "ACCEPT", ESTABLISHED);
    /* NAT does not touch what belongs to no connection: it would leave with the guest's address. */
    rule(r, "DROP", "-m conntrack --ctstate INVALID");
    for (int i = 0; i < r->n->n_allow; i++)
        rule(r, "ACCEPT", "-o %s", r->n->allow[i]);
    if (r->n->network->kind == NETWORK_SHARED) {
        rule(r, fw_commons[FW_TO].name, "%s", "");
        rule(r, "ACCEPT", "%s", "");
    } else {
        /* With br_netfilter a reset leaves without being translated back: the guest that asked for
         * a published port would not take it for its answer. */
        rule(r, TCP_RESET, "-p tcp -m conntrack ! --ctstate DNAT");
        rule(r, UNREACHABLE, "%s", "");
    }
}

static void fill_to(const struct render *r)
{
    if (!guarded(r))
        return;
    rule(r, "ACCEPT", ESTABLISHED);
    if (r->n->network->kind == NETWORK_SHARED)
        rule(r, "ACCEPT", "-m conntrack --ctstate DNAT");
    rule(r, TCP_RESET, "-p tcp");
    rule(r, UNREACHABLE, "%s", "");
}

/* The services that the host has for guests: the target for each. */
static void services(const struct render *r, const char *target, const char *from)
{
    const bool dns = guarded(r) || r->n->network->dhcp;
    char to[IP_TEXT + 8] = "";

    if (*r->host) {
        snprintf(to, sizeof to, "-d %s/32 ", r->host);
        if (dns) {
            rule(r, target, "%s%s-p udp -m udp --dport 53", from, to);
            rule(r, target, "%s%s-p tcp -m tcp --dport 53", from, to);
        }
    }
    if (r->n->seed_port)
        rule(r, target, "%s%s-p tcp -m tcp --dport %u", from, to, r->n->seed_port);
}

static void fill_in(const struct render *r)
{
    /* RFC 2131 section 4.1: from 0.0.0.0 to 255.255.255.255, so before the source is looked at. */
    if (r->n->network->dhcp)
        rule(r, "ACCEPT", "-p udp -m udp --dport 67");
    if (guarded(r)) {
        rule(r, "DROP", "! -s %s", r->net);
        rule(r, "ACCEPT", ESTABLISHED);
    }
    services(r, "ACCEPT", "");
    if (!guarded(r))
        return;
    rule(r, "ACCEPT", "-p icmp -m icmp --icmp-type 8");
    rule(r, TCP_RESET, "-p tcp");
    rule(r, UNREACHABLE, "%s", "");
}

/* A port published on 0.0.0.0 must not take away the host's own services on the bridge. */
static void fill_own(const struct render *r)
{
    if (*r->host)
        services(r, "ACCEPT", "");
}

static void fill_dnat(const struct render *r)
{
    const struct network *n = r->n->network;

    if (n->kind != NETWORK_SHARED)
        return;
    for (int i = 0; i < n->n_forwards; i++) {
        const struct forward *f = &n->forwards[i];
        const struct ip *to = &r->n->forward_to[i], *at = &f->at.ip;
        const char *transport = transport_name(f->transport);
        char target[64], text[IP_TEXT], match[IP_TEXT + 8] = "";

        if (to->family != 4 || at->family != 4 || ip_is_loopback(at))
            continue;
        if (!ip_equal(at, &(struct ip){ .family = 4 }))
            snprintf(match, sizeof match, "-d %s/32 ", ip_format(at, text));
        snprintf(target, sizeof target, "DNAT --to-destination %s:%u", ip_format(to, text),
                 f->port);
        /* LOCAL: what guests send to that port elsewhere in the world is not for us. */
        rule(r, target, "%s-p %s -m addrtype --dst-type LOCAL -m %s --dport %u", match, transport,
             transport, f->at.port);
    }
}

static void fill_snat(const struct render *r)
{
    if (r->n->network->kind != NETWORK_SHARED)
        return;
    /* With br_netfilter frames that are flooded to other ports come by here as well. */
    rule(r, "RETURN", "-d 224.0.0.0/4");
    rule(r, "RETURN", "-d 255.255.255.255/32");
    rule(r, "MASQUERADE", "-s %s ! -d %s", r->net, r->net);
    /* Hairpin: the answer has to come back through us. */
    rule(r, "MASQUERADE", "-s %s -d %s -m conntrack --ctstate DNAT", r->net, r->net);
}

static void (*const fills[FW_NETS])(const struct render *r) = {
    [FW_NET_FORWARD] = fill_forward, [FW_NET_TO] = fill_to,     [FW_NET_IN] = fill_in,
    [FW_NET_OWN] = fill_own,         [FW_NET_DNAT] = fill_dnat, [FW_NET_SNAT] = fill_snat,
};

/* How packets of a network are told from others' in the common chain: by the bridge alone, so that
 * a jump that stands stays right when addresses change. */
static const char *const jump_match[FW_NETS] = {
    [FW_NET_FORWARD] = "-i",
    [FW_NET_TO] = "-o",
    [FW_NET_IN] = "-i",
};

static void jump(const struct render *r, enum fw_own chain)
{
    const struct fw_own_row *row = &fw_nets[chain];
    char name[FW_CHAIN_SIZE];

    fw_net_chain(r->n->bridge, chain, name);
    buf_printf(r->out, "%s %s%s ", row->first ? "-I" : "-A", fw_commons[row->from].name,
               row->first ? " 1" : "");
    if (jump_match[chain])
        buf_printf(r->out, "%s %s ", jump_match[chain], r->n->bridge);
    buf_printf(r->out, "-m comment --comment \"roost %s\" -j %s\n", r->n->network->name.s, name);
}

static void hook(const struct fw_hook_row *row, struct buf *out)
{
    buf_printf(out, "%s %s%s %s%s-m comment --comment roost -j %s\n", row->first ? "-I" : "-A",
               row->from, row->first ? " 1" : "", row->match, *row->match ? " " : "",
               fw_commons[row->to].name);
}

static uint8_t seen_chains(const struct firewall_hooks *have, const char *bridge)
{
    for (int i = 0; i < have->n_seen; i++)
        if (!strcmp(have->seen[i].bridge, bridge))
            return have->seen[i].chains;
    return 0;
}

/* What is there of a network's chains, and what shall be there. */
struct todo {
    uint8_t seen, want; /* bits of enum fw_own */
    struct buf rules[FW_NETS];
};

static void todo_fill(struct render *r, const struct firewall_hooks *have, struct todo *t)
{
    struct buf *out = r->out;

    *t = (struct todo){ .seen = seen_chains(have, r->n->bridge) };
    for (int i = 0; i < FW_NETS; i++) {
        r->out = &t->rules[i];
        r->chain = (enum fw_own)i;
        fills[i](r);
        t->want |= (uint8_t)((t->rules[i].len > 0) << i);
    }
    r->out = out;
}

/* A declared chain of ours is emptied, so a common one is only where it is missing. */
static void declare(const struct render *r, const struct firewall_hooks *have, const struct todo *t,
                    enum fw_table table)
{
    char name[FW_CHAIN_SIZE];

    for (int i = 0; i < FW_COMMONS; i++)
        if (fw_commons[i].table == table && !(have->commons >> i & 1))
            buf_printf(r->out, ":%s - [0:0]\n", fw_commons[i].name);
    for (int i = 0; i < FW_NETS; i++) {
        fw_net_chain(r->n->bridge, (enum fw_own)i, name);
        if (fw_commons[fw_nets[i].from].table == table && ((t->want | t->seen) >> i & 1))
            buf_printf(r->out, ":%s - [0:0]\n", name);
    }
}

static void render_table(const struct render *r, const struct firewall_hooks *have, struct todo *t,
                         enum fw_table table)
{
    buf_printf(r->out, "*%s\n", fw_table_names[table]);
    declare(r, have, t, table);
    for (int i = 0; i < FW_HOOKS; i++)
        if (fw_commons[fw_hooks[i].to].table == table && !(have->hooks >> i & 1))
            hook(&fw_hooks[i], r->out);
    for (int i = 0; i < FW_NETS; i++) {
        if (fw_commons[fw_nets[i].from].table != table)
            continue;
        if (t->want >> i & 1 && !(t->seen >> i & 1))
            jump(r, (enum fw_own)i);
        buf_puts(r->out, buf_str(&t->rules[i]));
    }
    buf_puts(r->out, "COMMIT\n");
}

void firewall_render_up(const struct firewall_net *n, const struct firewall_hooks *have,
                        struct buf *out)
{
    struct render r = { .n = n, .out = out };
    struct todo t;

    if (firewall_check(n->bridge, NULL) < 0 || n->network->kind == NETWORK_USER) {
        out->failed = true;
        return;
    }
    cidr_format(&n->network->cidr, r.net);
    ip_format(&n->network->host, r.host);
    todo_fill(&r, have, &t);
    for (int i = 0; i < FW_TABLES; i++)
        render_table(&r, have, &t, (enum fw_table)i);
    for (int i = 0; i < FW_NETS; i++) {
        out->failed |= t.rules[i].failed;
        buf_done(&t.rules[i]);
    }
}

void firewall_render_export(const struct firewall_net *n, struct buf *out)
{
    static const struct firewall_hooks none;

    buf_printf(out,
               "# Network %s, as roost would filter it. Load once, where other rules stand:\n"
               "#     iptables-restore --noflush FILE\n"
               "# There is nothing of other networks and of the host's own rules in it.\n",
               n->network->name.s);
    firewall_render_up(n, &none, out);
}
