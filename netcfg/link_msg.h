/* Requests to rtnetlink(7) and its answers. Part of netcfg/link*.c and netcfg/tap.c. */
#ifndef NETCFG_LINK_MSG_H
#define NETCFG_LINK_MSG_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
/* libnl's own copy of <linux/…> comes first. */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "netcfg/link.h"

/* What the kernel made of a request: 0, or its errno as a positive number, with its own words where
 * it has some (NLMSGERR_ATTR_MSG). */
struct verdict {
    int os;
    bool over;
    char text[160];
};

/* A request with its fixed part; attributes follow by nla_put(). NULL: no memory. */
struct nl_msg *netlink_request(int type, int flags, const void *fixed, size_t size);
/* Sends it, frees it (NULL: no memory), waits for the acknowledgement. */
void netlink_ask(struct netlink *n, struct nl_msg *msg, struct verdict *ret);
/* The same where success or one of two errnos is expected; anything else is an error about `what`
 * ("make bridge rb-lab"). 0 means none. */
int netlink_expect(struct netlink *n, struct nl_msg *msg, int fine, int fine2, const char *what,
                   struct err *e);
int verdict_error(const struct verdict *v, const char *what, struct err *e);

/* One object of a dump: its fixed part (checked to have `size` bytes) and attributes up to
 * `max_attr` (NULL: not there). Returns 0, or -1 with `e` to end. */
struct dump {
    int type, answer; /* RTM_GETLINK, RTM_NEWLINK */
    size_t size;
    int max_attr;
    int (*each)(const void *fixed, struct nlattr *const *attrs, void *arg, struct err *e);
    void *arg;
};
int netlink_dump(struct netlink *n, const struct dump *d, struct err *e);
/* The answer to one request, taken over; the errno `fine` means that there is none. */
int netlink_query(struct netlink *n, struct nl_msg *msg, const struct dump *d, int fine,
                  struct err *e);

/* RTNH_OK() of <linux/rtnetlink.h> reads the next hop's length before it knows that there is one.
 */
static inline bool hop_ok(const struct rtnexthop *h, int left)
{
    return left >= (int)sizeof(*h) && h->rtnh_len >= sizeof(*h) && h->rtnh_len <= left;
}

/* The one after it: RTNH_NEXT and RTNH_DATA of <linux/rtnetlink.h> without their casts, which
 * promise an alignment that a compiler cannot see (netlink(7): all is aligned to 4). */
static inline const struct rtnexthop *hop_next(const struct rtnexthop *h)
{
    return (const void *)((const char *)h + RTNH_ALIGN(h->rtnh_len));
}

static inline const struct nlattr *hop_attrs(const struct rtnexthop *h)
{
    return (const void *)((const char *)h + RTNH_LENGTH(0));
}

/* Attributes as values; false where one is missing or short. */
bool attr_ip(const struct nlattr *a, int family, struct ip *ret);
uint32_t attr_u32(const struct nlattr *a, uint32_t otherwise);
void attr_text(const struct nlattr *a, char *ret, size_t size); /* "" */
int put_ip(struct nl_msg *msg, int type, const struct ip *ip);
int ip_af(const struct ip *ip); /* AF_INET, AF_INET6 */

/* One link by name, as link_facts() tells it but for mac_pinned. 1 there, 0 not, -1. */
int netlink_link(struct netlink *n, const char *name, struct fact_link *ret, struct err *e);
/* Fills a link's facts from an RTM_NEWLINK; master and parent by index only (0 none). */
struct link_index {
    int master, parent;
};
void link_read(const struct ifinfomsg *ifi, struct nlattr *const *attrs, struct fact_link *ret,
               struct link_index *ret_index);

#endif
