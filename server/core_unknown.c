/* Callers that nobody knows: listed with what they sent, capped, in memory (an attacker must not be
 * able to fill a disk by asking). The least recently seen makes room. */
#include <stdio.h>
#include <string.h>

#include "server/core_priv.h"

#define LOGGED_A_MINUTE 30 /* anybody can make up tags */

struct row {
    char claimed[64], agent[80], why[16];
    struct ip ip;
    int64_t first_ms, last_ms;
    uint64_t count;
};

struct unknown {
    size_t n, max;
    struct row row[];
};

int unknown_new(struct core *c, struct err *e)
{
    size_t max = c->config.unknown_callers;

    c->unknown = calloc(1, sizeof *c->unknown + max * sizeof(struct row));
    if (!c->unknown)
        return err_set(e, ERR_INTERNAL, "out of memory");
    c->unknown->max = max;
    return 0;
}

void unknown_free(struct core *c)
{
    free(c->unknown);
    c->unknown = NULL;
}

static struct row *row_for(struct unknown *u, const char *claimed, const struct ip *ip)
{
    struct row *stalest = NULL;

    for (size_t i = 0; i < u->n; i++) {
        struct row *r = &u->row[i];
        if (!strcmp(r->claimed, claimed) && ip_equal(&r->ip, ip))
            return r;
        if (!stalest || r->last_ms < stalest->last_ms)
            stalest = r;
    }
    if (u->n < u->max)
        stalest = &u->row[u->n++];
    if (stalest)
        memset(stalest, 0, sizeof *stalest);
    return stalest;
}

void unknown_seen(struct core *c, const struct caller *who, const char *why)
{
    const char *claimed = who->claim == CLAIM_TAG ? who->tag.s : who->claimed;
    struct row *r = row_for(c->unknown, claimed, &who->peer.ip);
    int64_t now = loop_now(c->loop).real_ms;
    char ip[IP_TEXT];

    if (!r)
        return;
    if (!r->count) {
        r->first_ms = now;
        r->ip = who->peer.ip;
        snprintf(r->claimed, sizeof r->claimed, "%s", claimed);
        if (ration_take(&c->strangers, loop_now(c->loop).boot_ms, LOGGED_A_MINUTE))
            log_warn("unknown caller \"%s\" from %s (%s) asks for its %s: held; see: roost status",
                     claimed, ip_format(&who->peer.ip, ip), who->agent, why);
    }
    snprintf(r->agent, sizeof r->agent, "%s", who->agent);
    snprintf(r->why, sizeof r->why, "%s", why);
    r->last_ms = now;
    r->count++;
}

void unknown_forget(struct core *c, const char *tag)
{
    struct unknown *u = c->unknown;

    for (size_t i = 0; i < u->n;)
        if (!strcmp(u->row[i].claimed, tag))
            u->row[i] = u->row[--u->n];
        else
            i++;
}

size_t unknown_count(const struct core *c)
{
    return c->unknown->n;
}

/* From 25.1 on cloud-init honours Retry-After on 503 and waits; older ones give up after 11 s. */
static const char *advice(const struct row *r, int64_t now)
{
    unsigned major = 0;

    if (now - r->last_ms < 30000)
        return "define it, it is waiting";
    if (sscanf(r->agent, "Cloud-Init/%u", &major) == 1 && major >= 25)
        return "define it, then reset it (it has not asked lately)";
    return "it gave up: define it, then reset it";
}

json_t *unknown_json(const struct core *c)
{
    int64_t now = loop_now(c->loop).real_ms;
    json_t *list = json_array();
    char first[25], last[25], ip[IP_TEXT];

    for (size_t i = 0; i < c->unknown->n; i++) {
        const struct row *r = &c->unknown->row[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "tag",
                                              r->claimed, "peer", ip_format(&r->ip, ip),
                                              "user-agent", r->agent, "asked-for", r->why, "first",
                                              clock_rfc3339(r->first_ms, first), "last",
                                              clock_rfc3339(r->last_ms, last), "count",
                                              (json_int_t)r->count, "advice", advice(r, now)));
    }
    return list;
}
