/* ifcfg files as the network service and NetworkManager's ifcfg-rh plug-in read them
 * (nm-settings-ifcfg-rh(5)): shell assignments, values quoted by buf_shell(). */
#include "netcfg/export_view.h"

#define DIR_IFCFG "/etc/sysconfig/network-scripts"

static void set(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, "%s=", key);
    buf_shell(out, value);
    buf_putc(out, '\n');
}

static void head(const char *device, struct buf *out)
{
    export_file(out, DIR_IFCFG "/ifcfg-%s", device);
    set(out, "DEVICE", device);
    set(out, "ONBOOT", "yes");
    set(out, "NM_CONTROLLED", "no");
}

static void vlan(const struct export_view *v, struct buf *out)
{
    head(v->vlan->device, out);
    set(out, "VLAN", "yes");
    set(out, "PHYSDEV", v->vlan->parent);
    buf_printf(out, "VLAN_ID=%u\nMTU=%u\n", v->vlan->vlan, v->vlan->mtu);
    set(out, "BOOTPROTO", "none");
    set(out, "BRIDGE", v->bridge);
    buf_putc(out, '\n');
}

static void address(const struct fact_address *a, int i, struct buf *out)
{
    char ip[IP_TEXT];

    if (i == 0)
        buf_printf(out, "IPADDR=%s\nPREFIX=%u\n", ip_format(&a->ip, ip), a->prefix);
    else
        buf_printf(out, "IPADDR%d=%s\nPREFIX%d=%u\n", i, ip_format(&a->ip, ip), i, a->prefix);
}

static void bridge(const struct export_view *v, struct buf *out)
{
    char mac[MAC_TEXT], via[IP_TEXT];

    head(v->bridge, out);
    set(out, "TYPE", "Bridge");
    /* MACADDR sets it; HWADDR would look for a device that has it. */
    set(out, "MACADDR", mac_format(&v->made->mac, mac));
    buf_printf(out, "MTU=%u\n", v->made->mtu);
    set(out, "STP", "no");
    buf_puts(out, "DELAY=0\n");
    set(out, "BOOTPROTO", v->dhcp ? "dhcp" : "none");
    set(out, "DEFROUTE", v->moved ? "yes" : "no");
    if (!v->moved)
        set(out, "IPV6INIT", "no");
    for (int i = 0; i < v->n_addresses; i++)
        address(&v->addresses[i], i, out);
    for (int i = 0; i < v->n_routes; i++)
        if (v->routes[i]->to.prefix == 0 && v->routes[i]->via.family)
            set(out, "GATEWAY", ip_format(&v->routes[i]->via, via));
    buf_putc(out, '\n');
}

static void routes(const struct export_view *v, struct buf *out)
{
    char to[CIDR_TEXT], via[IP_TEXT];
    int n = 0;

    for (int i = 0; i < v->n_routes; i++)
        n += v->routes[i]->to.prefix != 0;
    if (n == 0)
        return;
    export_file(out, DIR_IFCFG "/route-%s", v->bridge);
    for (int i = 0; i < v->n_routes; i++) {
        const struct fact_route *r = v->routes[i];
        if (r->to.prefix == 0)
            continue;
        buf_puts(out, cidr_format(&r->to, to));
        if (r->via.family)
            buf_printf(out, " via %s", ip_format(&r->via, via));
        buf_printf(out, " dev %s\n", v->bridge);
    }
    buf_putc(out, '\n');
}

void export_ifcfg(const struct export_input *in, struct buf *out)
{
    struct export_view v;

    export_view(in, &v);
    export_banner(&v, "Use: cut at the FILE lines, then ifup", out);
    if (v.foreign)
        return;
    export_unknown(&v, out);
    bridge(&v, out);
    routes(&v, out);
    if (v.vlan) {
        vlan(&v, out);
    } else if (v.port) {
        head(v.port->parent, out);
        set(out, "BOOTPROTO", "none");
        set(out, "BRIDGE", v.bridge);
    }
}
