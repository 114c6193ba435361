/* Callers that nobody knows: listed with what they sent, capped, in memory (an attacker must not be
 * able to fill a disk by asking). The least recently seen makes room. */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "server/core_priv.h"

#define LOGGED_A_MINUTE 30    /* anybody can make up tags */
#define GIVES_UP_MS     15000 /* cloud-init before 25.1: 11 requests, 1 s apart */

struct row {
    struct stranger who;
    char agent[80], why[16];
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

static struct row *row_for(struct unknown *u, const char *claimed, const struct caller *who)
{
    struct row *stalest = NULL;

    for (size_t i = 0; i < u->n; i++) {
        struct row *r = &u->row[i];
        if (!strcmp(r->who.claimed, claimed) && ip_equal(&r->who.ip, &who->peer.ip) &&
            marks_equal(&r->who.marks, &who->marks))
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

static void row_begin(struct row *r, const char *claimed, const struct caller *who)
{
    uint8_t id[4];

    random_bytes(id, sizeof id);
    hex_encode(id, sizeof id, r->who.id);
    r->who.ip = who->peer.ip;
    r->who.marks = who->marks;
    if (who->claim == CLAIM_TAG)
        r->who.tag = who->tag;
    snprintf(r->who.claimed, sizeof r->who.claimed, "%s", claimed);
}

void unknown_seen(struct core *c, const struct caller *who, const char *why)
{
    const char *claimed = who->claim == CLAIM_TAG ? who->tag.s : who->claimed;
    struct row *r = row_for(c->unknown, claimed, who);
    int64_t now = loop_now(c->loop).real_ms;
    char ip[IP_TEXT], marks[MARKS_TEXT];

    if (!r)
        return;
    if (!r->count) {
        r->first_ms = now;
        row_begin(r, claimed, who);
        if (ration_take(&c->strangers, loop_now(c->loop).boot_ms, LOGGED_A_MINUTE))
            log_warn("unknown caller \"%s\" from %s (%s%s%s) asks for its %s: held; see: roost "
                     "unknown list",
                     claimed, ip_format(&who->peer.ip, ip), who->agent,
                     marks_any(&r->who.marks) ? "; " : "", marks_format(&r->who.marks, marks), why);
    }
    snprintf(r->agent, sizeof r->agent, "%s", who->agent);
    snprintf(r->why, sizeof r->why, "%s", why);
    r->last_ms = now;
    r->count++;
}

/* Is the row's caller the instance that was just defined? */
static bool is_now(const struct row *r, const struct instance *i)
{
    struct marks m;

    marks_with_tag(&r->who.marks, r->who.tag.s, &m);
    return !strcmp(r->who.claimed, i->tag.s) || (m.uuid.s[0] && !strcmp(m.uuid.s, i->uuid.s)) ||
           (m.serial.s[0] && !strcmp(m.serial.s, i->spec.serial.s)) ||
           (mac_is_set(&m.mac) && !memcmp(m.mac.b, i->mac.b, sizeof m.mac.b));
}

void unknown_forget(struct core *c, const struct instance *i)
{
    struct unknown *u = c->unknown;

    for (size_t n = 0; n < u->n;)
        if (is_now(&u->row[n], i))
            u->row[n] = u->row[--u->n];
        else
            n++;
}

size_t unknown_count(const struct core *c)
{
    return c->unknown->n;
}

/* cloud-init honours Retry-After on 503 from 25.1 on; Ignition does. */
static bool is_patient(const struct row *r)
{
    unsigned major = 0;

    return !strncmp(r->agent, "Ignition/", 9) ||
           (sscanf(r->agent, "Cloud-Init/%u", &major) == 1 && major >= 25);
}

static bool is_held(const struct core *c, const struct row *r)
{
    int64_t age = loop_now(c->loop).real_ms - r->last_ms;

    return age < (is_patient(r) ? 3 * (int64_t)c->config.hold_retry + GIVES_UP_MS : GIVES_UP_MS);
}

static const char *advice(const struct core *c, const struct row *r)
{
    if (!is_held(c, r))
        return is_patient(r) ? "asks no more; define it and reboot the guest"
                             : "gave up; define it and reboot the guest";
    return is_patient(r) ? "waits; adopt or define it"
                         : "waits for some seconds; adopt or define it, and reboot the guest";
}

static json_t *row_json(const struct core *c, const struct row *r)
{
    char first[25], last[25], ip[IP_TEXT], mac[MAC_TEXT];
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:s}", "caller", r->who.id,
                          "tag", r->who.claimed, "peer", ip_format(&r->who.ip, ip), "user-agent",
                          r->agent, "asked-for", r->why, "first", clock_rfc3339(r->first_ms, first),
                          "last", clock_rfc3339(r->last_ms, last), "count", (json_int_t)r->count,
                          "held", is_held(c, r), "advice", advice(c, r));

    if (r->who.marks.uuid.s[0])
        json_object_set_new(j, "uuid", json_string(r->who.marks.uuid.s));
    if (r->who.marks.serial.s[0])
        json_object_set_new(j, "serial", json_string(r->who.marks.serial.s));
    if (mac_is_set(&r->who.marks.mac))
        json_object_set_new(j, "mac", json_string(mac_format(&r->who.marks.mac, mac)));
    return j;
}

json_t *unknown_json(const struct core *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->unknown->n; i++)
        json_array_append_new(list, row_json(c, &c->unknown->row[i]));
    return list;
}

static struct row *row_by_id(struct core *c, const char *id, struct err *e)
{
    for (size_t i = 0; i < c->unknown->n; i++)
        if (!strcmp(c->unknown->row[i].who.id, id))
            return &c->unknown->row[i];
    err_set(e, ERR_NOT_FOUND, "there is no unknown caller %.40s (any more): see roost unknown list",
            id);
    return NULL;
}

int unknown_get(struct core *c, const char *id, struct stranger *ret, struct err *e)
{
    const struct row *r = row_by_id(c, id, e);

    if (!r)
        return -1;
    *ret = r->who;
    return 0;
}

int unknown_drop(struct core *c, const char *id, struct err *e)
{
    struct row *r = row_by_id(c, id, e);

    if (!r)
        return -1;
    *r = c->unknown->row[--c->unknown->n];
    return 0;
}
