#include "netcfg/link_moved.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

/* Fields of an item: "WORD VALUE", left out where it is nothing. */
enum form { FORM_U32, FORM_FLAG, FORM_IP, FORM_LABEL, FORM_METRICS };
struct field {
    const char *word;
    enum form form;
    size_t at;
    uint32_t nothing, max; /* of a number; max of a flag: its one value */
};

#define AT(type, member) offsetof(struct moved_##type, member)
static const struct field address_fields[] = {
    { "peer", FORM_IP, AT(address, peer), 0, 0 },
    { "broadcast", FORM_IP, AT(address, broadcast), 0, 0 },
    { "label", FORM_LABEL, AT(address, label), 0, 0 },
    { "scope", FORM_U32, AT(address, scope), 0, 255 },
    { "metric", FORM_U32, AT(address, metric), 0, UINT32_MAX },
    { "flags", FORM_FLAG, AT(address, flags), 0, IFA_F_NOPREFIXROUTE },
    { "valid", FORM_U32, AT(address, valid), UINT32_MAX, UINT32_MAX },
    { "preferred", FORM_U32, AT(address, preferred), UINT32_MAX, UINT32_MAX },
    { NULL, FORM_U32, 0, 0, 0 },
};
static const struct field route_fields[] = {
    { "via", FORM_IP, AT(route, via), 0, 0 },
    { "source", FORM_IP, AT(route, source), 0, 0 },
    { "metric", FORM_U32, AT(route, metric), 0, UINT32_MAX },
    { "table", FORM_U32, AT(route, table), RT_TABLE_MAIN, UINT32_MAX },
    { "protocol", FORM_U32, AT(route, protocol), 0, 255 },
    { "scope", FORM_U32, AT(route, scope), 0, 255 },
    { "flags", FORM_FLAG, AT(route, flags), 0, RTNH_F_ONLINK },
    { "metrics", FORM_METRICS, AT(route, rtax), 0, 0 },
    { NULL, FORM_U32, 0, 0, 0 },
};

/* --- writing --------------------------------------------------------------------------------- */

static void put_metrics(const uint32_t *rtax, const char *word, struct buf *out)
{
    const char *before = word;

    for (int i = 1; i < MOVED_METRICS; i++) {
        if (!rtax[i])
            continue;
        buf_printf(out, before == word ? " %s %d=%u" : "%s%d=%u", before, i, rtax[i]);
        before = ",";
    }
}

static void put_fields(const struct field *fields, const void *item, struct buf *out)
{
    char text[IP_TEXT];

    for (const struct field *f = fields; f->word; f++) {
        const void *p = (const char *)item + f->at;
        uint32_t number = 0;
        switch (f->form) {
        case FORM_U32:
        case FORM_FLAG:
            memcpy(&number, p, sizeof(number));
            if (number != f->nothing)
                buf_printf(out, " %s %u", f->word, number);
            break;
        case FORM_IP:
            if (((const struct ip *)p)->family)
                buf_printf(out, " %s %s", f->word, ip_format(p, text));
            break;
        case FORM_LABEL:
            if (*(const char *)p)
                buf_printf(out, " %s %s", f->word, (const char *)p);
            break;
        case FORM_METRICS:
            put_metrics(p, f->word, out);
            break;
        }
    }
}

void moved_format(const struct moved *m, struct buf *out)
{
    char text[CIDR_TEXT];

    buf_puts(out, m->up ? "up" : "down");
    for (int i = 0; i < m->n_addresses; i++) {
        const struct moved_address *a = &m->addresses[i];
        buf_printf(out, " address %s/%u", ip_format(&a->ip, text), a->prefix);
        put_fields(address_fields, a, out);
    }
    for (int i = 0; i < m->n_routes; i++) {
        buf_printf(out, " route %s", cidr_format(&m->routes[i].to, text));
        put_fields(route_fields, &m->routes[i], out);
    }
}

/* --- reading --------------------------------------------------------------------------------- */

static int read_number(const char *s, uint32_t max, uint32_t *ret, struct err *e)
{
    uint64_t v;

    if (parse_u64(s, 0, max, &v, e) < 0)
        return -1;
    *ret = (uint32_t)v;
    return 0;
}

/* "eth0:1": printable and short. */
static int read_label(const char *s, char *ret, struct err *e)
{
    if (!*s || strlen(s) >= IFNAME_SIZE || !ascii_printable(s, strlen(s)))
        return err_set(e, ERR_INVALID, "\"%.40s\" is no label of an address", s);
    snprintf(ret, IFNAME_SIZE, "%s", s);
    return 0;
}

