#include "model/verb_network.h"

#include <string.h>

#include "model/seedurl.h"
#include "model/verb_field.h"

/* Counts travel before their items; one that is too large ends the reading. */
static void put_count(struct buf *b, int n)
{
    verb_put_enum(b, (unsigned)n);
}
static int get_count(struct msg_cur *c, int max)
{
    return (int)verb_get_enum(c, (unsigned)max + 1);
}
_Static_assert(NETWORK_FORWARDS_MAX < UINT8_MAX, "counts have one byte");

static void put_names(struct buf *b, const struct name *names, int n, int max)
{
    put_count(b, n);
    for (int i = 0; i < n && i < max; i++)
        msg_put_str(b, names[i].s);
}
static int get_names(struct msg_cur *c, struct name *ret, int max)
{
    int n = get_count(c, max);

    for (int i = 0; i < n; i++)
        msg_get_str(c, ret[i].s, sizeof ret[i].s);
    return n;
}

static void put_forward(struct buf *b, const struct forward *f)
{
    verb_put_enum(b, f->transport);
    verb_put_ip(b, &f->at.ip);
    msg_put_u16(b, f->at.port);
    msg_put_str(b, f->instance.s);
    msg_put_u16(b, f->port);
}
static void get_forward(struct msg_cur *c, struct forward *f)
{
    f->transport = (enum transport)verb_get_enum(c, TRANSPORTS);
    verb_get_ip(c, &f->at.ip);
    f->at.port = msg_get_u16(c);
    msg_get_str(c, f->instance.s, sizeof f->instance.s);
    f->port = msg_get_u16(c);
}

static void put_network(struct buf *b, const struct network *n)
{
    msg_put_str(b, n->name.s);
    verb_put_enum(b, n->kind);
    verb_put_enum(b, n->policy);
    verb_put_cidr(b, &n->cidr);
    msg_put_str(b, n->domain);
    msg_put_str(b, n->advertise);
    verb_put_ip(b, &n->host);
    verb_put_ip(b, &n->gateway);
    msg_put_u8(b, n->dhcp);
    verb_put_ip(b, &n->dhcp_first);
    verb_put_ip(b, &n->dhcp_last);
    put_count(b, n->n_nameservers);
    for (int i = 0; i < n->n_nameservers && i < NETWORK_NAMESERVERS_MAX; i++)
        verb_put_ip(b, &n->nameservers[i]);
    msg_put_str(b, n->parent);
    msg_put_u16(b, n->vlan);
    msg_put_u16(b, n->mtu);
    msg_put_u8(b, n->autostart);
    put_names(b, n->allow, n->n_allow, NETWORK_ALLOW_MAX);
    put_count(b, n->n_forwards);
    for (int i = 0; i < n->n_forwards && i < NETWORK_FORWARDS_MAX; i++)
        put_forward(b, &n->forwards[i]);
}

static void get_network(struct msg_cur *c, struct network *n)
{
    msg_get_str(c, n->name.s, sizeof n->name.s);
    n->kind = (enum network_kind)verb_get_enum(c, NETWORK_KINDS);
    n->policy = (enum seed_policy)verb_get_enum(c, SEED_POLICIES);
    verb_get_cidr(c, &n->cidr);
    msg_get_str(c, n->domain, sizeof n->domain);
    msg_get_str(c, n->advertise, sizeof n->advertise);
    verb_get_ip(c, &n->host);
    verb_get_ip(c, &n->gateway);
    n->dhcp = msg_get_bool(c);
    verb_get_ip(c, &n->dhcp_first);
    verb_get_ip(c, &n->dhcp_last);
    n->n_nameservers = get_count(c, NETWORK_NAMESERVERS_MAX);
    for (int i = 0; i < n->n_nameservers; i++)
        verb_get_ip(c, &n->nameservers[i]);
    msg_get_str(c, n->parent, sizeof n->parent);
    n->vlan = msg_get_u16(c);
    n->mtu = msg_get_u16(c);
    n->autostart = msg_get_bool(c);
    n->n_allow = get_names(c, n->allow, NETWORK_ALLOW_MAX);
    n->n_forwards = get_count(c, NETWORK_FORWARDS_MAX);
    for (int i = 0; i < n->n_forwards; i++)
        get_forward(c, &n->forwards[i]);
}

