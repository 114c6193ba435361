#include "netcfg/lease.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#define FIELD_MAX 80 /* the longest that is looked at is a hostname of 63 */

/* Nothing printable is more than one word: a space in it could forge a field. */
static bool is_word_byte(char c)
{
    return c > ' ' && c <= '~';
}

/* What a guest calls itself, cut to what fits; the rest of a name beyond it is of no use either. */
static void hostname_take(const char *s, char ret[LEASE_HOSTNAME_SIZE])
{
    size_t n = 0;

    for (; s && s[n] && n < LEASE_HOSTNAME_SIZE - 1; n++)
        ret[n] = is_word_byte(s[n]) ? s[n] : '?';
    ret[n] = '\0';
}

static int hostname_parse(const char *s, char ret[LEASE_HOSTNAME_SIZE], struct err *e)
{
    size_t len = strlen(s);

    if (len >= LEASE_HOSTNAME_SIZE)
        return err_set(e, ERR_INVALID, "lease: hostname of %zu bytes, at most %d", len,
                       LEASE_HOSTNAME_SIZE - 1);
    for (size_t i = 0; i < len; i++) {
        if (!is_word_byte(s[i]))
            return err_set(e, ERR_INVALID, "lease: hostname \"%s\" is not printable", s);
    }
    memcpy(ret, s, len + 1);
    return 0;
}

static int action_parse(const char *s, enum lease_action *ret, struct err *e)
{
    int a = lease_action_from_name(s);

    if (a < 0)
        return err_set(e, ERR_INVALID, "lease: action \"%.40s\": expected add, old or del", s);
    *ret = (enum lease_action)a;
    return 0;
}

/* dnsmasq(8): "If the network is not Ethernet, the MAC address is prepended with the network type",
 * as in 06-01:23:…; of DHCPv6 it is a DUID. Neither is a MAC address for mac_parse(). */
static int address_parse(const char *mac, const char *ip, struct lease *l, struct err *e)
{
    if (mac_parse(mac, &l->mac, e) < 0 || ip_parse(ip, &l->ip, e) < 0)
        return err_wrap(e, "lease");
    if (l->ip.family != 4)
        return err_set(e, ERR_INVALID, "lease: %.60s is no IPv4 address", ip);
    return 0;
}

/* The next word and what follows it: one space, or the end. -1: no word, or too long a one. */
static int word_next(const char **s, char ret[FIELD_MAX])
{
    size_t len = strcspn(*s, " ");

    if (len == 0 || len >= FIELD_MAX)
        return -1;
    memcpy(ret, *s, len);
    ret[len] = '\0';
    *s += len + ((*s)[len] == ' ' && (*s)[len + 1]);
    return 0;
}

/* ---- the datagram ---- */

int lease_datagram(const char *const *argv, const char *interface, char ret[LEASE_DATAGRAM_MAX],
                   struct err *e)
{
    struct lease l = { 0 };
    char mac[MAC_TEXT], ip[IP_TEXT];

    if (!argv[0] || !argv[1] || !argv[2])
        return err_set(e, ERR_INVALID, "lease: expected add, old or del, MAC and IP address");
    if (action_parse(argv[0], &l.action, e) < 0 || address_parse(argv[1], argv[2], &l, e) < 0 ||
        ifname_parse(interface, l.bridge, e) < 0)
        return -1;
    hostname_take(argv[3], l.hostname);
    snprintf(ret, LEASE_DATAGRAM_MAX, "%s %s %s %s%s%s", lease_action_name(l.action),
             mac_format(&l.mac, mac), ip_format(&l.ip, ip), l.bridge, l.hostname[0] ? " " : "",
             l.hostname);
    return 0;
}

int lease_datagram_parse(const char *data, size_t len, struct lease *ret, struct err *e)
{
    char text[LEASE_DATAGRAM_MAX], action[FIELD_MAX], mac[FIELD_MAX], ip[FIELD_MAX];
    char bridge[FIELD_MAX], hostname[FIELD_MAX] = "";
    const char *s = text;
    struct lease l = { 0 };

    if (len == 0 || len >= sizeof text || memchr(data, '\0', len))
        return err_set(e, ERR_INVALID, "lease: datagram of %zu bytes, at most %d without a zero",
                       len, LEASE_DATAGRAM_MAX - 1);
    memcpy(text, data, len);
    text[len] = '\0';
    if (word_next(&s, action) < 0 || word_next(&s, mac) < 0 || word_next(&s, ip) < 0 ||
        word_next(&s, bridge) < 0 || (*s && (word_next(&s, hostname) < 0 || *s)))
        return err_set(e, ERR_INVALID, "lease: datagram \"%.100s\" has not four or five words",
                       text);
    if (action_parse(action, &l.action, e) < 0 || address_parse(mac, ip, &l, e) < 0 ||
        ifname_parse(bridge, l.bridge, e) < 0 || hostname_parse(hostname, l.hostname, e) < 0)
        return -1;
    *ret = l;
    return 0;
}

/* ---- the lease file ---- */

int lease_line_parse(const char *line, int64_t *ret_expires_s, struct lease *ret, struct err *e)
{
    char expires[FIELD_MAX], mac[FIELD_MAX], ip[FIELD_MAX], hostname[2 * FIELD_MAX];
    struct lease l = { .action = LEASE_OLD };
    const char *s = line;
    uint64_t when;

    if (line[strspn(line, " \r\n")] == '\0' || !strncmp(line, "duid ", 5))
        return 0;
    if (word_next(&s, expires) < 0 || word_next(&s, mac) < 0 || word_next(&s, ip) < 0 ||
        parse_u64(expires, 0, INT64_MAX, &when, NULL) < 0 || ip_parse(ip, &l.ip, NULL) < 0)
        return err_set(e, ERR_INVALID,
                       "lease file: \"%.100s\": expected expiry, MAC and IP address, hostname, "
                       "client identifier",
                       line);
    /* DHCPv6, and networks that are no Ethernet. */
    if (l.ip.family != 4 || mac_parse(mac, &l.mac, NULL) < 0)
        return 0;
    size_t len = strcspn(s, " \n");
    snprintf(hostname, sizeof hostname, "%.*s", (int)(len < FIELD_MAX ? len : FIELD_MAX), s);
    hostname_take(strcmp(hostname, "*") != 0 ? hostname : NULL, l.hostname);
    *ret_expires_s = (int64_t)when;
    *ret = l;
    return 1;
}
