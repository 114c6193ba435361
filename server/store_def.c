/* Definitions: networks, identities, images as canonical JSON. */
#include "server/store_priv.h"

#include <stdlib.h>

#include "base/cleanup.h"

static const char *const kind_names[] = {
    [DEF_NETWORK] = "network",
    [DEF_IDENTITY] = "identity",
    [DEF_IMAGE] = "image",
    [DEF_GROUP] = "group",
    [DEF_TASK] = "task",
};

static json_t *load(sqlite3_stmt *st, int column)
{
    const char *text = (const char *)sqlite3_column_text(st, column);
    return text ? json_loadb(text, (size_t)sqlite3_column_bytes(st, column), JSON_REJECT_DUPLICATES,
                             NULL)
                : NULL;
}

static int absent(struct err *e, enum def_kind k, const char *name)
{
    return err_set(e, ERR_NOT_FOUND, "there is no %s \"%s\"", kind_names[k], name);
}

int store_def_get(struct store *s, enum def_kind k, const char *name, json_t **ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_DEF_GET, &st, e, "it", (int64_t)k, name);
    if (n <= 0)
        return n < 0 ? -1 : absent(e, k, name);
    json_t *j = load(st, 0);
    store_reset(st);
    if (!j)
        return store_damaged(s, e, "definition");
    *ret = j;
    return 0;
}

int store_def_put(struct store *s, enum def_kind k, const char *name, const json_t *j,
                  struct err *e)
{
    auto_free char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return err_set(e, ERR_INTERNAL, "%s \"%s\" cannot be written as JSON", kind_names[k], name);
    return store_write(s, S_DEF_PUT, e, "itt", (int64_t)k, name, text) < 0 ? -1 : 0;
}

int store_def_remove(struct store *s, enum def_kind k, const char *name, struct err *e)
{
    int n = store_write(s, S_DEF_REMOVE, e, "it", (int64_t)k, name);
    if (n == 0)
        return absent(e, k, name);
    return n < 0 ? -1 : 0;
}

int store_def_users(struct store *s, enum def_kind k, const char *name, int64_t *ret_n,
                    struct name *ret_first, struct err *e)
{
    sqlite3_stmt *st;
    enum stmt id = k == DEF_IMAGE ? S_DEF_IMAGE_USERS : S_DEF_IDENTITY_USERS;
    int n = store_row(s, id, &st, e, "t", name);
    if (n <= 0)
        return n < 0 ? -1 : store_damaged(s, e, "specification");
    *ret_n = sqlite3_column_int64(st, 0);
    ret_first->s[0] = '\0';
    bool whole = !*ret_n || store_text(st, 1, ret_first->s, sizeof(ret_first->s));
    store_reset(st);
    return whole ? 0 : store_damaged(s, e, "specification");
}

int store_defs(struct store *s, enum def_kind k, store_def_fn *fn, void *arg, struct err *e)
{
    struct name name = { "" };
    for (;;) {
        sqlite3_stmt *st;
        int n = store_row(s, S_DEF_AFTER, &st, e, "it", (int64_t)k, name.s);
        if (n <= 0)
            return n;
        json_t *j = store_text(st, 0, name.s, sizeof(name.s)) ? load(st, 1) : NULL;
        store_reset(st);
        if (!j)
            return store_damaged(s, e, "definition");
        int r = fn(name.s, j, arg);
        json_decref(j);
        if (r != 0)
            return r;
    }
}
