/* Phone home: check, one transaction, 200 after the flush. */
#include <stdio.h>
#include <string.h>

#include "seeds/homecoming.h"
#include "server/core_priv.h"

enum keys_are { KEYS_NEW, KEYS_SAME, KEYS_DIFFER, KEYS_ERROR };

/* Compares with what is on record under this instance-id, and adds what is new to *on_record. */
static enum keys_are compare(struct core *c, const struct guest *g, const struct homecoming *h,
                             struct guest_keys *on_record, struct err *e)
{
    enum keys_are are = KEYS_SAME;
    /* Keys and ever_home are of one transaction: none are asked for in vain. */
    bool known = g->standing.ever_home;

    if (known && store_keys_get(c->store, g->id, on_record, e) < 0) {
        if (e->kind != ERR_NOT_FOUND)
            return KEYS_ERROR;
        known = false;
    }
    if (!known || strcmp(on_record->iid, g->iid)) {
        memset(on_record->has, 0, sizeof on_record->has);
        snprintf(on_record->iid, sizeof on_record->iid, "%s", g->iid);
        are = KEYS_NEW;
    }
    for (int t = 0; t < HOSTKEY_TYPES; t++) {
        if (!h->has[t])
            continue;
        if (on_record->has[t] && !hostkey_equal(&on_record->keys[t], &h->keys[t]))
            return KEYS_DIFFER;
        if (on_record->has[t])
            continue;
        on_record->has[t] = true;
        hostkey_copy(&on_record->keys[t], &h->keys[t]);
        are = KEYS_NEW;
    }
    return are;
}

/* Where a guest is found that roost's own networks do not tell about: where its post came from. */
static bool moved(struct core *c, const struct guest *g, const struct caller *who)
{
    return core_peer_is_address(c, g) && !ip_equal(&g->address.ip, &who->peer.ip);
}

static int learn_address(struct core *c, struct guest *g, const struct caller *who, struct err *e)
{
    struct endpoint at = { .ip = who->peer.ip, .port = SSH_PORT };

    return moved(c, g, who) ? core_address(c, g, &at, "peer of its phone-home", e) : 0;
}

/* "rsa, ecdsa, ed25519": by hand, since printf is felt in a storm. Returns its end. */
static char *key_names(const struct homecoming *h, char out[64])
{
    char *p = out;

    *p = '\0';
    for (int t = 0; t < HOSTKEY_TYPES; t++)
        if (h->has[t])
            p = stpcpy(p == out ? p : stpcpy(p, ", "), hostkey_type_name(t));
    return p;
}

static void home_text(const struct homecoming *h, char out[EVENT_DETAIL_MAX + 1])
{
    const char *hostname = h->hostname[0] ? h->hostname : "not told";
    char *p = stpcpy(key_names(h, stpcpy(out, "host keys ")), "; hostname ");

    *(char *)mempcpy(p, hostname, strnlen(hostname, (size_t)(out + EVENT_DETAIL_MAX - p))) = '\0';
}

/* With `seal`, what was secret in the seed goes after the first phone-home. */
static void seal(struct core *c, struct guest *g)
{
    if (c->config.seal && !g->sealed) {
        g->sealed = g->seed_stale = true;
        core_invalidate(c, g->tag.s);
    }
}

static int record(struct core *c, struct guest *g, const struct caller *who,
                  const struct homecoming *h, const struct guest_keys *keys, enum keys_are are,
                  struct err *e)
{
    bool first = !g->standing.ever_home || are == KEYS_NEW;
    char agent[96], text[EVENT_DETAIL_MAX + 1];

    /* The same words from a guest that is home where it was: nothing to write down. */
    if (!first && phase_is_home(g->standing.phase) && !moved(c, g, who))
        return 0;
    core_agent(who, agent);
    home_text(h, text);
    if (core_write(c, true, e) < 0)
        return -1;
    seal(c, g);
    if ((are == KEYS_NEW && store_keys_put(c->store, g->id, keys, e) < 0) ||
        learn_address(c, g, who, e) < 0 || grant_end(c, g, e) < 0 ||
        core_event_text(c, g, first ? EV_HOMED : EV_HOMED_AGAIN, agent, text, e) < 0 ||
        core_guest_save(c, g, e) < 0) {
        store_spoil(c->store, e); /* keys without their event, or the other way round */
        return -1;
    }
    c->homed++;
    return 0;
}

