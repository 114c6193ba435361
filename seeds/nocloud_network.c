/* network-config, version 2 (cloud-init documentation: "Networking config version 2"). */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/yaml.h"
#include "seeds/nocloud.h"

static bool of_user(const struct network *n)
{
    return !n || n->kind == NETWORK_USER;
}

/* A card: on which network, with which address. */
struct card {
    const struct seed_input *in;
    const struct network *network;
    const struct mac *mac;
    struct ip address;
    int number; /* 0 the first: it alone has the default route and the guest's names */
};

/* Who is told nothing by DHCP is told here; without a range there is no prefix to say. */
static bool is_static(const struct card *c)
{
    const struct network *n = c->network;

    return !of_user(n) && !n->dhcp && n->cidr.ip.family && c->address.family;
}

static void append_ip(json_t *list, const struct ip *a)
{
    char text[IP_TEXT];

    json_array_append_new(list, json_string(ip_format(a, text)));
}

/* What the network says; else the host, where dnsmasq of ours answers without being asked to. */
static json_t *nameserver_list(const struct network *n)
{
    json_t *list = json_array();

    for (int i = 0; i < n->n_nameservers; i++)
        append_ip(list, &n->nameservers[i]);
    if (!n->n_nameservers && n->kind != NETWORK_BRIDGED)
        append_ip(list, &n->host);
    return list;
}

/* The guest's own domain, then its neighbours'. */
static json_t *search_list(const struct card *c)
{
    const char *own = c->in->instance->spec.domain, *theirs = c->network->domain;
    json_t *list = json_array();

    if (*own)
        json_array_append_new(list, json_string(own));
    if (*theirs && strcmp(own, theirs) != 0)
        json_array_append_new(list, json_string(theirs));
    return list;
}

/* Sets key to a list or an object that is not empty, and lets it go otherwise. */
static void set_filled(json_t *to, const char *key, json_t *value)
{
    if (json_array_size(value) + json_object_size(value) > 0)
        json_object_set_new(to, key, value);
    else
        json_decref(value);
}

static void put_nameservers(json_t *nic, const struct card *c)
{
    json_t *both = json_object();

    set_filled(both, "addresses", nameserver_list(c->network));
    set_filled(both, "search", search_list(c));
    set_filled(nic, "nameservers", both);
}

/* `to: default` and gateway4 are the other ways to say it: the first is an error to the cloud-init
 * of Debian 12 (22.4.2: "Address default is not a valid ip address"), the second deprecated. */
static void put_default_route(json_t *nic, const struct ip *gateway)
{
    char via[IP_TEXT];

    if (gateway->family)
        json_object_set_new(nic, "routes",
                            json_pack("[{s:s, s:s}]", "to",
                                      gateway->family == 6 ? "::/0" : "0.0.0.0/0", "via",
                                      ip_format(gateway, via)));
}

static void put_static(json_t *nic, const struct card *c)
{
    const struct network *n = c->network;
    char ip[IP_TEXT], text[CIDR_TEXT];

    snprintf(text, sizeof text, "%s/%u", ip_format(&c->address, ip), n->cidr.prefix);
    json_object_set_new(nic, "dhcp4", json_false());
    json_object_set_new(nic, "addresses", json_pack("[s]", text));
    if (c->number == 0)
        put_default_route(nic, &n->gateway);
    put_nameservers(nic, c);
}

/* By its MAC, not by a DUID that it makes from its machine-id: a rebuilt guest gets its address
 * again, and a lease in dnsmasq's file is that of a MAC that is on record. */
static void put_dhcp(json_t *nic, const struct card *c)
{
    const struct network *n = c->network;

    json_object_set_new(nic, "dhcp4", json_true());
    /* Each server tells a way out: the first card's is the one. */
    if (c->number)
        json_object_set_new(nic, "dhcp4-overrides",
                            json_pack("{s:i}", "route-metric", 1000 + 100 * c->number));
    if (of_user(n))
        return;
    json_object_set_new(nic, "dhcp-identifier", json_string("mac"));
    /* A DHCP server of somebody else's does not know what the operator wrote for this network. */
    if (!n->dhcp && n->n_nameservers)
        put_nameservers(nic, c);
}

static json_t *nic_of(const struct card *c)
{
    char mac[MAC_TEXT];
    json_t *nic = json_pack("{s:{s:s}}", "match", "macaddress", mac_format(c->mac, mac));

    if (!nic)
        return NULL;
    if (is_static(c))
        put_static(nic, c);
    else
        put_dhcp(nic, c);
    if (!of_user(c->network) && c->network->mtu)
        json_object_set_new(nic, "mtu", json_integer(c->network->mtu));
    return nic;
}

static json_t *nics_of(const struct seed_input *in)
{
    const struct instance *i = in->instance;
    struct card c = { .in = in, .network = in->network, .mac = &i->mac };
    json_t *all = json_object();
    char name[16];

    c.address = in->reserved.family ? in->reserved : i->spec.address;
    json_object_set_new(all, "nic0", nic_of(&c));
    for (int k = 0; k < in->n_nics; k++) {
        c = (struct card){ in, in->nics[k].network, &in->nics[k].mac, in->nics[k].reserved, k + 1 };
        snprintf(name, sizeof name, "nic%d", k + 1);
        json_object_set_new(all, name, nic_of(&c));
    }
    return all;
}

int nocloud_network_config(const struct seed_input *in, struct buf *out, struct err *e)
{
    const struct spec *s = &in->instance->spec;

    /* A machine of somebody else's has a MAC that roost only knows when the operator told it:
     * matching on a computed one would leave it without a network. An empty answer means
     * cloud-init's own fallback, DHCP on the first interface. */
    if (s->launcher == LAUNCHER_EXTERNAL && !s->mac_set)
        return buf_check(out, e);
    json_t *tree = json_pack("{s:i, s:o}", "version", 2, "ethernets", nics_of(in));
    if (!tree)
        return err_set(e, ERR_INTERNAL, "out of memory");
    int rc = yaml_write(tree, out, e);
    json_decref(tree);
    return rc;
}
