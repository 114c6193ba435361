#include "model/seedurl.h"

#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "model/addr.h"
#include "model/name.h"

static const char *const docs[SEED_DOCS] = {
    [SEED_META] = "meta-data",
    [SEED_USER] = "user-data",
    [SEED_VENDOR] = "vendor-data",
    [SEED_NETWORK] = "network-config",
};

const char *seed_doc_name(enum seed_doc d)
{
    return (unsigned)d < SEED_DOCS ? docs[d] : NULL;
}

/* A name whose last label is a number is read as IPv4 by clients, so it must be a whole one. */
static bool ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *last = dot ? dot + 1 : host;

    return last[strspn(last, "0123456789")] == '\0';
}

static bool host_ok(const char *host)
{
    char domain[DOMAIN_MAX_LEN + 1];
    struct ip ip;

    if (ends_in_number(host))
        return !ip_parse(host, &ip, NULL) && ip.family == 4;
    return !domain_parse(host, domain, NULL);
}

/* HOST of "HOST" or "HOST:PORT", brackets gone; returns what is behind HOST, NULL when it has no
 * end. */
static const char *host_cut(const char *s, char out[DOMAIN_MAX_LEN + 1], bool *ret_six)
{
    bool six = s[0] == '[';
    const char *from = six ? s + 1 : s;
    size_t len = strcspn(from, six ? "]" : ":");

    if (len > DOMAIN_MAX_LEN || (six && !from[len]))
        return NULL;
    memcpy(out, from, len);
    out[len] = '\0';
    *ret_six = six;
    return from + len + six;
}

static bool authority_ok(const char *s)
{
    char host[DOMAIN_MAX_LEN + 1];
    uint64_t port;
    struct ip ip;
    bool six;
    const char *rest = host_cut(s, host, &six);

    if (!rest || !(six ? strchr(host, ':') && !ip_parse(host, &ip, NULL) : host_ok(host)))
        return false;
    return !*rest || (*rest == ':' && !parse_u64(rest + 1, 1, UINT16_MAX, &port, NULL));
}

int base_url_parse(const char *s, char ret[BASE_URL_MAX + 1], struct err *e)
{
    static const char scheme[] = "http://";
    size_t len = strnlen(s, BASE_URL_MAX + 1);

    if (len > BASE_URL_MAX)
        return err_set(e, ERR_TOO_BIG, "URL \"%.60s…\" has more than %d bytes", s, BASE_URL_MAX);
    if (!strncasecmp(s, "https:", 6))
        return err_set(e, ERR_INVALID,
                       "URL \"%.120s\": guests read their seed over plain http, such as "
                       "http://10.0.0.1:10200",
                       s);
    if (strncmp(s, scheme, sizeof scheme - 1) || !authority_ok(s + sizeof scheme - 1))
        return err_set(
            e, ERR_INVALID,
            "URL \"%.120s\": expected http://HOST or http://HOST:PORT and nothing behind "
            "it, such as http://10.0.0.1:10200",
            s);
    memmove(ret, s, len + 1);
    return 0;
}

/* A tag and a token are made of unreserved characters only (RFC 3986 section 2.3): no escaping. */
static void guest_url(struct buf *out, const char *base, const struct tag *tag,
                      const struct token *token, const char *last)
{
    buf_puts(out, base);
    buf_putc(out, '/');
    buf_puts(out, tag->s);
    buf_putc(out, '/');
    buf_puts(out, token->s);
    buf_putc(out, '/');
    buf_puts(out, last);
}

/* The slash at the end is what 22.4.2 needs: it appends the documents' names as they are. */
void seed_url(struct buf *out, const char *base, const struct tag *tag, const struct token *seed)
{
    guest_url(out, base, tag, seed, "");
}

void phone_home_url(struct buf *out, const char *base, const struct tag *tag,
                    const struct token *post)
{
    guest_url(out, base, tag, post, "phone-home");
}

void report_url(struct buf *out, const char *base, const struct tag *tag, const struct token *post)
{
    guest_url(out, base, tag, post, "report");
}

void seed_serial(struct buf *out, const char *base, const struct tag *tag, const struct token *seed)
{
    buf_puts(out, "ds=nocloud-net;s=");
    seed_url(out, base, tag, seed);
}
