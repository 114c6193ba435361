/* Who is the caller, and may he speak for that guest? (DESIGN section 6) */
#include <stdio.h>
#include <string.h>

#include "server/core_priv.h"

/* A client that did not expand the placeholder still shows its token, if it has one. */
static int find(struct core *c, const struct caller *who, struct guest *ret, struct err *e)
{
    struct machine *m;

    if (who->claim == CLAIM_TAG)
        return store_guest_by_tag(c->store, who->tag.s, ret, e);
    if (who->has_token && (m = machine_by_token(c, &who->token)))
        return store_guest_by_id(c->store, machine_id(m), ret, e);
    return err_set(e, ERR_NOT_FOUND, "nobody is identified by \"%s\"", who->claimed);
}

/* On a network of its own a guest is its address; everybody on a user network is 127.0.0.1. */
static bool holds_address(const struct guest *g, const struct network *n, const struct caller *who)
{
    return n->kind != NETWORK_USER && g->address.ip.family &&
           ip_equal(&g->address.ip, &who->peer.ip);
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
    return policy == POLICY_TAG || (policy == POLICY_ADDRESS && n && holds_address(g, n, who));
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
