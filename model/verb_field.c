#include "model/verb_field.h"

#include <string.h>

#include "base/parse.h"

int verb_wrong(const char *verb, const char *field, struct err *e)
{
    return err_set(e, ERR_INVALID, "message %s: %s is out of its range", verb, field);
}

int verb_check_name(const struct name *n, const char *what, struct err *e)
{
    struct name again;

    return name_parse(n->s, what, &again, e);
}

void verb_put_enum(struct buf *b, unsigned v)
{
    msg_put_u8(b, v <= UINT8_MAX ? (uint8_t)v : UINT8_MAX);
}

unsigned verb_get_enum(struct msg_cur *c, unsigned n)
{
    unsigned v = msg_get_u8(c);

    if (v >= n)
        c->failed = true;
    return v < n ? v : 0;
}

void verb_put_text(struct buf *b, const char *s, size_t size)
{
    char clean[VERB_TEXT_MAX];
    size_t n = strnlen(s, (size < sizeof clean ? size : sizeof clean) - 1);

    for (size_t i = 0; i < n; i++)
        clean[i] = s[i] >= 0x20 && s[i] < 0x7f ? s[i] : s[i] == '\n' || s[i] == '\t' ? ' ' : '?';
    msg_put_bytes(b, clean, n);
}

void verb_get_line(struct msg_cur *c, char *out, size_t size)
{
    msg_get_str(c, out, size);
    if (!ascii_printable(out, strlen(out)))
        c->failed = true;
}

static size_t ip_size(const struct ip *a)
{
    return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

void verb_put_ip(struct buf *b, const struct ip *a)
{
    msg_put_bytes(b, a->b, ip_size(a));
}

void verb_get_ip(struct msg_cur *c, struct ip *ret)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct ip a = { 0 };
    size_t len;
    const void *bytes = msg_get_bytes(c, &len);

    if (!bytes || (len != 0 && len != 4 && len != 16)) {
        c->failed = true;
    } else {
        a.family = len == 4 ? 4 : len == 16 ? 6 : 0;
        memcpy(a.b, bytes, len);
        if (a.family == 6 && !memcmp(a.b, mapped, sizeof mapped))
            c->failed = true;
    }
    *ret = a;
}

void verb_put_cidr(struct buf *b, const struct cidr *c)
{
    verb_put_ip(b, &c->ip);
    msg_put_u8(b, c->prefix);
}

void verb_get_cidr(struct msg_cur *c, struct cidr *ret)
{
    struct cidr v = { 0 }, right;

    verb_get_ip(c, &v.ip);
    v.prefix = msg_get_u8(c);
    cidr_around(&v.ip, v.prefix, &right);
    if (v.prefix > 8 * ip_size(&v.ip) || !ip_equal(&v.ip, &right.ip))
        c->failed = true;
    *ret = v;
}

void verb_put_mac(struct buf *b, const struct mac *m)
{
    msg_put_bytes(b, m->b, sizeof m->b);
}

void verb_get_mac(struct msg_cur *c, struct mac *ret)
{
    static const struct mac none = { 0 };
    struct mac m = none;
    size_t len;
    const void *bytes = msg_get_bytes(c, &len);

    if (bytes && len == sizeof m.b)
        memcpy(m.b, bytes, len);
    if (!memcmp(&m, &none, sizeof m) || (m.b[0] & 1))
        c->failed = true;
    *ret = m;
}