/* "2=1400,8=10" */
static int read_metrics(const char *s, uint32_t *ret, struct err *e)
{
    while (*s) {
        char *end;
        unsigned long type = strtoul(s, &end, 10);
        unsigned long value = *end == '=' ? strtoul(end + 1, &end, 10) : 0;
        if (type < 1 || type >= MOVED_METRICS || !value || value > UINT32_MAX ||
            (*end && *end != ','))
            return err_set(e, ERR_INVALID, "\"%.60s\": no metrics of a route", s);
        ret[type] = (uint32_t)value;
        s = *end ? end + 1 : end;
    }
    return 0;
}

static int read_field(const struct field *f, const char *value, void *item, struct err *e)
{
    char *p = (char *)item + f->at;

    switch (f->form) {
    case FORM_U32:
        return read_number(value, f->max, (uint32_t *)(void *)p, e);
    case FORM_FLAG:
        if (read_number(value, f->max, (uint32_t *)(void *)p, e) < 0)
            return -1;
        return *(uint32_t *)(void *)p == f->max
                   ? 0
                   : err_set(e, ERR_INVALID, "%s %s: only %u is possible", f->word, value, f->max);
    case FORM_IP:
        return ip_parse(value, (struct ip *)(void *)p, e);
    case FORM_LABEL:
        return read_label(value, p, e);
    case FORM_METRICS:
        return read_metrics(value, (uint32_t *)(void *)p, e);
    }
    return -1;
}

static int read_address(char *value, struct moved *m, struct err *e)
{
    struct moved_address a = { .valid = UINT32_MAX, .preferred = UINT32_MAX };
    char *slash = strchr(value, '/');

    if (m->n_addresses == MOVED_ADDRESSES_MAX || !slash)
        return err_set(e, ERR_INVALID, "address %.60s: too many, or no prefix", value);
    *slash = '\0';
    if (ip_parse(value, &a.ip, e) < 0 ||
        read_number(slash + 1, a.ip.family == 4 ? 32 : 128, &a.prefix, e) < 0)
        return -1;
    m->addresses[m->n_addresses++] = a;
    return 0;
}

static int read_route(const char *value, struct moved *m, struct err *e)
{
    struct moved_route r = { .table = RT_TABLE_MAIN };

    if (m->n_routes == MOVED_ROUTES_MAX)
        return err_set(e, ERR_INVALID, "more than %d routes", MOVED_ROUTES_MAX);
    if (cidr_parse(value, &r.to, e) < 0)
        return -1;
    m->routes[m->n_routes++] = r;
    return 0;
}

/* One pair of words: a new item, or a field of the last one. */
static int read_pair(const char *word, char *value, struct moved *m, struct err *e)
{
    const struct field *f = m->n_routes ? route_fields : address_fields;

    if (strcmp(word, "route") == 0)
        return read_route(value, m, e);
    if (strcmp(word, "address") == 0 && !m->n_routes)
        return read_address(value, m, e);
    while (f->word && strcmp(f->word, word) != 0)
        f++;
    if (!f->word || (!m->n_routes && !m->n_addresses))
        return err_set(e, ERR_INVALID, "unknown word \"%.40s\"", word);
    return read_field(f, value,
                      m->n_routes ? (void *)&m->routes[m->n_routes - 1]
                                  : (void *)&m->addresses[m->n_addresses - 1],
                      e);
}

/* Families that do not fit would end in messages that the kernel reads otherwise. */
static bool fits(const struct moved *m)
{
    bool ok = true;

    for (int i = 0; i < m->n_addresses; i++) {
        const struct moved_address *a = &m->addresses[i];
        ok &= (!a->peer.family || a->peer.family == a->ip.family) &&
              (!a->broadcast.family || a->broadcast.family == a->ip.family);
    }
    for (int i = 0; i < m->n_routes; i++) {
        const struct moved_route *r = &m->routes[i];
        ok &= (!r->via.family || r->via.family == r->to.ip.family) &&
              (!r->source.family || r->source.family == r->to.ip.family);
    }
    return ok;
}

int moved_parse(const char *text, struct moved *ret, struct err *e)
{
    auto_free char *copy = strdup(text);
    auto_free struct moved *m = calloc(1, sizeof(*m));
    char *save = NULL;

    if (!copy || !m)
        return err_set(e, ERR_INTERNAL, "out of memory");
    const char *word = strtok_r(copy, " ", &save);
    if (!word || (strcmp(word, "up") != 0 && strcmp(word, "down") != 0))
        return err_set(e, ERR_INVALID, "\"%.40s\" tells no state of a link to go back to", text);
    m->up = strcmp(word, "up") == 0;
    while ((word = strtok_r(NULL, " ", &save))) {
        char *value = strtok_r(NULL, " ", &save);
        if (!value)
            return err_set(e, ERR_INVALID, "\"%.40s\" has no value", word);
        if (read_pair(word, value, m, e) < 0)
            return err_wrap(e, "addresses and routes to go back to");
    }
    if (!fits(m))
        return err_set(e, ERR_INVALID, "addresses to go back to: IPv4 and IPv6 in one item");
    *ret = *m;
    return 0;
}
