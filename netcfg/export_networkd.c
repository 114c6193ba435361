/* systemd.netdev(5), systemd.network(5). */
#include "netcfg/export_view.h"

#define DIR_NETWORKD "/etc/systemd/network"

static void vlan_netdev(const struct export_view *v, struct buf *out)
{
    const struct step *s = v->vlan;

    export_file(out, DIR_NETWORKD "/%s.netdev", s->device);
    buf_printf(out, "[NetDev]\nName=%s\nKind=vlan\nMTUBytes=%u\n\n[VLAN]\nId=%u\n\n", s->device,
               s->mtu, s->vlan);
    export_file(out, DIR_NETWORKD "/%s.network.d/%s.conf", s->parent, s->device);
    buf_printf(out,
               "# A drop-in of the unit of %s: name its directory after that unit, or make "
               "one:\n# [Match]\n# Name=%s\n[Network]\nVLAN=%s\n\n",
               s->parent, s->parent, s->device);
}

static void bridge_netdev(const struct export_view *v, struct buf *out)
{
    char mac[MAC_TEXT];

    export_file(out, DIR_NETWORKD "/%s.netdev", v->bridge);
    buf_printf(out,
               "[NetDev]\nName=%s\nKind=bridge\n"
               "# A MAC of its own: guests' links that come and go do not change it.\n"
               "MACAddress=%s\nMTUBytes=%u\n\n[Bridge]\nSTP=no\n\n",
               v->bridge, mac_format(&v->made->mac, mac), v->made->mtu);
}

/* Everything that IPv6 would bring is left out where the host has no IPv6 life on the bridge. */
static void bridge_network(const struct export_view *v, struct buf *out)
{
    char text[CIDR_TEXT], via[IP_TEXT];

    export_file(out, DIR_NETWORKD "/%s.network", v->bridge);
    buf_printf(out, "[Match]\nName=%s\n\n[Network]\nConfigureWithoutCarrier=yes\n", v->bridge);
    if (!v->moved)
        buf_puts(out, "LinkLocalAddressing=no\nIPv6AcceptRA=no\n");
    if (v->dhcp)
        buf_puts(out, "DHCP=ipv4\n");
    if (v->ip_forward)
        buf_puts(out, "IPForward=ipv4\n");
    for (int i = 0; i < v->n_addresses; i++)
        buf_printf(out, "Address=%s/%u\n", ip_format(&v->addresses[i].ip, text),
                   v->addresses[i].prefix);
    for (int i = 0; i < v->n_routes; i++) {
        const struct fact_route *r = v->routes[i];
        buf_printf(out, "\n[Route]\nDestination=%s\n", cidr_format(&r->to, text));
        if (r->via.family)
            buf_printf(out, "Gateway=%s\n", ip_format(&r->via, via));
        if (r->metric)
            buf_printf(out, "Metric=%u\n", r->metric);
    }
    buf_putc(out, '\n');
}

static void port_network(const struct export_view *v, struct buf *out)
{
    export_file(out, DIR_NETWORKD "/%s.network", v->port->parent);
    buf_printf(out,
               "[Match]\nName=%s\n\n[Network]\nBridge=%s\nLinkLocalAddressing=no\n"
               "IPv6AcceptRA=no\n\n",
               v->port->parent, v->bridge);
}

void export_networkd(const struct export_input *in, struct buf *out)
{
    struct export_view v;

    export_view(in, &v);
    export_banner(&v, "Use: cut at the FILE lines, then networkctl reload", out);
    if (v.foreign)
        return;
    export_unknown(&v, out);
    if (v.vlan)
        vlan_netdev(&v, out);
    bridge_netdev(&v, out);
    bridge_network(&v, out);
    if (v.port)
        port_network(&v, out);
}
