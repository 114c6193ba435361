/* Seeds: a guest's documents, rendered when the instance changes, handed out to whom they belong.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "seeds/nocloud.h"
#include "server/core_priv.h"

/* Seed requests of a guest that is past its first one are worth an event only now and then. */
#define AGAIN_MS 30000

/* ---- rendering ---- */

struct accounts {
    struct identity list[INSTANCE_IDENTITIES_MAX + 1]; /* and roost's own */
    const struct identity *ptr[INSTANCE_IDENTITIES_MAX + 1];
    int n;
};

static void accounts_done(struct accounts *a)
{
    for (int i = 0; i < a->n; i++)
        identity_done(&a->list[i]);
}

static int accounts_load(struct core *c, const struct spec *s, struct accounts *ret, struct err *e)
{
    for (int i = 0; i < s->n_identities; i++) {
        json_t *j;
        int r;

        if (store_def_get(c->store, DEF_IDENTITY, s->identities[i].s, &j, e) < 0)
            return err_wrap(e, "identity %s", s->identities[i].s);
        r = identity_from_json(s->identities[i].s, j, &ret->list[ret->n], e);
        json_decref(j);
        if (r < 0)
            return -1;
        ret->ptr[ret->n] = &ret->list[ret->n];
        ret->n++;
    }
    return 0;
}

static int accounts_add_own(struct core *c, const struct instance *i,
                            const struct userdata_facts *facts, struct accounts *a, struct err *e)
{
    int n = account_of(c, i, facts, &a->list[a->n], e);

    if (n > 0) {
        a->ptr[a->n] = &a->list[a->n];
        a->n++;
    }
    return n < 0 ? -1 : 0;
}

static int render_all(const struct seed_input *in, struct buf docs[SEED_DOCS], struct err *e)
{
    for (int d = 0; d < SEED_DOCS; d++)
        if (nocloud_render(d, in, &docs[d], e) < 0 || buf_check(&docs[d], e) < 0)
            return err_wrap(e, "%s", seed_doc_name(d));
    return 0;
}

/* Its address on the network that it is on; none: a foreign server or QEMU gives it one. */
static int reserved_address(struct core *c, const struct instance *i, struct ip *ret, struct err *e)
{
    struct reserved at;
    int found = store_reservation_of(c->store, i->id, &at, e);

    if (found > 0)
        *ret = at.ip;
    return found < 0 ? -1 : 0;
}

/* Its cards beside the first. */
static int other_cards(struct core *c, const struct instance *i, struct seed_input *in,
                       struct err *e)
{
    struct store_nic rows[NICS_OTHER];
    int n = store_nics_of(c->store, i->id, rows, e);

    for (int k = 0; k < n; k++) {
        const struct network *on = core_network(c, rows[k].network.s);
        if (on)
            in->nics[in->n_nics++] = (struct seed_nic){ rows[k].mac, on, rows[k].reserved };
    }
    return n < 0 ? -1 : 0;
}

/* A guest that reads its seed from a volume may be on a network where it cannot find roost. */
static bool can_post(const struct core *c, const struct spec *s, const struct network *n)
{
    return s->bootstrapper != BOOTSTRAPPER_DRIVE || s->launcher != LAUNCHER_ROOST ||
           core_finds_roost(c, n);
}

/* What the operator's two documents say to roost's part. */
static int documents_inspect(const struct spec *s, struct userdata_facts *ret, struct err *e)
{
    struct userdata_facts vendor;

    if (userdata_inspect(s->user_data, s->user_data_len, ret, e) < 0 ||
        vendordata_inspect(s->vendor_data, s->vendor_data_len, &vendor, e) < 0)
        return -1;
    userdata_join(ret, &vendor);
    return 0;
}

int core_seed_render(struct core *c, const struct instance *i, const struct guest *g,
                     enum seed_for how, struct buf docs[SEED_DOCS], struct err *e)
{
    const struct network *n = core_network(c, i->spec.network.s);
    enum bootstrapper by = i->spec.bootstrapper;
    struct accounts a = { .n = 0 };
    char base_url[BASE_URL_MAX + 1];
    struct seed_input in = {
        .instance = i,
        .network = n,
        .phone_home_tries = c->config.phone_home_tries,
        .reporting = c->config.reporting,
        .volume = how == SEED_FOR_VOLUME || bootstrapper_is_drive(by),
        .seal = g->sealed ? (enum seal)c->config.seal : SEAL_NO,
    };
    int r = -1;

