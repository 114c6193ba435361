/* What the formats of netcfg/export.h have in common: a plan seen as links and addresses, where the
 * parent's addresses are already the bridge's. */
#ifndef NETCFG_EXPORT_VIEW_H
#define NETCFG_EXPORT_VIEW_H

#include "netcfg/export.h"

#define EXPORT_ADDRESSES_MAX 32
#define EXPORT_ROUTES_MAX    64

struct export_view {
    const struct network *n;
    const char *bridge;
    bool foreign;             /* the bridge is somebody else's: no links are written */
    const struct step *vlan;  /* NULL: none; so the next ones */
    const struct step *made;  /* the bridge */
    const struct step *port;  /* what joins the bridge */
    const struct step *moved; /* a parent whose addresses become the bridge's */
    bool dhcp;                /* and come from a DHCP client */
    struct fact_address addresses[EXPORT_ADDRESSES_MAX];
    int n_addresses, n_moved; /* the first n_moved are the parent's so far */
    const struct fact_route *routes[EXPORT_ROUTES_MAX];
    int n_routes;
    bool ip_forward; /* the network needs it */
};
/* Points into `in`. */
void export_view(const struct export_input *in, struct export_view *ret);
/* "# Written by roost …" and how to use the file, which is one line. */
void export_banner(const struct export_view *v, const char *use, struct buf *out);
/* Before the links of a moved parent whose addresses are not known: says what is missing. */
void export_unknown(const struct export_view *v, struct buf *out);
/* "# FILE: PATH" */
void export_file(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void export_ip(const struct export_input *in, struct buf *out);
void export_networkd(const struct export_input *in, struct buf *out);
void export_ifcfg(const struct export_input *in, struct buf *out);

#endif
