#include "model/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/parse.h"

int mac_parse(const char *s, struct mac *ret, struct err *e)
{
    struct mac m = { 0 };
    bool ok = strnlen(s, MAC_TEXT) == MAC_TEXT - 1 && (s[2] == ':' || s[2] == '-');

    for (int i = 0; ok && i < 6; i++)
        ok = (i == 5 || s[3 * i + 2] == s[2]) && !hex_decode(s + 3 * i, 2, &m.b[i]);
    if (!ok)
        return err_set(e, ERR_INVALID,
                       "MAC address \"%.40s\": expected six pairs of hex digits, such as "
                       "52:54:00:12:34:56",
                       s);
    if (m.b[0] & 1)
        return err_set(e, ERR_INVALID,
                       "MAC address %s is a group address (its first byte is odd): a guest "
                       "needs one of its own, such as 52:54:00:12:34:56",
                       s);
    if (!memcmp(m.b, (uint8_t[6]){ 0 }, 6))
        return err_set(e, ERR_INVALID,
                       "MAC address %s is nobody's: expected one such as "
                       "52:54:00:12:34:56",
                       s);
    *ret = m;
    return 0;
}

const char *mac_format(const struct mac *m, char out[MAC_TEXT])
{
    snprintf(out, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", m->b[0], m->b[1], m->b[2], m->b[3],
             m->b[4], m->b[5]);
    return out;
}

/* IPv4-mapped addresses (RFC 4291 section 2.5.5.2) are what a dual-stack socket says of an IPv4
 * peer. One address must have one value, so they become IPv4. */
static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

int ip_parse(const char *s, struct ip *ret, struct err *e)
{
    struct ip a = { 0 };

    if (inet_pton(AF_INET, s, a.b) == 1) {
        a.family = 4;
    } else if (inet_pton(AF_INET6, s, a.b) == 1) {
        a.family = 6;
        if (!memcmp(a.b, mapped_prefix, sizeof mapped_prefix)) {
            struct ip v4 = { .family = 4 };
            memcpy(v4.b, a.b + 12, 4);
            a = v4;
        }
    } else {
        return err_set(e, ERR_INVALID,
                       "address \"%.60s\": expected IPv4 such as 172.16.5.20 or IPv6 such as "
                       "fd00::20",
                       s);
    }
    *ret = a;
    return 0;
}

/* Appends a number and returns the new end. */
static char *put_decimal(char *out, unsigned v)
{
    char digits[10];
    int n = 0;

    do
        digits[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n)
        *out++ = digits[--n];
    *out = '\0';
    return out;
}

/* By hand for IPv4: inet_ntop() goes through printf, and every guest's address is written some
 * times on its way home. */
const char *ip_format(const struct ip *a, char out[IP_TEXT])
{
    char *end = out;

    out[0] = '\0';
    if (a->family == 6)
        inet_ntop(AF_INET6, a->b, out, IP_TEXT);
    for (int i = 0; a->family == 4 && i < 4; i++) {
        if (i)
            *end++ = '.';
        end = put_decimal(end, a->b[i]);
    }
    return out;
}

static size_t ip_size(const struct ip *a)
{
    return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->family == b->family && !memcmp(a->b, b->b, ip_size(a));
}

bool ip_is_loopback(const struct ip *a)
{
    static const uint8_t one[16] = { [15] = 1 };

    return a->family == 4 ? a->b[0] == 127 : a->family == 6 && !memcmp(a->b, one, sizeof one);
}

/* The address with all bits behind the prefix zero. */
static struct ip ip_masked(const struct ip *a, unsigned prefix)
{
    struct ip m = *a;

    for (size_t i = 0; i < ip_size(a); i++) {
        unsigned keep = prefix >= 8 * (i + 1) ? 8 : prefix > 8 * i ? prefix - 8 * (unsigned)i : 0;
        m.b[i] &= (uint8_t)(0xff << (8 - keep));
    }
    return m;
}

void cidr_around(const struct ip *a, uint8_t prefix, struct cidr *ret)
{
    *ret = (struct cidr){ ip_masked(a, prefix), prefix };
}

int cidr_parse(const char *s, struct cidr *ret, struct err *e)
{
    const char *slash = strchr(s, '/');
    size_t len = slash ? (size_t)(slash - s) : IP_TEXT;
    char text[IP_TEXT], right[CIDR_TEXT];
    struct cidr c = { 0 };
    uint64_t prefix;
    struct ip ip;

    if (len >= sizeof text)
        return err_set(e, ERR_INVALID,
                       "network \"%.60s\": expected address and prefix length, such as "
                       "172.16.5.0/24",
                       s);
    memcpy(text, s, len);
    text[len] = '\0';
    if (ip_parse(text, &ip, e) < 0)
        return err_wrap(e, "network \"%.60s\"", s);
    if (parse_u64(slash + 1, 0, 8 * ip_size(&ip), &prefix, NULL) < 0)
        return err_set(e, ERR_INVALID,
                       "network \"%.60s\": expected a prefix length of 0 to %zu behind the "
                       "slash",
                       s, 8 * ip_size(&ip));
    c.prefix = (uint8_t)prefix;
    c.ip = ip_masked(&ip, c.prefix);
    if (!ip_equal(&c.ip, &ip))
        return err_set(e, ERR_INVALID,
                       "network \"%.60s\" has bits set behind its prefix: %s would be right", s,
                       cidr_format(&c, right));
    *ret = c;
    return 0;
}