    if (!n)
        return err_set(e, ERR_NOT_FOUND, "network %s is not defined", i->spec.network.s);
    core_base_url(c, n, base_url);
    if (can_post(c, &i->spec, n))
        in.base_url = base_url;
    core_token(c, TOKEN_POST, g, &in.post);
    if (how == SEED_FOR_VOLUME && by == BOOTSTRAPPER_DRIVE_NETWORK)
        core_token(c, TOKEN_SEED, g, &in.seed);
    if (reserved_address(c, i, &in.reserved, e) == 0 && other_cards(c, i, &in, e) == 0 &&
        documents_inspect(&i->spec, &in.facts, e) == 0 &&
        accounts_load(c, &i->spec, &a, e) == 0 && accounts_add_own(c, i, &in.facts, &a, e) == 0) {
        in.identities = a.ptr;
        in.n_identities = a.n;
        r = render_all(&in, docs, e);
    }
    accounts_done(&a);
    return r;
}

/* As HTTP gives them, kept as rows. */
static int render(struct core *c, const struct instance *i, const struct guest *g, struct err *e)
{
    struct buf docs[SEED_DOCS] = { 0 };
    struct seed_docs out;
    int r = core_seed_render(c, i, g, SEED_FOR_HTTP, docs, e);

    if (r == 0) {
        for (int d = 0; d < SEED_DOCS; d++) {
            out.doc[d].data = buf_str(&docs[d]);
            out.doc[d].len = docs[d].len;
        }
        r = store_seed_put(c->store, i->id, &out, e);
    }
    for (int d = 0; d < SEED_DOCS; d++)
        buf_done(&docs[d]);
    return r;
}

int core_render(struct core *c, int64_t id, struct err *e)
{
    struct instance i = { 0 };
    struct guest g;
    int r = -1;

    if (store_instance_get(c->store, id, &i, e) == 0 &&
        store_guest_by_id(c->store, id, &g, e) == 0 && render(c, &i, &g, e) == 0) {
        g.seed_stale = false;
        r = store_guest_update(c->store, &g, e);
    }
    if (r < 0)
        err_wrap(e, "instance %s: seed", i.name.s);
    instance_done(&i);
    return r;
}

/* ---- answering ---- */

static void reply(struct core *c, uint32_t id, const struct seed_reply *r)
{
    static struct buf b; /* one at a time; keeps its memory for the next */
    struct err e;

    seed_reply_encode(r, &b);
    if (c->front && proto_send(c->front, P_SEED_REPLY, id, &b, NULL, 0, &e) < 0)
        log_warn("seed reply: %s", e.text);
    if (b.size > 256 * 1024)
        buf_done(&b);
}

static void refuse(struct core *c, uint32_t id, uint16_t status, uint16_t retry_after)
{
    struct seed_reply r = { .status = status, .retry_after = retry_after };

    reply(c, id, &r);
}

static void record_alarm(struct core *c, struct guest *g, const struct caller *who,
                         enum event_kind k, const char *why)
{
    char agent[96];
    struct err e;

    /* A flood of wrong guesses is one event a minute, not a full disk. */
    if (!sight_alarm_due(c, g, k))
        return;
    core_agent(who, agent);
    if (core_write(c, false, &e) < 0 ||
        core_event(c, g, k, agent, &e, "%s, user agent \"%s\"", why, who->agent) <
            0 ||
        core_guest_save(c, g, &e) < 0)
        core_fault(c, "alarm could not be recorded: %s", e.text);
}

static bool worth_an_event(struct core *c, const struct guest *g)
{
    enum phase p = g->standing.phase;

    if (lifecycle_next(p, EV_SEED_SERVED) != p)
        return true;
    return loop_now(c->loop).real_ms - g->standing.sign_ms > AGAIN_MS;
}

/* A guest of a foreign launcher that was home and now asks from elsewhere has moved; who only
 * claims a tag (policy tag) moves nobody. */
static bool moved(struct core *c, const struct guest *g, const struct caller *who)
{
    return who->has_token && g->standing.ever_home && core_peer_is_address(c, g) &&
           !ip_equal(&g->address.ip, &who->peer.ip);
}

static int learn_address(struct core *c, struct guest *g, const struct caller *who, struct err *e)
{
    struct endpoint at = { .ip = who->peer.ip, .port = SSH_PORT };

    return moved(c, g, who) ? core_address(c, g, &at, "peer of its seed request", e) : 0;
}

