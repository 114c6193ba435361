#include "netcfg/link_msg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct netlink {
    struct nl_sock *sock;
};

struct netlink *netlink_open(struct err *e)
{
    struct netlink *n = calloc(1, sizeof(*n));
    int on = 1;

    if (n)
        n->sock = nl_socket_alloc();
    if (!n || !n->sock) {
        free(n);
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    int rc = nl_connect(n->sock, NETLINK_ROUTE);
    if (rc < 0) {
        err_set(e, ERR_IO, "netlink socket: %s", nl_geterror(rc));
        netlink_close(n);
        return NULL;
    }
    /* The kernel's own words beside an errno, without our request behind them. */
    setsockopt(nl_socket_get_fd(n->sock), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    setsockopt(nl_socket_get_fd(n->sock), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    return n;
}

void netlink_close(struct netlink *n)
{
    if (!n)
        return;
    nl_socket_free(n->sock);
    free(n);
}

/* --- requests -------------------------------------------------------------------------------- */

struct nl_msg *netlink_request(int type, int flags, const void *fixed, size_t size)
{
    struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

    if (msg && nlmsg_append(msg, (void *)(uintptr_t)fixed, size, NLMSG_ALIGNTO) < 0) {
        nlmsg_free(msg);
        return NULL;
    }
    return msg;
}

/* The acknowledgement: an errno, then attributes (NLM_F_ACK_TLVS). */
static int on_error(struct sockaddr_nl *from, struct nlmsgerr *ack, void *arg)
{
    struct verdict *v = arg;
    struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1];
    const struct nlmsghdr *h = (const void *)((const char *)ack - NLMSG_HDRLEN);

    (void)from;
    v->os = -ack->error;
    v->over = true;
    if ((h->nlmsg_flags & NLM_F_ACK_TLVS) && (h->nlmsg_flags & NLM_F_CAPPED) &&
        nlmsg_parse((struct nlmsghdr *)(uintptr_t)h, sizeof(*ack), attrs, NLMSGERR_ATTR_MAX,
                    NULL) == 0)
        attr_text(attrs[NLMSGERR_ATTR_MSG], v->text, sizeof(v->text));
    return NL_STOP;
}

static int on_end(struct nl_msg *msg, void *arg)
{
    struct verdict *v = arg;

    (void)msg;
    v->over = true;
    return NL_STOP;
}

/* Answers up to the acknowledgement or the end of the dump. */
static int receive(struct netlink *n, nl_recvmsg_msg_cb_t valid, void *arg, struct verdict *v)
{
    struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
    int rc = 0;

    if (!cb)
        return -NLE_NOMEM;
    nl_cb_err(cb, NL_CB_CUSTOM, on_error, v);
    nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, v);
    nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, v);
    if (valid)
        nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, valid, arg);
    while (rc >= 0 && !v->over)
        rc = nl_recvmsgs(n->sock, cb);
    nl_cb_put(cb);
    return rc;
}

void netlink_ask(struct netlink *n, struct nl_msg *msg, struct verdict *ret)
{
    int rc = -NLE_NOMEM;

    *ret = (struct verdict){ 0 };
    if (msg) {
        rc = nl_send_auto(n->sock, msg);
        nlmsg_free(msg);
    }
    if (rc >= 0)
        rc = receive(n, NULL, NULL, ret);
    if (rc < 0 && !ret->os) {
        ret->os = EIO;
        snprintf(ret->text, sizeof(ret->text), "%s", nl_geterror(rc));
    }
}

int verdict_error(const struct verdict *v, const char *what, struct err *e)
{
    errno = v->os;
    if (v->os == EOPNOTSUPP)
        return err_set(e, ERR_IO, "%s: this kernel cannot do that (is the module there?)%s%s", what,
                       v->text[0] ? ": " : "", v->text);
    if (v->os == EPERM)
        return err_set(e, ERR_DENIED, "%s: that takes CAP_NET_ADMIN", what);
    return v->text[0] ? err_sys(e, "%s: %s", what, v->text) : err_sys(e, "%s", what);
}

