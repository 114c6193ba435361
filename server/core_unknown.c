/* Callers that nobody knows: listed with what they sent, capped, in memory (an attacker must not be
 * able to fill a disk by asking). The least recently seen makes room. */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "server/core_apply.h"

#define LOGGED_A_MINUTE 30    /* anybody can make up tags */
#define GIVES_UP_MS     15000 /* cloud-init before 25.1: 11 requests, 1 s apart */

struct row {
    char id[9]; /* by which people name it; random, so that a new list reuses none */
    char claimed[64], agent[80], why[16];
    struct tag tag; /* when what it claimed is one */
    struct marks marks;
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

static struct row *row_for(struct unknown *u, const char *claimed, const struct caller *who)
{
    struct row *stalest = NULL;

    for (size_t i = 0; i < u->n; i++) {
        struct row *r = &u->row[i];
        if (!strcmp(r->claimed, claimed) && ip_equal(&r->ip, &who->peer.ip) &&
            marks_equal(&r->marks, &who->marks))
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
    hex_encode(id, sizeof id, r->id);
    r->ip = who->peer.ip;
    r->marks = who->marks;
    if (who->claim == CLAIM_TAG)
        r->tag = who->tag;
    snprintf(r->claimed, sizeof r->claimed, "%s", claimed);
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
                     marks_any(&r->marks) ? "; " : "", marks_format(&r->marks, marks), why);
    }
    snprintf(r->agent, sizeof r->agent, "%s", who->agent);
    snprintf(r->why, sizeof r->why, "%s", why);
    r->last_ms = now;
    r->count++;
}

/* Is the row's caller the instance that was just defined? */
static bool is_now(const struct row *r, const struct instance *i)
{
    struct caller who = { .tag = r->tag, .marks = r->marks };
    struct marks m;

    core_marks(&who, &m);
    return !strcmp(r->claimed, i->tag.s) || (m.uuid.s[0] && !strcmp(m.uuid.s, i->uuid.s)) ||
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
    return is_patient(r) ? "waits; define it"
                         : "waits for some seconds; define it and reboot the guest";
}

static json_t *row_json(const struct core *c, const struct row *r)
{
    char first[25], last[25], ip[IP_TEXT], mac[MAC_TEXT];
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:s}", "caller", r->id,
                          "tag", r->claimed, "peer", ip_format(&r->ip, ip), "user-agent", r->agent,
                          "asked-for", r->why, "first", clock_rfc3339(r->first_ms, first), "last",
                          clock_rfc3339(r->last_ms, last), "count", (json_int_t)r->count, "held",
                          is_held(c, r), "advice", advice(c, r));

    if (r->marks.uuid.s[0])
        json_object_set_new(j, "uuid", json_string(r->marks.uuid.s));
    if (r->marks.serial.s[0])
        json_object_set_new(j, "serial", json_string(r->marks.serial.s));
    if (mac_is_set(&r->marks.mac))
        json_object_set_new(j, "mac", json_string(mac_format(&r->marks.mac, mac)));
    return j;
}

json_t *unknown_json(const struct core *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->unknown->n; i++)
        json_array_append_new(list, row_json(c, &c->unknown->row[i]));
    return list;
}

/* ---- what is done about them ---- */

static struct row *row_by_id(struct core *c, const char *id, struct err *e)
{
    for (size_t i = 0; i < c->unknown->n; i++)
        if (!strcmp(c->unknown->row[i].id, id))
            return &c->unknown->row[i];
    err_set(e, ERR_NOT_FOUND, "there is no unknown caller %.40s (any more): see roost unknown list",
            id);
    return NULL;
}

int core_forget_caller(struct core *c, const char *caller, struct err *e)
{
    struct row *r = row_by_id(c, caller, e);

    if (!r)
        return -1;
    *r = c->unknown->row[--c->unknown->n];
    return 0;
}

/* Known from now on by all that it sent; where that is nothing, by its address until it is home. */
static json_t *definition(const struct row *r, const char *network, struct err *e)
{
    struct caller who = { .tag = r->tag, .marks = r->marks };
    char mac[MAC_TEXT], ip[IP_TEXT];
    struct marks m;
    json_t *j;

    core_marks(&who, &m);
    if (!r->tag.s[0] && !marks_any(&m) && ip_is_loopback(&r->ip)) {
        err_set(
            e, ERR_CONFLICT,
            "caller %s tells nothing of itself, and every guest of a user network asks from %s: "
            "define it and give it a seed URL of its own (roost seed url)",
            r->id, ip_format(&r->ip, ip));
        return NULL;
    }
    j = json_pack("{s:s}", "launcher", "external");
    if (r->tag.s[0])
        json_object_set_new(j, "tag", json_string(r->tag.s));
    if (m.uuid.s[0])
        json_object_set_new(j, "uuid", json_string(m.uuid.s));
    if (r->marks.serial.s[0])
        json_object_set_new(j, "serial", json_string(r->marks.serial.s));
    if (mac_is_set(&m.mac))
        json_object_set_new(j, "mac", json_string(mac_format(&m.mac, mac)));
    if (*network)
        json_object_set_new(j, "network", json_string(network));
    return j;
}

static int adopt(struct core *c, const char *caller, const char *name, const char *network,
                 const struct actor *who, core_op_fn *done, void *arg, struct err *e)
{
    const struct row *r = row_by_id(c, caller, e);
    struct adoption adoption;
    struct name checked;
    struct guest g;
    json_t *j, *tree;
    char ip[IP_TEXT];

    if (!r || instance_name_parse(name, &checked, e) < 0)
        return -1;
    if (store_guest_by_name(c->store, name, &g, NULL) == 0)
        return err_set(e, ERR_CONFLICT, "instance %s is there already: adopt it as another name",
                       name);
    if (!(j = definition(r, network, e)))
        return -1;
    adoption.ip = r->ip;
    snprintf(adoption.text, sizeof adoption.text, "adopted: \"%s\" from %s", r->claimed,
             ip_format(&r->ip, ip));
    tree = json_pack("{s:{s:o}}", "instances", name, j);
    core_apply_adopted(c, tree, &adoption, who, done, arg);
    json_decref(tree); /* read by now */
    return 0;
}

void core_adopt_caller(struct core *c, const char *caller, const char *name, const char *network,
                       const struct actor *who, core_op_fn *done, void *arg)
{
    struct err e;

    if (adopt(c, caller, name, network, who, done, arg, &e) < 0)
        done(NULL, &e, arg);
}
