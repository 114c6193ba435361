/* ip-link(8), ip-address(8), ip-route(8) as `ip -batch` takes them. */
#include <linux/rtnetlink.h>

#include "netcfg/export_view.h"

static void links(const struct export_view *v, struct buf *out)
{
    const struct step *s = v->vlan;
    char mac[MAC_TEXT];

    if (s)
        buf_printf(out, "link add link %s name %s mtu %u type vlan id %u\n", s->parent, s->device,
                   s->mtu, s->vlan);
    s = v->made;
    if (!s)
        return;
    buf_puts(out, "# A MAC of its own: guests' links that come and go do not change it.\n");
    buf_printf(out,
               "link add name %s address %s mtu %u type bridge stp_state 0 forward_delay 0\n"
               "link set dev %s up\n",
               v->bridge, mac_format(&s->mac, mac), s->mtu, v->bridge);
}

static void addresses(const struct export_view *v, struct buf *out)
{
    char ip[IP_TEXT];

    /* Backward: with an address of a prefix the kernel takes those that came after it. */
    for (int i = v->n_moved - 1; i >= 0; i--)
        buf_printf(out, "address del %s/%u dev %s\n", ip_format(&v->addresses[i].ip, ip),
                   v->addresses[i].prefix, v->moved->parent);
    for (int i = 0; i < v->n_addresses; i++) {
        const struct fact_address *a = &v->addresses[i];
        ip_format(&a->ip, ip);
        /* `+` makes the broadcast address; of two addresses there is none (RFC 3021). */
        buf_printf(out, "address add %s/%u %sdev %s\n", ip, a->prefix,
                   a->prefix < 31 ? "broadcast + " : "", v->bridge);
    }
    if (v->dhcp)
        buf_printf(out, "# The DHCP client of %s has to run on %s from now on.\n", v->moved->parent,
                   v->bridge);
}

static void routes(const struct export_view *v, struct buf *out)
{
    char to[CIDR_TEXT], via[IP_TEXT], source[IP_TEXT];

    for (int i = 0; i < v->n_routes; i++) {
        const struct fact_route *r = v->routes[i];
        buf_printf(out, "route replace %s", cidr_format(&r->to, to));
        if (r->via.family)
            buf_printf(out, " via %s", ip_format(&r->via, via));
        buf_printf(out, " dev %s", v->bridge);
        if (r->source.family)
            buf_printf(out, " src %s", ip_format(&r->source, source));
        if (r->scope == RT_SCOPE_LINK)
            buf_puts(out, " scope link");
        if (r->metric)
            buf_printf(out, " metric %u", r->metric);
        buf_putc(out, '\n');
    }
}

void export_ip(const struct export_input *in, struct buf *out)
{
    struct export_view v;

    export_view(in, &v);
    export_banner(&v, "Use: ip -batch FILE", out);
    if (v.foreign)
        return;
    export_unknown(&v, out);
    links(&v, out);
    if (v.port)
        buf_printf(out, "link set dev %s up\nlink set dev %s master %s\n", v.port->parent,
                   v.port->parent, v.bridge);
    addresses(&v, out);
    routes(&v, out);
}