const char *cidr_format(const struct cidr *c, char out[CIDR_TEXT])
{
    char ip[IP_TEXT];

    out[0] = '\0';
    if (c->ip.family)
        snprintf(out, CIDR_TEXT, "%s/%u", ip_format(&c->ip, ip), c->prefix);
    return out;
}

bool cidr_contains(const struct cidr *c, const struct ip *a)
{
    struct ip masked = ip_masked(a, c->prefix);

    return a->family != 0 && ip_equal(&masked, &c->ip);
}

/* Cuts "HOST:PORT" or "[HOST]:PORT" at its colon; HOST goes to out without brackets. */
static const char *endpoint_cut(const char *s, char out[IP_TEXT], bool *ret_six)
{
    const char *from = s[0] == '[' ? s + 1 : s;
    const char *end = strchr(from, s[0] == '[' ? ']' : ':');
    const char *colon = end && s[0] == '[' ? end + 1 : end;

    if (!end || end - from >= IP_TEXT || *colon != ':')
        return NULL;
    memcpy(out, from, (size_t)(end - from));
    out[end - from] = '\0';
    *ret_six = s[0] == '[';
    return colon + 1;
}

int endpoint_parse(const char *s, struct endpoint *ret, struct err *e)
{
    char host[IP_TEXT];
    bool six;
    const char *port_text = endpoint_cut(s, host, &six);
    struct endpoint p = { 0 };
    uint64_t port;

    if (!port_text || six != !!strchr(host, ':'))
        return err_set(e, ERR_INVALID,
                       "\"%.60s\": expected ADDRESS:PORT, such as 127.0.0.1:10200 or "
                       "[::1]:10200",
                       s);
    if (ip_parse(host, &p.ip, e) < 0)
        return err_wrap(e, "\"%.60s\"", s);
    if (parse_u64(port_text, 0, UINT16_MAX, &port, NULL) < 0)
        return err_set(e, ERR_INVALID, "\"%.60s\": expected a port of 0 to 65535 behind the colon",
                       s);
    p.port = (uint16_t)port;
    *ret = p;
    return 0;
}

const char *endpoint_format(const struct endpoint *p, char out[ENDPOINT_TEXT])
{
    char *end = out;

    out[0] = '\0';
    if (!p->ip.family)
        return out;
    if (p->ip.family == 6)
        *end++ = '[';
    end += strlen(ip_format(&p->ip, end));
    if (p->ip.family == 6)
        *end++ = ']';
    *end++ = ':';
    put_decimal(end, p->port);
    return out;
}

static const char uuid_hyphens[] = { 8, 13, 18, 23 };

/* Bytes to RFC 9562 section 4 text. */
static void uuid_format(const uint8_t b[16], struct uuid *ret)
{
    char hex[33], *to = ret->s;

    hex_encode(b, 16, hex);
    for (int i = 0; i < 32; i++) {
        if (memchr(uuid_hyphens, (int)(to - ret->s), sizeof uuid_hyphens))
            *to++ = '-';
        *to++ = hex[i];
    }
    *to = '\0';
}

int uuid_parse(const char *s, struct uuid *ret, struct err *e)
{
    bool ok = strnlen(s, UUID_TEXT) == UUID_TEXT - 1;
    uint8_t b[16], any = 0, all = 0xff;

    for (int i = 0, n = 0; ok && i < UUID_TEXT - 1; i++) {
        if (memchr(uuid_hyphens, i, sizeof uuid_hyphens)) {
            ok = s[i] == '-';
            continue;
        }
        ok = !hex_decode(s + i, 2, &b[n]);
        if (ok)
            any |= b[n], all &= b[n];
        i++, n++;
    }
    if (!ok)
        return err_set(e, ERR_INVALID,
                       "uuid \"%.60s\": expected 36 characters such as "
                       "4c4c4544-0042-3510-8031-b4c04f4e3732",
                       s);
    if (!any || all == 0xff)
        return err_set(e, ERR_INVALID,
                       "uuid %s is what firmware says that has none: it names nobody", s);
    uuid_format(b, ret);
    return 0;
}

/* A stable draw for (salt, purpose, name, attempt). The name goes in by its digest, so that the
 * message has one length and no two inputs can run into each other. */
static void derive(const uint8_t salt[16], const char *purpose, const char *name, unsigned attempt,
                   uint8_t out[SHA256_SIZE])
{
    uint8_t text[16 + SHA256_SIZE + 4] = { 0 };

    memcpy(text, purpose, strlen(purpose));
    sha256(name, strlen(name), text + 16);
    for (int i = 0; i < 4; i++)
        text[16 + SHA256_SIZE + i] = (uint8_t)(attempt >> (24 - 8 * i));
    hmac_sha256(salt, 16, text, sizeof text, out);
}

void mac_derive(const uint8_t salt[16], const char *name, unsigned attempt, struct mac *ret)
{
    uint8_t d[SHA256_SIZE];

    derive(salt, "roost-mac-1", name, attempt, d);
    *ret = (struct mac){ { 0x52, 0x54, 0x00, d[0], d[1], d[2] } };
}

void uuid_derive(const uint8_t salt[16], const char *name, unsigned attempt, struct uuid *ret)
{
    uint8_t d[SHA256_SIZE];

    derive(salt, "roost-uuid-1", name, attempt, d);
    d[6] = (d[6] & 0x0f) | 0x80; /* version 8, RFC 9562 section 5.8 */
    d[8] = (d[8] & 0x3f) | 0x80; /* variant, section 4.1 */
    uuid_format(d, ret);
}
