/* Who is the caller, and may he speak for that guest? (DESIGN section 6) */
#include <stdio.h>
#include <string.h>

#include "netcfg/link.h"
#include "server/core_network.h"

/* Who holds the address on the bridge that the request came over. */
static int find_by_address(struct core *c, const struct caller *who, struct guest *ret,
                           struct err *e)
{
    const struct network *n = network_of_listener(c, who->peer.listener);
    struct reserved at;
    int found = n ? store_reservation_at(c->store, n->name.s, &who->peer.ip, &at, e) : 0;

    if (found > 0)
        return store_guest_by_id(c->store, at.instance, ret, e);
    return found < 0 ? -1
                     : err_set(e, ERR_NOT_FOUND, "nobody is identified by \"%s\"", who->claimed);
}

/* 1, 0 none, -1. */
static int find_by_marks(struct core *c, const struct caller *who, struct guest *ret, struct err *e)
{
    struct marks m;
    int n = 0;

    marks_with_tag(&who->marks, who->tag.s, &m);
    if (m.uuid.s[0])
        n = store_guest_by_uuid(c->store, &m.uuid, ret, e);
    if (n == 0 && m.serial.s[0])
        n = store_guest_by_serial(c->store, &m.serial, ret, e);
    if (n == 0 && mac_is_set(&m.mac))
        n = store_guest_by_mac(c->store, &m.mac, ret, e);
    return n;
}

/* What its operator said of the machine, against what the machine says of itself. */
static bool contradicts(struct core *c, const struct caller *who, const struct guest *g)
{
    bool other = false;

    if (g->launcher != LAUNCHER_EXTERNAL || !marks_any(&who->marks))
        return false;
    struct instance i = { 0 }; /* 8 KiB to clear: not for nothing, at each request */
    if (store_instance_get(c->store, g->id, &i, NULL) == 0) {
        const struct marks *m = &who->marks;
        const struct spec *s = &i.spec;
        other = (m->uuid.s[0] && s->uuid.s[0] && strcmp(m->uuid.s, s->uuid.s)) ||
                (m->serial.s[0] && s->serial.s[0] && strcmp(m->serial.s, s->serial.s)) ||
                (mac_is_set(&m->mac) && s->mac_set && memcmp(m->mac.b, s->mac.b, sizeof m->mac.b));
    }
    instance_done(&i);
    return other;
}

/* The tag first; where nobody has it, or firmware filled it in, the machine's other marks. A client
 * that did not expand the placeholder still shows its token, if it has one. */
static int find(struct core *c, const struct caller *who, struct guest *ret, struct err *e)
{
    struct machine *m;
    int n;

    if (who->claim == CLAIM_TAG) {
        if (store_guest_by_tag(c->store, who->tag.s, ret, e) == 0)
            return 0;
        if (e->kind != ERR_NOT_FOUND)
            return -1;
    }
    if ((n = find_by_marks(c, who, ret, e)) != 0)
        return n < 0 ? -1 : 0;
    if (who->has_token && (m = machine_by_token(c, &who->token)))
        return store_guest_by_id(c->store, machine_id(m), ret, e);
    if ((n = grant_find(c, who, ret, e)) != 0)
        return n < 0 ? -1 : 0;
    return who->has_token || who->claim == CLAIM_TAG
               ? err_set(e, ERR_NOT_FOUND, "nobody is identified by \"%s\"", who->claimed)
               : find_by_address(c, who, ret, e);
}

/* On a bridge of roost's own a guest is its address: the one that is reserved for one of its cards there. (On a
 * user network everybody is 127.0.0.1.) */
static bool holds_address(struct core *c, const struct guest *g, const struct network *n,
                          const struct caller *who)
{
    const struct network *via = network_of_listener(c, who->peer.listener);
    struct ip other = { 0 };
    struct reserved at;

    if (via && strcmp(via->name.s, n->name.s) == 0)
        return store_reservation_of(c->store, g->id, &at, NULL) == 1 &&
               ip_equal(&at.ip, &who->peer.ip);
    return via && core_nics_reserved(c, g, via->name.s, &other, NULL) == 0 && other.family &&
           ip_equal(&other, &who->peer.ip);
}

static bool may(struct core *c, const struct caller *who, enum token_purpose purpose,
                const struct guest *g)
{
    const struct network *n = core_network(c, g->network.s);
    enum seed_policy policy = n ? n->policy : POLICY_TOKEN;
    struct token want;

    if (purpose == TOKEN_SEED && grant_holds(c, g, who))
        return true;
    if (who->has_token) {
        core_token(c, purpose, g, &want);
        return token_equal(&want, &who->token) || core_token_moved(c, purpose, g, &who->token);
    }
    return policy == POLICY_TAG || (policy == POLICY_ADDRESS && n && holds_address(c, g, n, who));
}

/* ---- the machine behind the address ---- */

/* Of a machine of somebody else's roost knows the MAC only when its definition says it. */
static bool mac_is_known(struct core *c, const struct guest *g)
{
    struct instance i = { 0 };
    bool known = g->launcher == LAUNCHER_ROOST;

    if (!known && store_instance_get(c->store, g->id, &i, NULL) == 0) {
        known = i.spec.mac_set;
        instance_done(&i);
    }
    return known;
}

static bool neighbour(struct core *c, const char *device, const struct ip *ip, struct mac *ret)
{
    struct err e = { .kind = ERR_NONE };
    int found = -1;

    if (c->netlink || (c->netlink = netlink_open(&e)))
        found = link_neighbour(c->netlink, device, ip, ret, &e);
    if (found < 0)
        log_debug("claim", "%s", e.text);
    return found > 0;
}

/* On a bridge the frames tell whose machine it is: one with another MAC than the instance's is
 * another machine, whatever it knows (a copied disk, an address that somebody took). From beyond a
 * router, and on networks that are not the instance's own, nothing can be told. */
static bool is_second_mac(struct core *c, const struct caller *who, const struct guest *g,
                          struct mac *ret)
{
    const struct network *via = network_of_listener(c, who->peer.listener);

    return via && !strcmp(via->name.s, g->network.s) &&
           neighbour(c, network_device(c, via->name.s), &who->peer.ip, ret) &&
           memcmp(ret, &g->mac, sizeof *ret) != 0 && mac_is_known(c, g);
}

enum claim_verdict core_claim(struct core *c, const struct caller *who, enum token_purpose purpose,
                              struct guest *ret, struct err *e)
{
    struct guest other;
    char marks[MARKS_TEXT], theirs[MAC_TEXT], its[MAC_TEXT];
    struct mac mac;

    if (find(c, who, ret, e) < 0)
        return e->kind == ERR_NOT_FOUND ? CLAIM_UNKNOWN : CLAIM_ERROR;
    if (contradicts(c, who, ret)) {
        if (find_by_marks(c, who, &other, e) != 1) {
            err_set(e, ERR_DENIED, "another machine claims its tag: %s",
                    marks_format(&who->marks, marks));
            return CLAIM_SECOND;
        }
        *ret = other;
    }
    if (is_second_mac(c, who, ret, &mac)) {
        err_set(e, ERR_DENIED, "a second MAC, %s, asks as instance %s, which has %s",
                mac_format(&mac, theirs), ret->name.s, mac_format(&ret->mac, its));
        return CLAIM_SECOND;
    }
    if (may(c, who, purpose, ret))
        return CLAIM_OK;
    err_set(e, ERR_DENIED, "%s for instance %s", who->has_token ? "wrong token" : "no token",
            ret->name.s);
    return CLAIM_REFUSED;
}
