/* Host keys: all of a guest in one row, one column per type, "ALGORITHM BASE64". */
#include "server/store_priv.h"

#include <string.h>

/* Columns of S_KEYS_GET behind iid. */
static const enum hostkey_type column_type[HOSTKEY_TYPES] = { HOSTKEY_RSA, HOSTKEY_ECDSA,
                                                              HOSTKEY_ED25519, HOSTKEY_DSA };

#define KEY_TEXT (sizeof(((struct hostkey *)0)->algorithm) + HOSTKEY_B64_MAX + 1)

/* What is stored passed hostkey_parse() before; here only the sizes are looked at. */
static bool key_read(const char *text, size_t len, enum hostkey_type type, struct hostkey *ret)
{
    const char *space = memchr(text, ' ', len);
    if (!space)
        return false;
    size_t a = (size_t)(space - text), b = len - a - 1;
    if (a >= sizeof(ret->algorithm) || b >= sizeof(ret->blob))
        return false;
    ret->type = type;
    memcpy(ret->algorithm, text, a);
    ret->algorithm[a] = '\0';
    memcpy(ret->blob, space + 1, b);
    ret->blob[b] = '\0';
    return true;
}

int store_keys_read(struct store *s, sqlite3_stmt *st, int first, struct guest_keys *ret,
                    struct err *e)
{
    if (sqlite3_column_type(st, first) == SQLITE_NULL)
        return 0;
    bool ok = store_text(st, first, ret->iid, sizeof(ret->iid));
    for (int i = 0; i < HOSTKEY_TYPES && ok; i++) {
        const char *text = (const char *)sqlite3_column_text(st, first + 1 + i);
        enum hostkey_type type = column_type[i];
        ret->has[type] = text != NULL;
        if (text)
            ok = key_read(text, (size_t)sqlite3_column_bytes(st, first + 1 + i), type,
                          &ret->keys[type]);
    }
    return ok ? 1 : store_damaged(s, e, "host keys");
}

int store_keys_get(struct store *s, int64_t instance, struct guest_keys *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_KEYS_GET, &st, e, "i", instance);
    if (n < 0)
        return -1;
    if (n == 0)
        return err_set(e, ERR_NOT_FOUND, "instance %lld has no host keys on record",
                       (long long)instance);
    n = store_keys_read(s, st, 0, ret, e);
    store_reset(st);
    return n < 0 ? -1 : 0;
}

int store_keys_put(struct store *s, int64_t instance, const struct guest_keys *k, struct err *e)
{
    char text[HOSTKEY_TYPES][KEY_TEXT];
    const char *value[HOSTKEY_TYPES] = { NULL };
    for (int i = 0; i < HOSTKEY_TYPES; i++) {
        enum hostkey_type type = column_type[i];
        if (!k->has[type])
            continue;
        const struct hostkey *key = &k->keys[type];
        size_t a = strlen(key->algorithm), b = strlen(key->blob);
        memcpy(text[i], key->algorithm, a);
        text[i][a] = ' ';
        memcpy(text[i] + a + 1, key->blob, b + 1);
        value[i] = text[i];
    }
    int n = store_write(s, S_KEYS_PUT, e, "ittttt", instance, k->iid, value[0], value[1], value[2],
                        value[3]);
    return n < 0 ? -1 : 0;
}

int store_keys_remove(struct store *s, int64_t instance, struct err *e)
{
    return store_write(s, S_KEYS_REMOVE, e, "i", instance) < 0 ? -1 : 0;
}
