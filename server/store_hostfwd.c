/* Which ports of the host instances have in their definitions. */
#include <string.h>

#include "model/spot.h"
#include "server/store_priv.h"

static int read_row(struct store *s, sqlite3_stmt *st, struct store_hostfwds *ret, struct err *e)
{
    const struct spot at = spot_root("");
    const char *text = (const char *)sqlite3_column_text(st, 2);
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;
    int r = j && store_text(st, 1, ret->name.s, sizeof ret->name.s)
                ? value_hostfwds(j, &at, ret->list, &ret->n, NULL)
                : -1;

    ret->instance = sqlite3_column_int64(st, 0);
    json_decref(j);
    return r < 0 ? store_damaged(s, e, "forwards of an instance") : 1;
}

int store_hostfwds(struct store *s, store_hostfwds_fn *fn, void *arg, struct err *e)
{
    struct store_hostfwds row = { .instance = 0 };

    for (;;) {
        sqlite3_stmt *st;
        int n = store_row(s, S_FORWARDS_AFTER, &st, e, "i", row.instance);
        if (n <= 0)
            return n;
        n = read_row(s, st, &row, e);
        store_reset(st);
        if (n < 0)
            return -1;
        int end = fn(&row, arg);
        if (end)
            return end;
    }
}
