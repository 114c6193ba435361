/* Cards of instances beside their first one: what each is, kept from the definition on. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/core_machine.h"
#include "server/core_network.h"

/* By its network, so that a card keeps its MAC when another one goes. */
static int free_mac(struct core *c, const struct instance *i, const struct nic *nic,
                    struct mac *ret, struct err *e)
{
    static const struct uuid none;
    char what[2 * NAME_MAX_LEN + 8];
    struct store_nic other;
    int taken = 1;

    snprintf(what, sizeof what, "%s nic %s", i->name.s, nic->network.s);
    for (unsigned attempt = 0; taken && attempt < 64; attempt++) {
        mac_derive(c->salt, what, attempt, ret);
        taken = store_nic_by_mac(c->store, ret, &other, e);
        if (taken < 0)
            return -1;
        taken = taken || store_identity_taken(c->store, &none, ret);
    }
    return taken ? err_set(e, ERR_CONFLICT, "no MAC address is free for its card on network %s",
                           nic->network.s)
                 : 0;
}

static const struct store_nic *on_network(const struct store_nic *list, int n,
                                          const struct name *network)
{
    for (int k = 0; k < n; k++)
        if (!strcmp(list[k].network.s, network->s))
            return &list[k];
    return NULL;
}

static int put(struct core *c, const struct instance *i, int k, const struct store_nic *was,
               struct err *e)
{
    static const struct uuid none;
    const struct nic *nic = &i->spec.nics[k];
    const struct network *n = core_network(c, nic->network.s);
    struct store_nic row = { .instance = i->id, .number = k + 1, .network = nic->network };
    char mac[MAC_TEXT];

    if (!n)
        return err_set(e, ERR_NOT_FOUND, "network %s is not defined", nic->network.s);
    if (nic->mac_set)
        row.mac = nic->mac;
    else if (was)
        row.mac = was->mac;
    else if (free_mac(c, i, nic, &row.mac, e) < 0)
        return -1;
    if (nic->mac_set && store_identity_taken(c->store, &none, &row.mac))
        return err_set(e, ERR_CONFLICT, "the MAC address %s is taken by another instance",
                       mac_format(&row.mac, mac));
    if (was && was->reserved.family &&
        (!nic->address.family || ip_equal(&nic->address, &was->reserved)))
        row.reserved = was->reserved;
    else if (network_choose(c, n, &i->name, &nic->address, &row.reserved, e) < 0)
        return -1;
    if (store_nic_put(c->store, &row, e) < 0)
        return -1;
    return network_nic_changed(c, nic->network.s, NULL, NULL, e);
}

/* Its lease would stand against the next reservation. */
static int gone(struct core *c, const struct store_nic *list, int n, struct err *e)
{
    for (int k = 0; k < n; k++)
        if (network_nic_changed(c, list[k].network.s, &list[k].mac,
                                list[k].reserved.family ? &list[k].reserved : NULL, e) < 0)
            return -1;
    return 0;
}

int core_nics_put(struct core *c, const struct instance *i, struct err *e)
{
    struct store_nic was[NICS_OTHER];
    int n = store_nics_of(c->store, i->id, was, e);

    if (n < 0 || (n == 0 && i->spec.n_nics == 0))
        return n;
    if (store_nics_remove(c->store, i->id, e) < 0)
        return -1;
    for (int k = 0; k < n; k++) { /* those that keep their network keep their lease */
        bool stays = false;
        for (int m = 0; m < i->spec.n_nics; m++)
            stays = stays || !strcmp(i->spec.nics[m].network.s, was[k].network.s);
        if (!stays && gone(c, &was[k], 1, e) < 0)
            return -1;
    }
    for (int k = 0; k < i->spec.n_nics; k++)
        if (put(c, i, k, on_network(was, n, &i->spec.nics[k].network), e) < 0)
            return err_wrap(e, "instance %s", i->name.s);
    return 0;
}

int core_nics_drop(struct core *c, int64_t instance, struct err *e)
{
    struct store_nic was[NICS_OTHER];
    int n = store_nics_of(c->store, instance, was, e);

    return n < 0 || gone(c, was, n, e) < 0 ? -1 : store_nics_remove(c->store, instance, e);
}

