#include "model/hostfwd.h"

#include <string.h>

#include "base/parse.h"
#include "model/verb_field.h"

#define FORM                                                                                       \
    "expected PORT:GUESTPORT, such as \"8080:80\", \"0.0.0.0:8080:80\" or \"5353:53/udp\""

static const struct ip loopback = { .family = 4, .b = { 127, 0, 0, 1 } };
static const struct ip any = { .family = 4 };

static int read_transport(char *text, struct hostfwd *f, struct err *e)
{
    char *slash = strchr(text, '/');
    if (!slash)
        return 0;
    int transport = transport_from_name(slash + 1);
    if (transport < 0)
        return err_set(e, ERR_INVALID, "forward by \"%s\": expected tcp or udp", slash + 1);
    f->transport = (enum transport)transport;
    *slash = '\0';
    return 0;
}

static int read_port(const char *s, const char *whole, const char *whose, uint16_t *ret,
                     struct err *e)
{
    uint64_t port;
    if (parse_u64(s, 1, UINT16_MAX, &port, NULL) < 0)
        return err_set(e, ERR_INVALID, "forward \"%s\": \"%s\" is no port of the %s: expected 1 to 65535",
                       whole, s, whose);
    *ret = (uint16_t)port;
    return 0;
}

/* One that QEMU can listen at. */
static int check_address(const struct ip *a, struct err *e)
{
    char text[IP_TEXT];
    if (a->family == 6)
        return err_set(e, ERR_INVALID,
                       "forward from %s: QEMU's user network listens at IPv4 addresses only",
                       ip_format(a, text));
    if (!ip_equal(a, &any) && !ip_is_loopback(a) && !ip_is_usable(a))
        return err_set(e, ERR_INVALID, "forward from %s: no address that a host can have: say one of "
                                       "its own, or 0.0.0.0 for all of them",
                       ip_format(a, text));
    return 0;
}

static int read_address(const char *s, const char *whole, struct ip *ret, struct err *e)
{
    if (!*s)
        return err_set(e, ERR_INVALID,
                       "forward \"%s\": no address before the colon: say 0.0.0.0 for all addresses of "
                       "the host, or leave the colon out for 127.0.0.1",
                       whole);
    if (s[0] == '[')
        return err_set(e, ERR_INVALID,
                       "forward \"%s\": QEMU's user network listens at IPv4 addresses only", whole);
    if (ip_parse(s, ret, e) < 0)
        return err_wrap(e, "forward \"%s\"", whole);
    return check_address(ret, e);
}

int hostfwd_parse(const char *s, struct hostfwd *ret, struct err *e)
{
    struct hostfwd f = { .transport = TRANSPORT_TCP, .at = { .ip = loopback } };
    char text[HOSTFWD_TEXT];
    size_t len = strnlen(s, sizeof text);
    if (len == sizeof text)
        return err_set(e, ERR_INVALID, "forward \"%.60s…\": " FORM, s);
    memcpy(text, s, len + 1);
    if (read_transport(text, &f, e) < 0)
        return -1;
    char *guest = strrchr(text, ':');
    if (!guest)
        return err_set(e, ERR_INVALID, "forward \"%s\": " FORM, s);
    *guest++ = '\0';
    char *port = strrchr(text, ':');
    if (port) {
        *port++ = '\0';
        if (read_address(text, s, &f.at.ip, e) < 0)
            return -1;
    }
    if (read_port(port ? port : text, s, "host", &f.at.port, e) < 0 ||
        read_port(guest, s, "guest", &f.port, e) < 0)
        return -1;
    *ret = f;
    return 0;
}

const char *hostfwd_format(const struct hostfwd *f, char out[HOSTFWD_TEXT])
{
    char at[ENDPOINT_TEXT];
    snprintf(out, HOSTFWD_TEXT, "%s:%u%s", endpoint_format(&f->at, at), f->port,
             f->transport == TRANSPORT_UDP ? "/udp" : "");
    return out;
}

static struct forward as_forward(const struct hostfwd *f)
{
    return (struct forward){ .transport = f->transport, .at = f->at, .port = f->port };
}

bool hostfwd_equal(const struct hostfwd *a, const struct hostfwd *b)
{
    return a->transport == b->transport && a->port == b->port && a->at.port == b->at.port &&
           ip_equal(&a->at.ip, &b->at.ip);
}

bool hostfwd_clashes(const struct hostfwd *a, const struct hostfwd *b)
{
    const struct forward x = as_forward(a), y = as_forward(b);
    return forward_clashes(&x, &y);
}

bool hostfwd_clashes_forward(const struct hostfwd *a, const struct forward *b)
{
    const struct forward x = as_forward(a);
    return !ip_is_loopback(&a->at.ip) && forward_clashes(&x, b);
}

void hostfwds_option(const struct hostfwd *list, int n, struct buf *out)
{
    char at[ENDPOINT_TEXT];
    for (int i = 0; i < n; i++)
        buf_printf(out, ",hostfwd=%s:%s-:%u", transport_name(list[i].transport),
                   endpoint_format(&list[i].at, at), list[i].port);
}

void hostfwds_encode(const struct hostfwd *list, int n, struct buf *out)
{
    msg_put_u8(out, (uint8_t)n);
    for (int i = 0; i < n; i++) {
        verb_put_enum(out, list[i].transport);
        verb_put_ip(out, &list[i].at.ip);
        msg_put_u16(out, list[i].at.port);
        msg_put_u16(out, list[i].port);
    }
}

int hostfwds_decode(struct msg_cur *c, struct hostfwd ret[HOSTFWDS_MAX])
{
    int n = msg_get_u8(c);
    if (n > HOSTFWDS_MAX)
        c->failed = true;
    for (int i = 0; i < n && !c->failed; i++) {
        ret[i].transport = (enum transport)verb_get_enum(c, TRANSPORTS);
        verb_get_ip(c, &ret[i].at.ip);
        ret[i].at.port = msg_get_u16(c);
        ret[i].port = msg_get_u16(c);
    }
    return c->failed ? 0 : n;
}

int hostfwds_check(const struct hostfwd *list, int n, struct err *e)
{
    for (int i = 0; i < n; i++) {
        if (!list[i].at.ip.family || !list[i].at.port || !list[i].port)
            return verb_wrong("launch", "forward", e);
        if (check_address(&list[i].at.ip, e) < 0)
            return -1;
        for (int k = 0; k < i; k++)
            if (hostfwd_clashes(&list[k], &list[i]))
                return verb_wrong("launch", "forward twice", e);
    }
    return 0;
}
