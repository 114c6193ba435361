/* Directories that are to be moved: on record with what makes it necessary, done after the commit. */
#include "server/store_priv.h"

#include <string.h>

int store_move_put(struct store *s, const char *origin, const char *target, struct err *e)
{
    return store_write(s, S_MOVE_PUT, e, "tt", origin, target) < 0 ? -1 : 0;
}

int store_move_remove(struct store *s, int64_t id, struct err *e)
{
    return store_write(s, S_MOVE_REMOVE, e, "i", id) < 0 ? -1 : 0;
}

int store_move_next(struct store *s, int64_t after, struct move *ret, struct err *e)
{
    sqlite3_stmt *st;
    struct move m;
    int n = store_row(s, S_MOVE_AFTER, &st, e, "i", after);

    if (n == 1) {
        m.id = sqlite3_column_int64(st, 0);
        if (!store_text(st, 1, m.origin, sizeof m.origin) ||
            !store_text(st, 2, m.target, sizeof m.target))
            n = store_damaged(s, e, "move of a directory");
    }
    store_reset(s->stmt[S_MOVE_AFTER]);
    if (n == 1)
        *ret = m;
    return n;
}

int store_move_of(struct store *s, const char *path, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_MOVE_OF, &st, e, "t", path);

    store_reset(s->stmt[S_MOVE_OF]);
    return n;
}
