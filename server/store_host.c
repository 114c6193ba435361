/* What projections read: the guests that were ever home, with keys and specification, as one
 * snapshot. */
#include "server/store_priv.h"

#include <stdlib.h>
#include <string.h>

#define C_KEYS GUEST_COLUMN_COUNT
#define C_SPEC (C_KEYS + 1 + HOSTKEY_TYPES)

/* The last row's specification: those of one `count:` are equal, and neighbours by name. */
struct last_spec {
    char *text;
    size_t len;
    json_t *json;
};

static void last_spec_done(struct last_spec *l)
{
    json_decref(l->json);
    free(l->text);
    *l = (struct last_spec){ 0 };
}

/* NULL: it cannot be read. */
static const json_t *spec_read_once(struct last_spec *l, const char *text, size_t len)
{
    if (l->text && l->len == len && memcmp(l->text, text, len) == 0)
        return l->json;
    last_spec_done(l);
    l->json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    l->text = l->json ? malloc(len) : NULL;
    if (!l->text) /* to be freed with the next one, and not found again */
        return l->json;
    memcpy(l->text, text, len);
    l->len = len;
    return l->json;
}

static int host_read(struct store *s, sqlite3_stmt *st, struct guest *g, struct guest_keys *k,
                     struct last_spec *last, struct store_host *ret, struct err *e)
{
    int keys = store_guest_read(s, st, g, e) < 0 ? -1 : store_keys_read(s, st, C_KEYS, k, e);
    if (keys < 0)
        return -1;
    const char *text = (const char *)sqlite3_column_text(st, C_SPEC);
    const json_t *spec =
        text ? spec_read_once(last, text, (size_t)sqlite3_column_bytes(st, C_SPEC)) : NULL;
    if (!spec)
        return store_damaged(s, e, "specification");
    *ret = (struct store_host){ .guest = g, .keys = keys ? k : NULL, .spec = spec };
    return 0;
}

int store_hosts(struct store *s, store_host_fn *fn, void *arg, struct err *e)
{
    struct guest g;
    struct guest_keys k;
    struct last_spec last = { 0 };
    sqlite3_stmt *st = NULL;
    if (s->reader && store_mirror_load(s, e) < 0)
        return -1;
    int n = store_row(s, S_HOSTS, &st, e, ""), r = 0;
    while (n == 1) {
        struct store_host h;
        if (host_read(s, st, &g, &k, &last, &h, e) < 0) {
            n = -1;
            break;
        }
        r = fn(&h, arg);
        if (r != 0)
            break;
        int rc = sqlite3_step(st);
        n = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : store_fail(s, e);
    }
    store_reset(st);
    last_spec_done(&last);
    return n < 0 ? -1 : r;
}