/* The files of their networks have its name. */
int core_nics_renamed(struct core *c, const struct guest *g, struct err *e)
{
    struct store_nic rows[NICS_OTHER];
    int n = store_nics_of(c->store, g->id, rows, e);

    for (int k = 0; k < n; k++)
        if (network_nic_changed(c, rows[k].network.s, NULL, NULL, e) < 0)
            return -1;
    return n < 0 ? -1 : 0;
}

int core_nics_launch(struct core *c, const struct guest *g, struct launch *l, struct err *e)
{
    struct store_nic rows[NICS_OTHER];
    int n = store_nics_of(c->store, g->id, rows, e);

    for (int k = 0; k < n; k++) {
        const struct network *on = core_network(c, rows[k].network.s);
        if (!on)
            return err_set(e, ERR_NOT_FOUND, "network %s is not defined", rows[k].network.s);
        l->nics[k] = (struct launch_nic){ .network = on->name,
                                          .kind = on->kind,
                                          .mac = rows[k].mac,
                                          .tap = on->kind != NETWORK_USER,
                                          .mtu = on->kind != NETWORK_USER ? on->mtu : 0 };
    }
    l->n_nics = n < 0 ? 0 : n;
    return n < 0 ? -1 : 0;
}

bool core_nics_ready(struct core *c, const struct guest *g, struct name *ret_missing)
{
    struct store_nic rows[NICS_OTHER];
    int n = store_nics_of(c->store, g->id, rows, NULL);

    *ret_missing = g->network;
    if (!machine_network_ready(c, g->network.s))
        return false;
    for (int k = 0; k < n; k++) {
        *ret_missing = rows[k].network;
        if (!machine_network_ready(c, rows[k].network.s))
            return false;
    }
    return true;
}

bool core_nics_on(struct core *c, const struct guest *g, const char *network)
{
    struct store_nic rows[NICS_OTHER];
    int n = store_nics_of(c->store, g->id, rows, NULL);
    struct name key;

    snprintf(key.s, sizeof key.s, "%s", network);
    return !strcmp(g->network.s, network) || (n > 0 && on_network(rows, n, &key));
}

int core_nics_reserved(struct core *c, const struct guest *g, const char *network, struct ip *ret,
                       struct err *e)
{
    struct store_nic rows[NICS_OTHER];
    int n = store_nics_of(c->store, g->id, rows, e);

    for (int k = 0; k < n; k++)
        if (!strcmp(rows[k].network.s, network) && rows[k].reserved.family)
            *ret = rows[k].reserved;
    return n < 0 ? -1 : 0;
}

static json_t *address_json(const struct store_nic *n)
{
    const struct ip *ip = n->leased.family ? &n->leased : &n->reserved;
    char text[IP_TEXT];

    return ip->family ? json_string(ip_format(ip, text)) : json_null();
}

json_t *core_nics_json(struct store *s, const struct guest *g)
{
    struct store_nic rows[NICS_OTHER];
    int n = store_nics_of(s, g->id, rows, NULL);
    json_t *list = json_array();
    char mac[MAC_TEXT];

    for (int k = 0; k < n; k++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "network", rows[k].network.s,
                                              "mac", mac_format(&rows[k].mac, mac), "address",
                                              address_json(&rows[k])));
    return list;
}

int core_nic_lease(struct core *c, const struct net_lease *m, struct err *e)
{
    const struct endpoint at = { .ip = m->lease.ip, .port = SSH_PORT };
    struct store_nic row;
    struct guest g;
    char ip[IP_TEXT];
    int n = store_nic_by_mac(c->store, &m->lease.mac, &row, e);

    if (n <= 0 || strcmp(row.network.s, m->network.s))
        return n < 0 ? -1 : 0;
    if (m->lease.action == LEASE_DEL || ip_equal(&row.leased, &m->lease.ip))
        return 1;
    row.leased = m->lease.ip;
    if (core_write(c, false, e) < 0 || store_nic_leased(c->store, &row, e) < 0 ||
        store_guest_by_id(c->store, row.instance, &g, e) < 0 ||
        core_event(c, &g, EV_LEASED, "dnsmasq", e, "%s on network %s", ip_format(&m->lease.ip, ip),
                   m->network.s) < 0)
        return -1;
    /* Better than none; what the first card gets takes its place. */
    if (!g.address.port && core_address(c, &g, &at, "the lease of a further card", e) < 0)
        return -1;
    return core_guest_save(c, &g, e) < 0 ? -1 : 1;
}
