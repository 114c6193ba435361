/* Who is the caller, and may he speak for that guest? (DESIGN section 6) */
#include <stdio.h>
#include <string.h>

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

/* A client that did not expand the placeholder still shows its token, if it has one. */
static int find(struct core *c, const struct caller *who, struct guest *ret, struct err *e)
{
    struct machine *m;

    if (who->claim == CLAIM_TAG)
        return store_guest_by_tag(c->store, who->tag.s, ret, e);
    if (who->has_token && (m = machine_by_token(c, &who->token)))
        return store_guest_by_id(c->store, machine_id(m), ret, e);
    return who->has_token
               ? err_set(e, ERR_NOT_FOUND, "nobody is identified by \"%s\"", who->claimed)
               : find_by_address(c, who, ret, e);
}

/* On a bridge of roost's own a guest is its address: the one that is reserved for it there. (On a
 * user network everybody is 127.0.0.1.) */
static bool holds_address(struct core *c, const struct guest *g, const struct network *n,
                          const struct caller *who)
{
    const struct network *via = network_of_listener(c, who->peer.listener);
    struct reserved at;

    return via && strcmp(via->name.s, n->name.s) == 0 &&
           store_reservation_of(c->store, g->id, &at, NULL) == 1 && ip_equal(&at.ip, &who->peer.ip);
}

static bool may(struct core *c, const struct caller *who, enum token_purpose purpose,
                const struct guest *g)
{
    const struct network *n = core_network(c, g->network.s);
    enum seed_policy policy = n ? n->policy : POLICY_TOKEN;
    struct token want;

    if (who->has_token) {
        core_token(c, purpose, g, &want);
        return token_equal(&want, &who->token);
    }
    return policy == POLICY_TAG || (policy == POLICY_ADDRESS && n && holds_address(c, g, n, who));
}

enum claim_verdict core_claim(struct core *c, const struct caller *who, enum token_purpose purpose,
                              struct guest *ret, struct err *e)
{
    if (find(c, who, ret, e) < 0)
        return e->kind == ERR_NOT_FOUND ? CLAIM_UNKNOWN : CLAIM_ERROR;
    if (may(c, who, purpose, ret))
        return CLAIM_OK;
    err_set(e, ERR_DENIED, "%s for instance %s", who->has_token ? "wrong token" : "no token",
            ret->name.s);
    return CLAIM_REFUSED;
}
