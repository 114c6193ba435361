#include "seeds/homecoming.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/name.h"

/* What cc_phone_home sends are 7 fields; more than this is somebody playing. */
#define FIELDS_MAX 64

struct field {
    const char *name;
    const char *value;
    size_t len;
};

typedef int take_fn(const struct field *f, int arg, struct homecoming *h, struct err *e);

static bool not_available(const struct field *f)
{
    return f->len == 0 || strcmp(f->value, "N/A") == 0;
}

static int take_key(const struct field *f, int type, struct homecoming *h, struct err *e)
{
    struct hostkey *k = &h->keys[type];

    if (not_available(f))
        return 0;
    if (hostkey_parse(f->value, f->len, k, e) < 0)
        return err_wrap(e, "%s", f->name);
    if ((int)k->type != type)
        return err_set(e, ERR_INVALID, "%s holds a key of type %s", f->name, k->algorithm);
    h->has[type] = true;
    return 0;
}

static bool iid_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._:", c));
}

/* Other datasources' ids too ("iid-datasource-none"), so that roost can say who came. */
static int take_iid(const struct field *f, int arg, struct homecoming *h, struct err *e)
{
    bool ok = f->len >= 1 && f->len <= IID_MAX;

    (void)arg;
    for (size_t i = 0; ok && i < f->len; i++)
        ok = iid_char(f->value[i]);
    if (!ok)
        return err_set(e, ERR_INVALID,
                       "instance_id: expected 1 to %d of letters, digits, '-', '.', '_' and ':'",
                       IID_MAX);
    memcpy(h->iid, f->value, f->len + 1);
    return 0;
}

/* A name is a hint for people, never a key: an odd one is dropped, not refused. */
static void take_host(const struct field *f, char out[DOMAIN_MAX_LEN + 1])
{
    bool ok = f->len >= 1 && f->len <= DOMAIN_MAX_LEN && !not_available(f);

    for (size_t i = 0; ok && i < f->len; i++)
        ok = iid_char(f->value[i]) && f->value[i] != '_' && f->value[i] != ':';
    if (ok)
        memcpy(out, f->value, f->len + 1);
}

static int take_hostname(const struct field *f, int arg, struct homecoming *h, struct err *e)
{
    (void)e;
    take_host(f, arg ? h->fqdn : h->hostname);
    return 0;
}

static const struct {
    const char *name;
    take_fn *take;
    int arg;
} fields[] = {
    { "pub_key_rsa", take_key, HOSTKEY_RSA },
    { "pub_key_ecdsa", take_key, HOSTKEY_ECDSA },
    { "pub_key_ed25519", take_key, HOSTKEY_ED25519 },
    { "pub_key_dsa", take_key, HOSTKEY_DSA },
    { "instance_id", take_iid, 0 },
    { "hostname", take_hostname, 0 },
    { "fqdn", take_hostname, 1 },
};

static int field_take(const struct field *f, unsigned *seen, struct homecoming *h, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (strcmp(fields[i].name, f->name) != 0)
            continue;
        if (*seen & (1u << i))
            return err_set(e, ERR_INVALID, "field %s is there twice", fields[i].name);
        *seen |= 1u << i;
        struct field named = { fields[i].name, f->value, f->len };
        return fields[i].take(&named, fields[i].arg, h, e);
    }
    return 0;
}

/* One "name=value" of len bytes; `room` takes both, decoded (len + 2 bytes). */
static int pair_read(const char *s, size_t len, char *room, struct field *ret, struct err *e)
{
    const char *eq = memchr(s, '=', len);
    size_t name_len = eq ? (size_t)(eq - s) : len;
    size_t value_len = eq ? len - name_len - 1 : 0;
    int n = percent_decode(s, name_len, true, room, name_len + 1, e);

    if (n < 0)
        return -1;
    char *value = room + n + 1;
    int v = percent_decode(eq ? eq + 1 : "", value_len, true, value, value_len + 1, e);
    if (v < 0)
        return -1;
    *ret = (struct field){ room, value, (size_t)v };
    return 0;
}

static int body_read(const char *body, size_t len, char *room, struct homecoming *h, struct err *e)
{
    unsigned seen = 0;
    int n = 0;

    for (size_t at = 0; at < len;) {
        const char *amp = memchr(body + at, '&', len - at);
        size_t part = amp ? (size_t)(amp - body) - at : len - at;
        struct field f;
        if (++n > FIELDS_MAX)
            return err_set(e, ERR_INVALID, "more than %d fields", FIELDS_MAX);
        if (part > 0 &&
            (pair_read(body + at, part, room, &f, e) < 0 || field_take(&f, &seen, h, e) < 0))
            return err_wrap(e, "field %d", n);
        at += part + 1;
    }
    return 0;
}

static bool any_key(const struct homecoming *h)
{
    for (int t = 0; t < HOSTKEY_TYPES; t++) {
        if (h->has[t])
            return true;
    }
    return false;
}

/* Nothing of it holds, without the 12 KiB of the keys. */
static void empty(struct homecoming *h)
{
    h->iid[0] = h->hostname[0] = h->fqdn[0] = '\0';
    memset(h->has, 0, sizeof h->has);
}

static int parse(const char *body, size_t len, struct homecoming *h, struct err *e)
{
    auto_free char *room = malloc(len + 2);

    if (!room)
        return err_set(e, ERR_INTERNAL, "phone-home: out of memory");
    if (body_read(body, len, room, h, e) < 0)
        return err_wrap(e, "phone-home");
    if (!h->iid[0])
        return err_set(e, ERR_INVALID, "phone-home: no instance_id");
    if (!any_key(h))
        return err_set(e, ERR_INVALID, "phone-home: no SSH host key");
    return 0;
}

int homecoming_parse(const char *body, size_t len, struct homecoming *ret, struct err *e)
{
    empty(ret);
    if (len > HOMECOMING_BODY_MAX)
        return err_set(e, ERR_TOO_BIG, "phone-home: body is longer than %d bytes",
                       HOMECOMING_BODY_MAX);
    if (parse(body, len, ret, e) == 0)
        return 0;
    empty(ret);
    return -1;
}
