#include "netcfg/export_view.h"

#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add_address(struct export_view *v, const struct fact_address *a)
{
    for (int i = 0; i < v->n_addresses; i++)
        if (ip_equal(&v->addresses[i].ip, &a->ip))
            return;
    if (v->n_addresses < EXPORT_ADDRESSES_MAX)
        v->addresses[v->n_addresses++] = *a;
}

/* What the parent has now, or the bridge when the network is up. */
static void view_moved(struct export_view *v, const struct facts *f)
{
    for (size_t i = 0; f && i < f->n_addresses; i++) {
        const struct fact_address *a = &f->addresses[i];
        if (a->ip.family != 4 ||
            (strcmp(a->device, v->moved->parent) != 0 && strcmp(a->device, v->bridge) != 0))
            continue;
        if (a->dynamic)
            v->dhcp = true;
        else
            add_address(v, a);
    }
    v->n_moved = v->n_addresses;
    for (size_t i = 0; f && i < f->n_routes && v->n_routes < EXPORT_ROUTES_MAX; i++) {
        const struct fact_route *r = &f->routes[i];
        if (r->to.ip.family == 4 && r->protocol != RTPROT_KERNEL && r->protocol != RTPROT_DHCP &&
            (!strcmp(r->device, v->moved->parent) || !strcmp(r->device, v->bridge)))
            v->routes[v->n_routes++] = r;
    }
}

static void view_step(struct export_view *v, const struct step *s, const struct facts *f)
{
    switch (s->kind) {
    case STEP_VLAN:
        v->vlan = s;
        break;
    case STEP_BRIDGE:
        v->made = s;
        break;
    case STEP_PORT:
        v->port = s;
        break;
    case STEP_MOVE:
        v->moved = s;
        view_moved(v, f);
        break;
    case STEP_ADDRESS:
        add_address(v, &(struct fact_address){ .ip = s->address, .prefix = s->prefix });
        break;
    case STEP_SYSCTL:
        v->ip_forward |= !strcmp(s->key, "net.ipv4.ip_forward");
        break;
    default:
        break;
    }
}

void export_view(const struct export_input *in, struct export_view *ret)
{
    *ret = (struct export_view){ .n = in->network,
                                 .bridge = in->plan->bridge,
                                 .foreign = in->plan->foreign };
    for (int i = 0; i < in->plan->n; i++)
        view_step(ret, &in->plan->steps[i], in->facts);
}

void export_banner(const struct export_view *v, const char *use, struct buf *out)
{
    buf_printf(out, "# Written by roost from network %s. %s\n", v->n->name.s, use);
    if (v->foreign)
        buf_printf(out, "# The bridge %s is the host's own: nothing of it is written here.\n",
                   v->bridge);
}

void export_unknown(const struct export_view *v, struct buf *out)
{
    if (v->moved && !v->dhcp && v->n_moved == 0)
        buf_printf(out, "# The addresses and routes of %s belong on %s from now on: add them.\n",
                   v->moved->parent, v->bridge);
}

void export_file(struct buf *out, const char *fmt, ...)
{
    char path[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(path, sizeof path, fmt, ap);
    va_end(ap);
    buf_printf(out, "# FILE: %s\n", path);
}