static int check_network(const struct network *n, struct err *e)
{
    char domain[DOMAIN_MAX_LEN + 1], advertise[BASE_URL_MAX + 1];
    const char *word;

    if (verb_check_name(&n->name, "network name", e) < 0)
        return -1;
    if (*n->domain && domain_parse(n->domain, domain, e) < 0)
        return -1;
    if (*n->advertise && base_url_parse(n->advertise, advertise, e) < 0)
        return -1;
    if (strcmp(*n->advertise ? advertise : "", n->advertise) != 0)
        return verb_wrong("net-up", "advertise", e);
    if (network_check(n, &word, e) < 0)
        return err_wrap(e, "network %s: %s", n->name.s, word);
    return 0;
}

void net_up_encode(const struct net_up *v, struct buf *out)
{
    put_network(out, &v->network);
    msg_put_bytes(out, v->salt, sizeof v->salt);
    msg_put_u16(out, v->seed_port);
    msg_put_u8(out, v->made);
    for (int i = 0; i < v->network.n_forwards && i < NETWORK_FORWARDS_MAX; i++)
        verb_put_ip(out, &v->forward_to[i]);
    put_names(out, v->allow_up, v->n_allow_up, NETWORK_ALLOW_MAX);
}

static void get_salt(struct msg_cur *c, uint8_t salt[16])
{
    size_t len;
    const void *bytes = msg_get_bytes(c, &len);

    if (bytes && len == 16)
        memcpy(salt, bytes, len);
    else
        c->failed = true;
}

/* Both lists are sorted, so one walk tells. */
static bool is_subset(const struct name *sub, int n_sub, const struct name *all, int n_all)
{
    int k = 0;

    for (int i = 0; i < n_sub; i++, k++) {
        while (k < n_all && strcmp(all[k].s, sub[i].s) < 0)
            k++;
        if (k == n_all || strcmp(all[k].s, sub[i].s) != 0)
            return false;
    }
    return true;
}

static int check_up(const struct net_up *v, struct err *e)
{
    const struct network *n = &v->network;

    if (check_network(n, e) < 0)
        return -1;
    for (int i = 0; i < n->n_forwards; i++)
        if (v->forward_to[i].family && network_address_check(n, &v->forward_to[i], e) < 0)
            return -1;
    return is_subset(v->allow_up, v->n_allow_up, n->allow, n->n_allow)
               ? 0
               : verb_wrong("net-up", "allowed network", e);
}

static void get_up(struct msg_cur *c, struct net_up *v)
{
    get_network(c, &v->network);
    get_salt(c, v->salt);
    v->seed_port = msg_get_u16(c);
    v->made = msg_get_bool(c);
    for (int i = 0; i < v->network.n_forwards; i++)
        verb_get_ip(c, &v->forward_to[i]);
    v->n_allow_up = get_names(c, v->allow_up, NETWORK_ALLOW_MAX);
}

int net_up_decode(struct msg_cur *c, struct net_up *ret, struct err *e)
{
    struct net_up v = { 0 };

    get_up(c, &v);
    if (msg_end(c, "net-up", e) < 0 || check_up(&v, e) < 0)
        return -1;
    if (v.network.kind == NETWORK_USER)
        return verb_wrong("net-up", "kind", e);
    *ret = v;
    return 0;
}

void net_ref_encode(const struct net_ref *v, struct buf *out)
{
    msg_put_str(out, v->network.s);
}

int net_ref_decode(struct msg_cur *c, struct net_ref *ret, struct err *e)
{
    struct net_ref v = { 0 };

    msg_get_str(c, v.network.s, sizeof v.network.s);
    if (msg_end(c, "net-ref", e) < 0 || verb_check_name(&v.network, "network name", e) < 0)
        return -1;
    *ret = v;
    return 0;
}

void net_step_encode(const struct net_step *v, struct buf *out)
{
    msg_put_str(out, v->network.s);
    msg_put_u32(out, v->number);
    msg_put_str(out, v->line);
    msg_put_str(out, v->undo);
}

int net_step_decode(struct msg_cur *c, struct net_step *ret, struct err *e)
{
    struct net_step v = { 0 };

    msg_get_str(c, v.network.s, sizeof v.network.s);
    v.number = msg_get_u32(c);
    verb_get_line(c, v.line, sizeof v.line);
    verb_get_line(c, v.undo, sizeof v.undo);
    if (msg_end(c, "net-step", e) < 0 || verb_check_name(&v.network, "network name", e) < 0)
        return -1;
    if (!*v.line)
        return verb_wrong("net-step", "line", e);
    *ret = v;
    return 0;
}

