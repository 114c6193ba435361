/* What projections read: the guests that were ever home, with keys and specification, as one
 * snapshot. */
#include "server/store_priv.h"

#define C_KEYS GUEST_COLUMN_COUNT
#define C_SPEC (C_KEYS + 1 + HOSTKEY_TYPES)

static int host_read(struct store *s, sqlite3_stmt *st, struct guest *g, struct guest_keys *k,
                     struct store_host *ret, struct err *e)
{
    int keys = store_guest_read(s, st, g, e) < 0 ? -1 : store_keys_read(s, st, C_KEYS, k, e);
    if (keys < 0)
        return -1;
    json_t *spec =
        json_loadb((const char *)sqlite3_column_text(st, C_SPEC),
                   (size_t)sqlite3_column_bytes(st, C_SPEC), JSON_REJECT_DUPLICATES, NULL);
    if (!spec)
        return store_damaged(s, e, "specification");
    *ret = (struct store_host){ .guest = g, .keys = keys ? k : NULL, .spec = spec };
    return 0;
}

int store_hosts(struct store *s, store_host_fn *fn, void *arg, struct err *e)
{
    struct guest g;
    struct guest_keys k;
    sqlite3_stmt *st = NULL;
    if (s->reader && store_mirror_load(s, e) < 0)
        return -1;
    int n = store_row(s, S_HOSTS, &st, e, ""), r = 0;
    while (n == 1) {
        struct store_host h;
        if (host_read(s, st, &g, &k, &h, e) < 0) {
            n = -1;
            break;
        }
        r = fn(&h, arg);
        json_decref((json_t *)h.spec);
        if (r != 0)
            break;
        int rc = sqlite3_step(st);
        n = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : store_fail(s, e);
    }
    store_reset(st);
    return n < 0 ? -1 : r;
}
