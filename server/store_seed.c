/* Rendered documents: one row per instance, equal user-data once. */
#include "server/store_priv.h"

#include <string.h>

#include "base/encode.h"

/* A buffer that one large document made does not stay with an idle process. */
#define SEED_BUF_KEEP (256u << 10)

int store_seed_get(struct store *s, int64_t instance, struct seed_docs *ret, struct err *e)
{
    sqlite3_stmt *st;
    size_t at[SEED_DOCS], len[SEED_DOCS];
    int n = store_row(s, S_SEED_GET, &st, e, "i", instance);
    if (n <= 0)
        return n < 0 ? -1
                     : err_set(e, ERR_NOT_FOUND, "no documents are rendered for instance %lld",
                               (long long)instance);
    if (s->seed.size > SEED_BUF_KEEP)
        buf_done(&s->seed);
    buf_clear(&s->seed);
    /* Copied, since an open SELECT would hold the log from being reset. */
    for (int d = 0; d < SEED_DOCS; d++) {
        const void *data = sqlite3_column_blob(st, d);
        at[d] = s->seed.len;
        len[d] = (size_t)sqlite3_column_bytes(st, d);
        buf_put(&s->seed, data, data ? len[d] : 0);
    }
    store_reset(st);
    if (buf_check(&s->seed, e) < 0)
        return -1;
    const char *base = buf_str(&s->seed);
    for (int d = 0; d < SEED_DOCS; d++) {
        ret->doc[d].data = base + at[d];
        ret->doc[d].len = len[d];
    }
    return 0;
}

/* 1: that body has this number, 0: the number is free, 2: another body has it. */
static int body_probe(struct store *s, int64_t id, const char *data, size_t len, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_BODY_GET, &st, e, "i", id);
    if (n == 1 && ((size_t)sqlite3_column_bytes(st, 0) != len ||
                   (len && memcmp(sqlite3_column_blob(st, 0), data, len) != 0)))
        n = 2;
    store_reset(s->stmt[S_BODY_GET]);
    return n;
}

/* Finds or stores a body and counts one more use of it. */
static int body_keep(struct store *s, const char *data, size_t len, int64_t *ret, struct err *e)
{
    uint8_t digest[SHA256_SIZE];
    uint64_t bits;
    sha256(data, len, digest);
    memcpy(&bits, digest, sizeof(bits));
    int64_t id = (int64_t)(bits >> 1);
    int found;
    while ((found = body_probe(s, id, data, len, e)) == 2)
        id = id == INT64_MAX ? 0 : id + 1;
    if (found < 0 ||
        (found == 0 && store_write(s, S_BODY_PUT, e, "ib", id, (const void *)data, len) < 0) ||
        store_write(s, S_BODY_KEEP, e, "i", id) < 0)
        return -1;
    *ret = id;
    return 0;
}

static int body_drop(struct store *s, int64_t id, struct err *e)
{
    if (store_write(s, S_BODY_DROP, e, "i", id) < 0)
        return -1;
    int unused = store_write(s, S_BODY_REFS, e, "i", id);
    if (unused > 0)
        unused = store_write(s, S_BODY_REMOVE, e, "i", id);
    return unused < 0 ? -1 : 0;
}

/* The body that the instance uses now: 1, 0 none, -1. */
static int seed_row(struct store *s, int64_t instance, int64_t *ret_user, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_SEED_ROW, &st, e, "i", instance);
    if (n == 1)
        *ret_user = sqlite3_column_int64(st, 0);
    store_reset(s->stmt[S_SEED_ROW]);
    return n;
}

static int seed_write(struct store *s, int64_t instance, int64_t user, const struct seed_docs *d,
                      struct err *e)
{
    return store_write(s, S_SEED_PUT, e, "iibbb", instance, user,
                       (const void *)d->doc[SEED_META].data, d->doc[SEED_META].len,
                       (const void *)d->doc[SEED_NETWORK].data, d->doc[SEED_NETWORK].len,
                       (const void *)d->doc[SEED_VENDOR].data, d->doc[SEED_VENDOR].len);
}

int store_seed_put(struct store *s, int64_t instance, const struct seed_docs *d, struct err *e)
{
    int64_t old = 0, now;
    if (store_begin(s, e) < 0)
        return -1;
    int had = seed_row(s, instance, &old, e);
    if (had < 0)
        return -1;
    int known = store_write(s, S_GUEST_SEEDED, e, "ii", instance, s->mirror.seed_version);
    if (known == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no instance number %lld", (long long)instance);
    /* The new one first, so that a body that stays is not dropped and stored again. */
    if (known < 0 || body_keep(s, d->doc[SEED_USER].data, d->doc[SEED_USER].len, &now, e) < 0 ||
        seed_write(s, instance, now, d, e) < 0)
        return -1;
    return had ? body_drop(s, old, e) : 0;
}

int store_seed_remove(struct store *s, int64_t instance, struct err *e)
{
    int64_t old = 0;
    if (store_begin(s, e) < 0)
        return -1;
    int had = seed_row(s, instance, &old, e);
    if (had <= 0)
        return had;
    return store_write(s, S_SEED_REMOVE, e, "i", instance) < 0 ? -1 : body_drop(s, old, e);
}
