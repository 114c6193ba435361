#include "netcfg/dnsmasq.h"

#include <arpa/inet.h>
#include <string.h>

#define LEASE_TIME  "1h"
#define LEASES_MOST 65534

/* What a line of the configuration holds as it is: a comma would end an argument, " #" the line, a
 * "*" in a device would match others. */
static int word_check(const char *what, const char *s, struct err *e)
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "@%+=:./_-";

    if (!s || (s[0] && !s[strspn(s, fine)]))
        return 0;
    return err_set(e, ERR_INVALID,
                   "%s \"%.200s\": dnsmasq's configuration can hold letters, digits and "
                   "@%%+=:./_- here",
                   what, s);
}

static int path_check(const char *what, const char *path, struct err *e)
{
    if (path && path[0] != '/')
        return err_set(e, ERR_INVALID, "%s \"%.200s\": expected an absolute path", what, path);
    return word_check(what, path, e);
}

/* Of IPv4: the two ends of the prefix excluded. Each guest may hold one. */
static unsigned leases_max(const struct cidr *c)
{
    unsigned bits = 32u - c->prefix;

    return bits >= 16 ? LEASES_MOST : bits < 2 ? 1 : (1u << bits) - 2;
}

static void put_ip(struct buf *out, const char *before, const struct ip *a)
{
    char text[IP_TEXT];

    buf_printf(out, "%s%s", before, ip_format(a, text));
}

static void render_link(const struct dnsmasq_place *p, struct buf *out)
{
    buf_puts(out, "\n# This bridge and nothing else; still so after somebody makes it anew.\n"
                  "bind-dynamic\n");
    buf_printf(out, "interface=%s\n", p->bridge);
    buf_puts(out, "except-interface=lo\n");
}

/* Leaves the process as roost's child and its log with roost. */
static void render_process(const struct dnsmasq_place *p, struct buf *out)
{
    buf_puts(out, "\n# Started and watched by roostd.\n"
                  "pid-file=\n"
                  "log-facility=-\n"
                  "quiet-dhcp\n");
    if (!p->user)
        return;
    buf_printf(out, "user=%s\n", p->user);
    if (p->group)
        buf_printf(out, "group=%s\n", p->group);
}

static void render_upstream(const struct network *n, struct buf *out)
{
    int n_up = 0;

    for (int i = 0; i < n->n_nameservers; i++)
        n_up += !ip_equal(&n->nameservers[i], &n->host);
    if (n_up == 0)
        return;
    buf_puts(out, "no-resolv\n");
    for (int i = 0; i < n->n_nameservers; i++) {
        if (ip_equal(&n->nameservers[i], &n->host))
            continue;
        put_ip(out, "server=", &n->nameservers[i]);
        buf_putc(out, '\n');
    }
}

static void render_dns(const struct network *n, const struct dnsmasq_place *p, struct buf *out)
{
    buf_puts(out, "\n# Names: the guests' own here, all others from upstream. Short names and "
                  "private addresses\n# are nobody's business there.\n");
    buf_puts(out, "no-hosts\ndomain-needed\nbogus-priv\n");
    if (n->domain[0])
        buf_printf(out, "local=/%s/\n", n->domain);
    render_upstream(n, out);
    buf_printf(out, "hostsdir=%s/" DIR_DNS_HOSTS "\n", p->dir);
}

static void render_range(const struct network *n, struct buf *out)
{
    struct in_addr mask = { .s_addr = htonl(n->cidr.prefix ? ~0u << (32 - n->cidr.prefix) : 0) };
    char text[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &mask, text, sizeof text);
    if (n->dhcp_first.family) {
        put_ip(out, "dhcp-range=", &n->dhcp_first);
        put_ip(out, ",", &n->dhcp_last);
    } else {
        put_ip(out, "dhcp-range=", &n->cidr.ip);
        buf_puts(out, ",static");
    }
    buf_printf(out, ",%s," LEASE_TIME "\n", text);
}

