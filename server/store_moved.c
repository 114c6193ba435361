/* Tokens of guests that came from another host: what they know stays theirs (model/bundle.h). */
#include "server/store_priv.h"

int store_moved_put(struct store *s, int64_t instance, const char *iid,
                    const struct token tokens[TOKEN_PURPOSES], struct err *e)
{
    return store_write(s, S_MOVED_PUT, e, "ittt", instance, iid, tokens[TOKEN_SEED].s,
                       tokens[TOKEN_POST].s) < 0
               ? -1
               : 0;
}

int store_moved_get(struct store *s, int64_t instance, const char *iid,
                    struct token ret[TOKEN_PURPOSES], struct err *e)
{
    char text[TOKEN_LEN + 1];
    sqlite3_stmt *st;
    int n = store_row(s, S_MOVED_GET, &st, e, "it", instance, iid);

    for (int p = 0; n == 1 && p < TOKEN_PURPOSES; p++)
        if (!store_text(st, p, text, sizeof text) || token_parse(text, TOKEN_LEN, &ret[p]) < 0)
            n = store_damaged(s, e, "token of a guest that was moved here");
    store_reset(s->stmt[S_MOVED_GET]);
    return n;
}
