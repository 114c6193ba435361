/* Cards of instances beside their first one: MAC and reserved address, for good; the lease. */
#include <string.h>

#include "server/store_priv.h"

static bool read_nic(sqlite3_stmt *st, struct store_nic *ret)
{
    const void *mac = sqlite3_column_blob(st, 3);
    char ip[IP_TEXT], leased[IP_TEXT];

    *ret = (struct store_nic){ .instance = sqlite3_column_int64(st, 0),
                               .number = sqlite3_column_int(st, 1) };
    if (!mac || sqlite3_column_bytes(st, 3) != sizeof ret->mac.b ||
        !store_text(st, 2, ret->network.s, sizeof ret->network.s) ||
        !store_text(st, 4, ip, sizeof ip) || !store_text(st, 5, leased, sizeof leased) ||
        (*ip && ip_parse(ip, &ret->reserved, NULL) < 0) ||
        (*leased && ip_parse(leased, &ret->leased, NULL) < 0))
        return false;
    memcpy(ret->mac.b, mac, sizeof ret->mac.b);
    return true;
}

int store_nic_put(struct store *s, const struct store_nic *n, struct err *e)
{
    char ip[IP_TEXT], mac[MAC_TEXT];
    struct store_nic other;
    struct reserved at;
    int r = store_nic_by_mac(s, &n->mac, &other, e);

    if (r < 0)
        return -1;
    if (r)
        return err_set(e, ERR_CONFLICT, "the MAC address %s is taken", mac_format(&n->mac, mac));
    if (n->reserved.family && (r = store_reservation_at(s, n->network.s, &n->reserved, &at, e)))
        return r < 0 ? -1
                     : err_set(e, ERR_CONFLICT,
                               "address %s of network %s is reserved for instance %s",
                               ip_format(&n->reserved, ip), n->network.s, at.name.s);
    return store_write(s, S_NIC_PUT, e, "iitbt", n->instance, (int64_t)n->number, n->network.s,
                       (const void *)n->mac.b, sizeof n->mac.b, ip_format(&n->reserved, ip)) < 0
               ? -1
               : 0;
}

int store_nics_remove(struct store *s, int64_t instance, struct err *e)
{
    return store_write(s, S_NICS_REMOVE, e, "i", instance) < 0 ? -1 : 0;
}

int store_nics_of(struct store *s, int64_t instance, struct store_nic ret[NICS_OTHER],
                  struct err *e)
{
    int64_t after = 0;
    int n = 0, found = 1;

    while (n < NICS_OTHER && found > 0) {
        sqlite3_stmt *st;
        found = store_row(s, S_NIC_AFTER, &st, e, "ii", instance, after);
        if (found == 1 && !read_nic(st, &ret[n]))
            found = store_damaged(s, e, "card of an instance");
        store_reset(s->stmt[S_NIC_AFTER]);
        if (found == 1)
            after = ret[n++].number;
    }
    return found < 0 ? -1 : n;
}

int store_nic_by_mac(struct store *s, const struct mac *mac, struct store_nic *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_NIC_BY_MAC, &st, e, "b", (const void *)mac->b, sizeof mac->b);

    if (n == 1 && !read_nic(st, ret))
        n = store_damaged(s, e, "card of an instance");
    store_reset(s->stmt[S_NIC_BY_MAC]);
    return n;
}

int store_nic_leased(struct store *s, const struct store_nic *n, struct err *e)
{
    char ip[IP_TEXT];

    return store_write(s, S_NIC_LEASED, e, "iit", n->instance, (int64_t)n->number,
                       ip_format(&n->leased, ip)) < 0
               ? -1
               : 0;
}