/* An option without a value is not sent: dnsmasq would tell its own address otherwise. */
static void render_options(const struct network *n, struct buf *out)
{
    buf_puts(out, "dhcp-option=option:router");
    if (n->gateway.family == 4)
        put_ip(out, ",", &n->gateway);
    buf_puts(out, "\ndhcp-option=option:dns-server");
    for (int i = 0; i < n->n_nameservers; i++) {
        if (n->nameservers[i].family == 4)
            put_ip(out, ",", &n->nameservers[i]);
    }
    if (n->n_nameservers == 0)
        put_ip(out, ",", &n->host);
    buf_putc(out, '\n');
    if (n->domain[0])
        buf_printf(out, "dhcp-option=option:domain-search,%s\n", n->domain);
    if (n->mtu)
        buf_printf(out, "dhcp-option=option:mtu,%u\n", n->mtu);
}

static void render_dhcp(const struct network *n, const struct dnsmasq_place *p, struct buf *out)
{
    buf_puts(out, "\n# DHCP: this is the only server here, so it may refuse what it does not "
                  "know.\ndhcp-authoritative\n");
    render_range(n, out);
    buf_printf(out, "dhcp-lease-max=%u\n", leases_max(&n->cidr));
    if (n->domain[0])
        buf_printf(out, "domain=%s\n", n->domain);
    render_options(n, out);
    buf_puts(out, "# A guest is called what its reservation says, never what it says itself.\n"
                  "dhcp-ignore-names\n");
    buf_printf(out, "dhcp-hostsdir=%s/" DIR_DHCP_HOSTS "\n", p->dir);
    buf_printf(out, "dhcp-leasefile=%s/" FILE_LEASES "\n", p->dir);
    if (!p->script)
        return;
    buf_puts(out, "# Tells roost of each lease.\n");
    buf_printf(out, "dhcp-script=%s\n", p->script);
    if (p->user)
        buf_printf(out, "dhcp-scriptuser=%s\n", p->user);
}

static int check(const struct network *n, const struct dnsmasq_place *p, struct err *e)
{
    if (!n->dhcp && !n->host.family)
        return err_set(e, ERR_INVALID,
                       "network %s: dnsmasq has nothing to do: neither DHCP nor an address of the "
                       "host to answer DNS at",
                       n->name.s);
    if (n->dhcp && (n->host.family != 4 || n->cidr.ip.family != 4))
        return err_set(e, ERR_INVALID,
                       "network %s: DHCP needs an IPv4 address of the host on it (host-address)",
                       n->name.s);
    if (word_check("bridge", p->bridge, e) < 0 || path_check("directory", p->dir, e) < 0 ||
        path_check("lease program", p->script, e) < 0 || word_check("user", p->user, e) < 0)
        return -1;
    return word_check("group", p->group, e);
}

int dnsmasq_render(const struct network *n, const struct dnsmasq_place *p, struct buf *out,
                   struct err *e)
{
    if (check(n, p, e) < 0)
        return -1;
    buf_printf(out,
               "# Written by roost for network %s. Changes here are lost; change the network "
               "instead:\n# roost network show %s\n",
               n->name.s, n->name.s);
    render_link(p, out);
    render_process(p, out);
    if (n->host.family)
        render_dns(n, p, out);
    if (n->dhcp)
        render_dhcp(n, p, out);
    return buf_check(out, e);
}

void dnsmasq_argv(const char *binary, const char *dir, bool test, struct argv *out)
{
    argv_add(out, binary);
    argv_add(out, test ? "--test" : "--keep-in-foreground");
    argv_addf(out, "--conf-file=%s/" FILE_DNSMASQ_CONF, dir);
}

void dnsmasq_dhcp_host(const struct reservation *r, struct buf *out)
{
    char mac[MAC_TEXT];

    buf_puts(out, mac_format(&r->mac, mac));
    put_ip(out, ",", &r->address);
    buf_printf(out, ",%s\n", r->name.s);
}

void dnsmasq_dns_host(const struct reservation *r, const char *domain, struct buf *out)
{
    put_ip(out, "", &r->address);
    if (domain && domain[0])
        buf_printf(out, " %s.%s", r->name.s, domain);
    buf_printf(out, " %s\n", r->name.s);
}