static void record_served(struct core *c, struct guest *g, const struct caller *who)
{
    char agent[96];
    struct err e;

    c->seeds++;
    if (!worth_an_event(c, g) && !moved(c, g, who))
        return;
    core_agent(who, agent);
    if (core_write(c, false, &e) < 0 || learn_address(c, g, who, &e) < 0 ||
        core_event(c, g, EV_SEED_SERVED, agent, &e, "user agent \"%s\"", who->agent) < 0 ||
        core_guest_save(c, g, &e) < 0)
        core_fault(c, "seed request could not be recorded: %s", e.text);
}

static int fetch(struct core *c, const struct guest *g, struct seed_docs *ret, struct err *e)
{
    int r = g->seed_stale ? -1 : store_seed_get(c->store, g->id, ret, e);

    if (r == 0)
        return 0;
    if (!g->seed_stale && e->kind != ERR_NOT_FOUND)
        return -1;
    if (core_write(c, false, e) < 0 || core_render(c, g->id, e) < 0)
        return -1;
    return store_seed_get(c->store, g->id, ret, e);
}

/* A claim is all that a machine without a token has: two that make the same one are told apart by
 * where they ask from, and each is served, as the network's policy says. */
static void watch_claimants(struct core *c, struct guest *g, const struct caller *who)
{
    struct sight *s = who->has_token ? NULL : sight_open(c, g);
    char was[IP_TEXT], is[IP_TEXT], text[200];

    if (!s || !sight_claimed(s, who, was))
        return;
    snprintf(text, sizeof text, "two machines claim tag %s: one at %s, one at %s%s%s", g->tag.s, was,
             ip_format(&who->peer.ip, is), who->marks.uuid.s[0] ? " with uuid " : "",
             who->marks.uuid.s);
    record_alarm(c, g, who, EV_SECOND_CLAIMANT, text);
}

int core_seed_docs(struct core *c, const struct guest *g, struct seed_docs *ret, struct err *e)
{
    return fetch(c, g, ret, e);
}

static void serve(struct core *c, uint32_t id, struct guest *g, const struct seed_get *m)
{
    struct seed_reply r = { .status = 200, .keep_ms = c->config.cache_keep };
    struct seed_docs docs;
    struct err e;

    if (fetch(c, g, &docs, &e) < 0) {
        core_fault(c, "instance %s: seed: %s", g->name.s, e.text);
        refuse(c, id, 503, 5);
        return;
    }
    for (int d = 0; d < SEED_DOCS; d++) {
        r.doc[d].data = docs.doc[d].data;
        r.doc[d].len = docs.doc[d].len;
    }
    /* Front forgets by tag, and was asked by another name. */
    if (m->caller.claim == CLAIM_TAG && strcmp(m->caller.tag.s, g->tag.s) &&
        !marks_any(&m->caller.marks))
        r.keep_ms = 0;
    reply(c, id, &r);
    g->seed_stale = false;
    watch_claimants(c, g, &m->caller);
    if (!m->head)
        record_served(c, g, &m->caller);
}

void core_seed_get(struct core *c, uint32_t id, const struct seed_get *m)
{
    struct guest g;
    struct err e;

    switch (core_claim(c, &m->caller, TOKEN_SEED, &g, &e)) {
    case CLAIM_OK:
        serve(c, id, &g, m);
        break;
    case CLAIM_UNKNOWN:
        unknown_seen(c, &m->caller, "seed");
        refuse(c, id, 503, c->config.hold_retry / 1000);
        break;
    case CLAIM_REFUSED:
        c->refused++;
        record_alarm(c, &g, &m->caller, EV_SEED_REFUSED, e.text);
        refuse(c, id, 403, 0);
        break;
    case CLAIM_SECOND:
        c->refused++;
        record_alarm(c, &g, &m->caller, EV_SECOND_CLAIMANT, e.text);
        refuse(c, id, 403, 0);
        break;
    case CLAIM_ERROR:
        core_fault(c, "seed request: %s", e.text);
        refuse(c, id, 503, 5);
        break;
    }
}

/* Front answered these from its table: signs of life, nothing more. */
void core_served(struct core *c, const struct served *m)
{
    for (int d = 0; d < SEED_DOCS; d++)
        c->seeds += m->count[d];
}
