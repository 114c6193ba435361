#include "netcfg/firewall_chain.h"

#include <stdio.h>
#include <string.h>

const char *const fw_table_names[FW_TABLES] = { "filter", "nat" };

const struct fw_common_row fw_commons[FW_COMMONS] = {
    [FW_FORWARD] = { FW_FILTER, "ROOST-FORWARD" }, [FW_TO] = { FW_FILTER, "ROOST-TO" },
    [FW_INPUT] = { FW_FILTER, "ROOST-INPUT" },     [FW_DNAT] = { FW_NAT, "ROOST-DNAT" },
    [FW_SNAT] = { FW_NAT, "ROOST-SNAT" },
};

/* 127.0.0.0/8 stays the host's own: a packet from 127.0.0.1 could leave for a guest only with
 * route_localnet, which opens the loopback services of the host to its neighbours (CVE-2020-8558).
 * The host itself reaches a published port at any of its other addresses. */
#define NOT_LOOPBACK "! -d 127.0.0.0/8"

const struct fw_hook_row fw_hooks[FW_HOOKS] = {
    [FW_HOOK_FORWARD] = { "FORWARD", FW_FORWARD, true, "" },
    /* Behind all networks' own: what comes from none of them may still go to one. */
    [FW_HOOK_TO] = { "ROOST-FORWARD", FW_TO, false, "" },
    [FW_HOOK_INPUT] = { "INPUT", FW_INPUT, true, "" },
    [FW_HOOK_PREROUTING] = { "PREROUTING", FW_DNAT, true, NOT_LOOPBACK },
    [FW_HOOK_OUTPUT] = { "OUTPUT", FW_DNAT, true, NOT_LOOPBACK },
    [FW_HOOK_POSTROUTING] = { "POSTROUTING", FW_SNAT, true, "" },
};

const struct fw_own_row fw_nets[FW_NETS] = {
    [FW_NET_FORWARD] = { "fwd", FW_FORWARD, true }, [FW_NET_TO] = { "to", FW_TO, false },
    [FW_NET_IN] = { "in", FW_INPUT, false },        [FW_NET_OWN] = { "own", FW_DNAT, true },
    [FW_NET_DNAT] = { "dnat", FW_DNAT, false },     [FW_NET_SNAT] = { "snat", FW_SNAT, false },
};

void fw_net_chain(const char *bridge, enum fw_own chain, char ret[FW_CHAIN_SIZE])
{
    snprintf(ret, FW_CHAIN_SIZE, "%.15s-%s", bridge, fw_nets[chain].suffix);
}

bool fw_text_is(const struct fw_text *t, const char *s)
{
    return t->len == strlen(s) && !memcmp(t->s, s, t->len);
}

/* Cuts the next word off, quoted ones (comments) as one. */
static struct fw_text word_next(struct fw_text *rest)
{
    bool quoted = false;

    while (rest->len && *rest->s == ' ')
        rest->s++, rest->len--;
    struct fw_text word = { rest->s, 0 };
    while (word.len < rest->len && (quoted || word.s[word.len] != ' ')) {
        if (quoted && word.s[word.len] == '\\' && word.len + 1 < rest->len)
            word.len++;
        else if (word.s[word.len] == '"')
            quoted = !quoted;
        word.len++;
    }
    rest->s += word.len;
    rest->len -= word.len;
    return word;
}

static struct fw_text target_of(struct fw_text spec)
{
    while (spec.len) {
        const struct fw_text word = word_next(&spec);

        if (fw_text_is(&word, "-j") || fw_text_is(&word, "-g"))
            return word_next(&spec);
    }
    return (struct fw_text){ spec.s, 0 };
}

static int table_of(const struct fw_text *name)
{
    for (int i = 0; i < FW_TABLES; i++)
        if (fw_text_is(name, fw_table_names[i]))
            return i;
    return -1;
}

/* ":FORWARD DROP [0:0]" or "-A FORWARD … -j X", counters taken off. */
static void line_cut(struct fw_text text, struct fw_line *ret)
{
    struct fw_text word = word_next(&text);

    if (word.len && *word.s == '[')
        word = word_next(&text);
    if (word.len > 1 && *word.s == ':') {
        ret->kind = FW_LINE_CHAIN;
        ret->chain = (struct fw_text){ word.s + 1, word.len - 1 };
        ret->policy = word_next(&text);
    } else if (fw_text_is(&word, "-A")) {
        ret->kind = FW_LINE_RULE;
        ret->chain = word_next(&text);
        ret->spec = text;
        ret->target = target_of(text);
    }
}

bool fw_line_next(struct fw_text *rest, int *table, struct fw_line *ret)
{
    if (!rest->len)
        return false;
    const char *end = memchr(rest->s, '\n', rest->len);
    const struct fw_text text = { rest->s, end ? (size_t)(end - rest->s) : rest->len };
    const size_t step = text.len + (end != NULL);

    rest->s += step;
    rest->len -= step;
    if (text.len && *text.s == '*')
        *table = table_of(&(struct fw_text){ text.s + 1, text.len - 1 });
    *ret = (struct fw_line){ .kind = FW_LINE_OTHER, .table = *table };
    line_cut(text, ret);
    return true;
}
