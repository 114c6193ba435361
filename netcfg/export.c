#include "netcfg/export.h"

#include <string.h>

#include "base/cleanup.h"
#include "netcfg/export_view.h"

/* Lines of the running dnsmasq that make sense under roostd only: its child, its directories. */
static const char *const roost_only[] = {
    "# Written by roost", "# roost network", "# Started and watched", "pid-file=", "log-facility=",
    "dhcp-hostsdir=",     "hostsdir=",       "dhcp-leasefile=",
};

static void keep_lines(const char *s, struct buf *out)
{
    while (*s) {
        const char *end = strchrnul(s, '\n');
        bool keep = true;
        for (size_t i = 0; keep && i < ARRAY_SIZE(roost_only); i++)
            keep = strncmp(s, roost_only[i], strlen(roost_only[i])) != 0;
        if (keep) {
            buf_put(out, s, (size_t)(end - s));
            buf_putc(out, '\n');
        }
        s = *end ? end + 1 : end;
    }
}

static void reservation(const struct network *n, const struct reservation *r, struct buf *out)
{
    char ip[IP_TEXT];

    if (n->dhcp) {
        buf_puts(out, "dhcp-host=");
        dnsmasq_dhcp_host(r, out);
    }
    if (!n->host.family)
        return;
    buf_printf(out, "host-record=%s", r->name.s);
    if (*n->domain)
        buf_printf(out, ",%s.%s", r->name.s, n->domain);
    buf_printf(out, ",%s\n", ip_format(&r->address, ip));
}

static int render_dnsmasq(const struct export_input *in, struct buf *out, struct err *e)
{
    const struct dnsmasq_place place = { .bridge = in->plan->bridge, .dir = "/var/lib/misc" };
    const struct network *n = in->network;
    auto_buf struct buf own = BUF_INIT;
    struct export_view v;

    if (dnsmasq_render(n, &place, &own, e) < 0)
        return -1;
    export_view(in, &v);
    export_banner(&v, "Use: /etc/dnsmasq.d/, or dnsmasq --conf-file=FILE", out);
    keep_lines(buf_str(&own), out);
    if (n->dhcp)
        buf_printf(out, "dhcp-leasefile=/var/lib/misc/dnsmasq.%s.leases\n", n->name.s);
    for (size_t i = 0; i < in->n_reservations; i++)
        reservation(n, &in->reservations[i], out);
    return 0;
}

static int render_ip(const struct export_input *in, struct buf *out, struct err *e)
{
    (void)e;
    export_ip(in, out);
    return 0;
}

static int render_networkd(const struct export_input *in, struct buf *out, struct err *e)
{
    (void)e;
    export_networkd(in, out);
    return 0;
}

static int render_ifcfg(const struct export_input *in, struct buf *out, struct err *e)
{
    (void)e;
    export_ifcfg(in, out);
    return 0;
}

static int render_iptables(const struct export_input *in, struct buf *out, struct err *e)
{
    if (firewall_check(in->firewall->bridge, e) < 0)
        return -1;
    firewall_render_export(in->firewall, out);
    return 0;
}

static int render_sysctl(const struct export_input *in, struct buf *out, struct err *e)
{
    struct export_view v;

    (void)e;
    export_view(in, &v);
    export_banner(&v, "Use: /etc/sysctl.d/, loaded when the links are there", out);
    for (int i = 0; i < in->plan->n; i++)
        if (in->plan->steps[i].kind == STEP_SYSCTL)
            buf_printf(out, "%s = %s\n", in->plan->steps[i].key, in->plan->steps[i].value);
    return 0;
}

/* QEMU calls both with the tap's name as their only argument (qemu(1), -netdev tap). */
static void script_head(const struct export_input *in, const char *use, struct buf *out)
{
    buf_printf(out,
               "#!/bin/sh\n# Written by roost from network %s. Use: -netdev tap,ifname=NAME,%s\n"
               "set -eu\nbridge=",
               in->network->name.s, use);
    buf_shell(out, in->plan->bridge);
    buf_puts(out, "\ntap=${1:?the name of the tap}\n");
}

static int render_ifup(const struct export_input *in, struct buf *out, struct err *e)
{
    (void)e;
    script_head(in, "script=FILE", out);
    buf_puts(out, "# Above every other port's: a bridge without a MAC of its own takes the lowest, "
                  "and loses\n"
                  "# packets when that port goes.\n"
                  "mac=$(cat \"/sys/class/net/$tap/address\")\n"
                  "ip link set dev \"$tap\" down\n"
                  "ip link set dev \"$tap\" address \"fe:${mac#*:}\" mtu \"$(cat "
                  "\"/sys/class/net/$bridge/mtu\")\"\n"
                  "ip link set dev \"$tap\" master \"$bridge\" up\n");
    return 0;
}

static int render_ifdown(const struct export_input *in, struct buf *out, struct err *e)
{
    (void)e;
    script_head(in, "downscript=FILE", out);
    buf_puts(out,
             "# The tap goes with QEMU; one that was made by hand stays, off the bridge.\n"
             "[ \"$(basename \"$(readlink \"/sys/class/net/$tap/master\")\")\" = \"$bridge\" ] "
             "|| exit 0\n"
             "ip link set dev \"$tap\" down nomaster\n");
    return 0;
}

static const struct format {
    const char *name;
    int (*render)(const struct export_input *in, struct buf *out, struct err *e);
} formats[EXPORT_FORMATS] = {
    [EXPORT_DNSMASQ] = { "dnsmasq", render_dnsmasq },
    [EXPORT_IP] = { "ip", render_ip },
    [EXPORT_NETWORKD] = { "networkd", render_networkd },
    [EXPORT_IFCFG] = { "ifcfg", render_ifcfg },
    [EXPORT_IPTABLES] = { "iptables", render_iptables },
    [EXPORT_SYSCTL] = { "sysctl", render_sysctl },
    [EXPORT_QEMU_IFUP] = { "qemu-ifup", render_ifup },
    [EXPORT_QEMU_IFDOWN] = { "qemu-ifdown", render_ifdown },
};

const char *export_format_name(enum export_format f)
{
    return formats[f].name;
}

int export_format_from_name(const char *s)
{
    for (int i = 0; i < EXPORT_FORMATS; i++)
        if (!strcmp(formats[i].name, s))
            return i;
    return -1;
}

int export_render(enum export_format f, const struct export_input *in, struct buf *out,
                  struct err *e)
{
    if (formats[f].render(in, out, e) < 0)
        return err_wrap(e, "%s of network %s", formats[f].name, in->network->name.s);
    return buf_check(out, e);
}