/* Alarms are events, at most one of a kind a minute for a guest. */
static void alarm(struct core *c, struct guest *g, const struct caller *who, enum event_kind k,
                  const char *text)
{
    char agent[96];
    struct err e;

    c->refused++;
    if (!sight_alarm_due(c, g, k))
        return;
    core_agent(who, agent);
    if (core_write(c, true, &e) < 0 || core_event(c, g, k, agent, &e, "%s", text) < 0 ||
        core_guest_save(c, g, &e) < 0)
        core_fault(c, "alarm could not be recorded: %s", e.text);
}

static void wrong_iid(struct core *c, struct guest *g, const struct caller *who,
                      const struct homecoming *h)
{
    char text[256];

    if (!strcmp(h->iid, "iid-datasource-none"))
        snprintf(text, sizeof text,
                 "it booted without its seed and took itself for a new instance "
                 "(iid-datasource-none); reboot it while roost answers, or rebuild it");
    else
        snprintf(text, sizeof text, "it says instance-id %.90s, on record is %s", h->iid, g->iid);
    alarm(c, g, who, EV_WRONG_ID, text);
}

int core_home_asked(struct core *c, struct guest *g, const struct homecoming *h, struct err *e)
{
    static struct guest_keys keys;
    enum keys_are are = compare(c, g, h, &keys, e);
    bool first = !g->standing.ever_home || are == KEYS_NEW;
    char names[64];

    if (are == KEYS_ERROR || core_write(c, true, e) < 0)
        return -1;
    if (are == KEYS_DIFFER)
        return core_event(
                   c, g, EV_KEY_MISMATCH, "roost", e,
                   "its sshd shows other host keys than are on record; the old ones stay. If "
                   "the guest was reinstalled, rebuild it") < 0 ||
                       core_guest_save(c, g, e) < 0
                   ? -1
                   : 1;
    key_names(h, names);
    seal(c, g);
    g->standing.note[0] = '\0';
    if ((are == KEYS_NEW && store_keys_put(c->store, g->id, &keys, e) < 0) ||
        core_event(c, g, first ? EV_HOMED : EV_HOMED_AGAIN, "roost", e,
                   "host keys %s, as its sshd showed them%s", names,
                   first ? ": trust on first use" : "") < 0 ||
        core_guest_save(c, g, e) < 0) {
        store_spoil(c->store, e);
        return -1;
    }
    c->homed++;
    return 0;
}

static uint16_t welcome(struct core *c, struct guest *g, const struct guest_post *m)
{
    static struct homecoming h; /* 12 KiB each: not on the stack of every call */
    static struct guest_keys keys;
    enum keys_are are;
    struct err e;

    if (homecoming_parse(m->body, m->len, &h, &e) < 0) {
        alarm(c, g, &m->caller, EV_SEED_REFUSED, e.text);
        return 400;
    }
    if (strcmp(h.iid, g->iid)) {
        wrong_iid(c, g, &m->caller, &h);
        return 409;
    }
    are = compare(c, g, &h, &keys, &e);
    if (are == KEYS_DIFFER) {
        alarm(c, g, &m->caller, EV_KEY_MISMATCH,
              "other host keys than on record under the same instance-id; the old ones stay. If "
              "the guest was reinstalled, rebuild it");
        return 409;
    }
    if (are == KEYS_ERROR || record(c, g, &m->caller, &h, &keys, are, &e) < 0) {
        core_fault(c, "instance %s: phone-home could not be recorded: %s", g->name.s, e.text);
        return 503;
    }
    return 200;
}

void core_home(struct core *c, uint32_t id, const struct guest_post *m)
{
    struct guest g;
    struct err e;

    if (c->full) {
        core_ack(c, id, 503);
        return;
    }
    switch (core_claim(c, &m->caller, TOKEN_POST, &g, &e)) {
    case CLAIM_OK:
        core_ack(c, id, welcome(c, &g, m));
        break;
    case CLAIM_UNKNOWN:
        unknown_seen(c, &m->caller, "phone-home");
        core_ack(c, id, 503);
        break;
    case CLAIM_REFUSED:
        alarm(c, &g, &m->caller, EV_SEED_REFUSED, e.text);
        core_ack(c, id, 403);
        break;
    case CLAIM_SECOND:
        alarm(c, &g, &m->caller, EV_SECOND_CLAIMANT, e.text);
        core_ack(c, id, 403);
        break;
    case CLAIM_ERROR:
        core_fault(c, "phone-home: %s", e.text);
        core_ack(c, id, 503);
        break;
    }
}
