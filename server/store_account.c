/* Accounts: roost's own in guests, so that it only counts on one where the guest was given it. */
#include "server/store_priv.h"

int store_account_put(struct store *s, int64_t instance, const struct account *a, struct err *e)
{
    return store_write(s, S_ACCOUNT_PUT, e, "itt", instance, a->login, a->key) < 0 ? -1 : 0;
}

int store_account_remove(struct store *s, int64_t instance, struct err *e)
{
    return store_write(s, S_ACCOUNT_REMOVE, e, "i", instance) < 0 ? -1 : 0;
}

int store_account_get(struct store *s, int64_t instance, struct account *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_ACCOUNT_GET, &st, e, "i", instance);

    if (n == 1 && (!store_text(st, 0, ret->login, sizeof ret->login) ||
                   !store_text(st, 1, ret->key, sizeof ret->key)))
        n = store_damaged(s, e, "account of an instance");
    store_reset(s->stmt[S_ACCOUNT_GET]);
    return n;
}