int netlink_expect(struct netlink *n, struct nl_msg *msg, int fine, int fine2, const char *what,
                   struct err *e)
{
    struct verdict v;

    netlink_ask(n, msg, &v);
    return !v.os || v.os == fine || v.os == fine2 ? 0 : verdict_error(&v, what, e);
}

/* --- dumps ----------------------------------------------------------------------------------- */

enum { ATTRS_MAX = 128 };

struct dumping {
    const struct dump *d;
    struct err *e;
    bool failed;
};

static int on_object(struct nl_msg *msg, void *arg)
{
    struct dumping *state = arg;
    const struct dump *d = state->d;
    struct nlmsghdr *h = nlmsg_hdr(msg);
    struct nlattr *attrs[ATTRS_MAX];

    if (state->failed || h->nlmsg_type != d->answer || !nlmsg_valid_hdr(h, (int)d->size) ||
        nlmsg_parse(h, (int)d->size, attrs, d->max_attr, NULL) < 0)
        return NL_OK;
    if (d->each(nlmsg_data(h), attrs, d->arg, state->e) < 0)
        state->failed = true; /* and the rest of the dump is read past */
    return NL_OK;
}

int netlink_query(struct netlink *n, struct nl_msg *msg, const struct dump *d, int fine,
                  struct err *e)
{
    struct dumping state = { .d = d, .e = e };
    struct verdict v = { 0 };
    int rc = msg ? nl_send_auto(n->sock, msg) : -NLE_NOMEM;

    nlmsg_free(msg);
    if (rc >= 0)
        rc = receive(n, on_object, &state, &v);
    if (state.failed)
        return -1;
    if (v.os)
        return v.os == fine ? 0 : verdict_error(&v, "reading the host's network", e);
    if (rc == -NLE_DUMP_INTR)
        return err_set(e, ERR_BUSY, "the host's network changed while it was read");
    return rc < 0 ? err_set(e, ERR_IO, "reading the host's network: %s", nl_geterror(rc)) : 0;
}

int netlink_dump(struct netlink *n, const struct dump *d, struct err *e)
{
    /* Of the three fixed parts the largest; the kernel looks at the family alone, their first byte.
     */
    const struct ifinfomsg all = { .ifi_family = AF_UNSPEC };

    _Static_assert(sizeof(all) >= sizeof(struct rtmsg), "the largest");
    return netlink_query(n, netlink_request(d->type, NLM_F_DUMP, &all, d->size), d, 0, e);
}

/* --- attributes ------------------------------------------------------------------------------ */

bool attr_ip(const struct nlattr *a, int family, struct ip *ret)
{
    int size = family == AF_INET ? 4 : 16;

    if (!a || nla_len(a) != size || (family != AF_INET && family != AF_INET6))
        return false;
    *ret = (struct ip){ .family = family == AF_INET ? 4 : 6 };
    memcpy(ret->b, nla_data(a), (size_t)size);
    return true;
}

uint32_t attr_u32(const struct nlattr *a, uint32_t otherwise)
{
    uint32_t v = otherwise;

    if (a && nla_len(a) == sizeof(v))
        memcpy(&v, nla_data(a), sizeof(v));
    return v;
}

void attr_text(const struct nlattr *a, char *ret, size_t size)
{
    size_t len = a ? strnlen(nla_data(a), (size_t)nla_len(a)) : 0;

    len = len < size ? len : size - 1;
    if (len > 0)
        memcpy(ret, nla_data(a), len);
    ret[len] = '\0';
}

int ip_af(const struct ip *ip)
{
    return ip->family == 6 ? AF_INET6 : AF_INET;
}

int put_ip(struct nl_msg *msg, int type, const struct ip *ip)
{
    return nla_put(msg, type, ip->family == 6 ? 16 : 4, ip->b);
}