/* "" is no interface. */
static int check_ifname(const char *s, struct err *e)
{
    char again[IFNAME_SIZE];

    return *s ? ifname_parse(s, again, e) : 0;
}

void net_state_encode(const struct net_state *v, struct buf *out)
{
    msg_put_str(out, v->network.s);
    msg_put_u8(out, v->up);
    msg_put_str(out, v->bridge);
    verb_put_ip(out, &v->address);
    msg_put_u16(out, v->listener);
    verb_put_text(out, v->problem, sizeof v->problem);
}
_Static_assert(sizeof(((struct net_state *)0)->problem) <= VERB_TEXT_MAX, "problems fit");

int net_state_decode(struct msg_cur *c, struct net_state *ret, struct err *e)
{
    struct net_state v = { 0 };

    msg_get_str(c, v.network.s, sizeof v.network.s);
    v.up = msg_get_bool(c);
    msg_get_str(c, v.bridge, sizeof v.bridge);
    verb_get_ip(c, &v.address);
    v.listener = msg_get_u16(c);
    verb_get_line(c, v.problem, sizeof v.problem);
    if (msg_end(c, "net-state", e) < 0 || verb_check_name(&v.network, "network name", e) < 0 ||
        check_ifname(v.bridge, e) < 0)
        return -1;
    if (v.address.family && !ip_is_usable(&v.address))
        return verb_wrong("net-state", "address", e);
    *ret = v;
    return 0;
}

void net_lease_encode(const struct net_lease *v, struct buf *out)
{
    const struct lease *l = &v->lease;

    msg_put_str(out, v->network.s);
    verb_put_enum(out, l->action);
    verb_put_mac(out, &l->mac);
    verb_put_ip(out, &l->ip);
    msg_put_str(out, l->bridge);
    verb_put_text(out, l->hostname, sizeof l->hostname);
}
_Static_assert(LEASE_HOSTNAME_SIZE <= VERB_TEXT_MAX, "host names fit");

int net_lease_decode(struct msg_cur *c, struct net_lease *ret, struct err *e)
{
    struct net_lease v = { 0 };
    struct lease *l = &v.lease;

    msg_get_str(c, v.network.s, sizeof v.network.s);
    l->action = (enum lease_action)verb_get_enum(c, LEASE_ACTIONS);
    verb_get_mac(c, &l->mac);
    verb_get_ip(c, &l->ip);
    msg_get_str(c, l->bridge, sizeof l->bridge);
    verb_get_line(c, l->hostname, sizeof l->hostname);
    if (msg_end(c, "net-lease", e) < 0 || verb_check_name(&v.network, "network name", e) < 0 ||
        check_ifname(l->bridge, e) < 0)
        return -1;
    if (l->ip.family != 4 || !ip_is_usable(&l->ip))
        return verb_wrong("net-lease", "address", e);
    *ret = v;
    return 0;
}

void net_check_encode(const struct net_check *v, struct buf *out)
{
    msg_put_u8(out, v->of_network);
    msg_put_u8(out, v->is_up);
    if (v->of_network)
        net_up_encode(&v->up, out);
}

int net_check_decode(struct msg_cur *c, struct net_check *ret, struct err *e)
{
    struct net_check v = { .of_network = msg_get_bool(c), .is_up = msg_get_bool(c) };

    if (v.of_network)
        get_up(c, &v.up);
    if (msg_end(c, "net-check", e) < 0 || (v.of_network && check_up(&v.up, e) < 0))
        return -1;
    *ret = v;
    return 0;
}

void net_finding_encode(const struct net_finding *v, struct buf *out)
{
    verb_put_enum(out, v->grade);
    verb_put_text(out, v->what, sizeof v->what);
    verb_put_text(out, v->cause, sizeof v->cause);
    verb_put_text(out, v->mend, sizeof v->mend);
}
_Static_assert(sizeof(((struct net_finding *)0)->mend) <= VERB_TEXT_MAX, "mends fit");

int net_finding_decode(struct msg_cur *c, struct net_finding *ret, struct err *e)
{
    struct net_finding v = { .grade = (enum net_grade)verb_get_enum(c, NET_GRADES) };

    verb_get_line(c, v.what, sizeof v.what);
    verb_get_line(c, v.cause, sizeof v.cause);
    verb_get_line(c, v.mend, sizeof v.mend);
    if (msg_end(c, "net-finding", e) < 0)
        return -1;
    if (!*v.what || !*v.cause)
        return verb_wrong("net-finding", "text", e);
    *ret = v;
    return 0;
}
