/* Grants: who was adopted may read its seed from one address until it is home. */
#include "server/store_priv.h"

int store_grant_put(struct store *s, int64_t instance, const struct ip *ip, struct err *e)
{
    char text[IP_TEXT];

    return store_write(s, S_GRANT_PUT, e, "it", instance, ip_format(ip, text)) < 0 ? -1 : 0;
}

int store_grant_remove(struct store *s, int64_t instance, struct err *e)
{
    return store_write(s, S_GRANT_REMOVE, e, "i", instance) < 0 ? -1 : 0;
}

int store_grant_of(struct store *s, int64_t instance, struct ip *ret, struct err *e)
{
    sqlite3_stmt *st;
    char text[IP_TEXT] = "";
    struct ip ip;
    int n = store_row(s, S_GRANT_GET, &st, e, "i", instance);

    if (n == 1 && (!store_text(st, 0, text, sizeof text) || ip_parse(text, &ip, NULL) < 0))
        n = store_damaged(s, e, "grant of an instance");
    store_reset(s->stmt[S_GRANT_GET]);
    if (n == 1)
        *ret = ip;
    return n;
}

int store_grant_at(struct store *s, const struct ip *ip, int64_t *ret_instance, struct err *e)
{
    sqlite3_stmt *st;
    char text[IP_TEXT];
    int n = store_row(s, S_GRANT_AT, &st, e, "t", ip_format(ip, text));

    if (n == 1 && sqlite3_column_int64(st, 1) == 1)
        *ret_instance = sqlite3_column_int64(st, 0);
    else if (n == 1)
        n = 0;
    store_reset(s->stmt[S_GRANT_AT]);
    return n;
}

int store_grants_count(struct store *s, int64_t *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_GRANT_COUNT, &st, e, "");

    if (n == 1)
        *ret = sqlite3_column_int64(st, 0);
    store_reset(s->stmt[S_GRANT_COUNT]);
    return n < 0 ? -1 : 0;
}
