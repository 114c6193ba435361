/* The chains of netcfg/firewall.h as tables: what the renderer makes and what is looked for in
 * iptables-save's text. */
#ifndef NETCFG_FIREWALL_CHAIN_H
#define NETCFG_FIREWALL_CHAIN_H

#include <stdbool.h>
#include <stddef.h>

enum fw_table { FW_FILTER, FW_NAT, FW_TABLES };
extern const char *const fw_table_names[FW_TABLES];

/* Chains that all networks share. */
enum fw_common { FW_FORWARD, FW_TO, FW_INPUT, FW_DNAT, FW_SNAT, FW_COMMONS };
struct fw_common_row {
    enum fw_table table;
    const char *name; /* "ROOST-FORWARD" */
};
extern const struct fw_common_row fw_commons[FW_COMMONS];

/* Rules that lead from somebody else's chain (or one of ours, for ROOST-TO) into a common one. */
enum fw_hook {
    FW_HOOK_FORWARD,
    FW_HOOK_TO,
    FW_HOOK_INPUT,
    FW_HOOK_PREROUTING,
    FW_HOOK_OUTPUT,
    FW_HOOK_POSTROUTING,
    FW_HOOKS
};
struct fw_hook_row {
    const char *from; /* "FORWARD" */
    enum fw_common to;
    bool first; /* at the beginning of `from`, else at its end */
    const char *match;
};
extern const struct fw_hook_row fw_hooks[FW_HOOKS];

/* Chains of one network: BRIDGE-SUFFIX. */
enum fw_own { FW_NET_FORWARD, FW_NET_TO, FW_NET_IN, FW_NET_OWN, FW_NET_DNAT, FW_NET_SNAT, FW_NETS };
struct fw_own_row {
    const char *suffix; /* "fwd" */
    enum fw_common from;
    bool first;
};
extern const struct fw_own_row fw_nets[FW_NETS];

/* iptables takes 28 bytes (XT_EXTENSION_MAXNAMELEN less its zero): 15 of a device, 5 of a suffix.
 */
#define FW_CHAIN_SIZE 29
void fw_net_chain(const char *bridge, enum fw_own chain, char ret[FW_CHAIN_SIZE]);

/* A line of iptables-save, cut up in place: nothing is terminated. */
struct fw_text {
    const char *s;
    size_t len;
};
struct fw_line {
    enum { FW_LINE_OTHER, FW_LINE_CHAIN, FW_LINE_RULE } kind;
    int table;             /* enum fw_table, -1: one that is not ours to look at */
    struct fw_text chain;  /* its name */
    struct fw_text policy; /* CHAIN: "DROP", "-" */
    struct fw_text spec;   /* RULE: what stands behind the chain's name */
    struct fw_text target; /* RULE: behind -j or -g; empty: none */
};
/* Cuts the next line off `rest`, false at the end. Lines with counters ([1:2] -A …) too. `table` is
 * kept from call to call, at first -1. */
bool fw_line_next(struct fw_text *rest, int *table, struct fw_line *ret);
bool fw_text_is(const struct fw_text *t, const char *s);

#endif
