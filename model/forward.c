/* Published ports. */
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "model/network.h"

#define FORM                                                                                       \
    "expected ADDRESS:PORT INSTANCE:PORT, such as \"0.0.0.0:8080 web1:80\" or \":53 dns1:53/udp\""

/* "0.0.0.0:8080" or ":8080", shorter than ENDPOINT_TEXT. */
static int read_at(const char *s, struct endpoint *ret, struct err *e)
{
    char text[ENDPOINT_TEXT + 8];

    snprintf(text, sizeof text, "%s%.*s", s[0] == ':' ? "0.0.0.0" : "", ENDPOINT_TEXT - 1, s);
    if (endpoint_parse(text, ret, e) < 0)
        return -1;
    return ret->port ? 0 : err_set(e, ERR_INVALID, "\"%s\": port 0 cannot be published", s);
}

/* "web1:80" or "dns1:53/udp"; s is cut up. */
static int read_to(char *s, struct forward *f, struct err *e)
{
    char *slash = strchr(s, '/'), *colon = strchr(s, ':');
    uint64_t port;

    if (!colon || (slash && slash < colon))
        return err_set(e, ERR_INVALID, "forward to \"%s\": " FORM, s);
    if (slash) {
        int transport = transport_from_name(slash + 1);
        if (transport < 0)
            return err_set(e, ERR_INVALID, "forward by \"%s\": expected tcp or udp", slash + 1);
        f->transport = (enum transport)transport;
        *slash = '\0';
    }
    *colon = '\0';
    if (instance_name_parse(s, &f->instance, e) < 0)
        return -1;
    if (parse_u64(colon + 1, 1, UINT16_MAX, &port, NULL) < 0)
        return err_set(e, ERR_INVALID, "forward to \"%s:%s\": expected a port of 1 to 65535", s,
                       colon + 1);
    f->port = (uint16_t)port;
    return 0;
}

int forward_parse(const char *s, struct forward *ret, struct err *e)
{
    char text[FORWARD_TEXT], *to;
    struct forward f = { .transport = TRANSPORT_TCP };
    size_t len = strnlen(s, sizeof text);

    if (len == sizeof text)
        return err_set(e, ERR_INVALID, "forward \"%.60s…\": " FORM, s);
    memcpy(text, s, len + 1);
    to = strchr(text, ' ');
    if (!to)
        return err_set(e, ERR_INVALID, "forward \"%s\": " FORM, text);
    *to++ = '\0';
    if (strlen(text) >= ENDPOINT_TEXT)
        return err_set(e, ERR_INVALID, "forward \"%.60s…\": " FORM, s);
    if (read_at(text, &f.at, e) < 0 || read_to(to, &f, e) < 0)
        return -1;
    *ret = f;
    return 0;
}

const char *forward_format(const struct forward *f, char out[FORWARD_TEXT])
{
    char at[ENDPOINT_TEXT];

    snprintf(out, FORWARD_TEXT, "%s %s:%u%s", endpoint_format(&f->at, at), f->instance.s, f->port,
             f->transport == TRANSPORT_UDP ? "/udp" : "");
    return out;
}

int forward_compare(const struct forward *a, const struct forward *b)
{
    int order = (a->transport > b->transport) - (a->transport < b->transport);

    if (!order)
        order = ip_compare(&a->at.ip, &b->at.ip);
    return order ? order : (a->at.port > b->at.port) - (a->at.port < b->at.port);
}

static bool is_any(const struct ip *a)
{
    static const uint8_t zero[16] = { 0 };

    return !memcmp(a->b, zero, a->family == 4 ? 4 : 16);
}

bool forward_clashes(const struct forward *a, const struct forward *b)
{
    return a->transport == b->transport && a->at.port == b->at.port &&
           a->at.ip.family == b->at.ip.family &&
           (is_any(&a->at.ip) || is_any(&b->at.ip) || ip_equal(&a->at.ip, &b->at.ip));
}
