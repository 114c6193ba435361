/* The inside of server/nets*.c. */
#ifndef SERVER_NETS_PRIV_H
#define SERVER_NETS_PRIV_H

#include <sys/queue.h>

#include "base/spawn.h"
#include "model/verb_network.h"
#include "netcfg/dnsmasq.h"
#include "netcfg/firewall.h"
#include "netcfg/lease.h"
#include "netcfg/link.h"
#include "netcfg/plan.h"
#include "netcfg/step.h"
#include "netcfg/sysctl.h"
#include "server/nets.h"

#define FILE_RULES        "iptables.rules" /* in a network's directory: what iptables-restore got */
#define FILE_LINKS        "links" /* the same in the form of `ip -batch`; the kernel got netlink */
#define FILE_SYSCTL       "sysctl.conf"
#define FILE_DNSMASQ_LOG  "dnsmasq.log"
#define NETS_TICK_MS      5000 /* between looks for drift */
#define FILE_LEASE_SOCKET "lease.sock" /* in RUN */

struct dns; /* nets_dnsmasq.c */

/* A network that core spoke of. */
struct net {
    struct nets *nets;
    TAILQ_ENTRY(net) order;
    struct name name;
    struct net_up up; /* as defined when it was planned last */
    struct plan plan;
    bool planned;
    int dir; /* STATE/networks/NAME; -1 */
    char path[PATH_SIZE];
    int listen_fd; /* -1 */
    uint16_t listener;
    unsigned listen_index; /* of the device that it is bound to */
    struct endpoint listen_at;
    struct dns *dns;
    bool troubled; /* told core so, until it plans anew */
};

/* What stands in iptables, once; NULL: that cannot be seen (no right, not installed). */
typedef void rules_look_fn(struct nets *n, const struct firewall_hooks *have, void *arg);

/* An iptables run that waits or runs: one at a time. */
struct rules_job {
    TAILQ_ENTRY(rules_job) order;
    struct nets *nets;
    uint32_t id;
    struct name network;
    char bridge[IFNAME_SIZE];
    bool down;
    struct firewall_net wall; /* up; points into the net */
    rules_look_fn *look;      /* nothing is to be changed */
    void *arg;                /* of look; freed with the job */
};

struct nets {
    struct loop *loop;
    struct nets_opts o;
    struct netlink *netlink; /* opened when first needed; NULL */
    TAILQ_HEAD(, net) list;
    TAILQ_HEAD(, rules_job) rules;
    struct child *iptables;
    LIST_HEAD(, resolving) resolving;
    uint16_t next_listener;
    struct loop_timer *tick; /* looks for drift */
    int lease_fd;            /* datagrams of roost-lease; -1 */
    struct loop_fd *lease_watch;
    char lease_path[PATH_SIZE];
    struct buf out;
};

/* --- nets.c --- */
struct net *net_find(const struct nets *n, const struct name *name); /* NULL: none */
struct net *net_get(struct nets *n, const struct name *name, struct err *e); /* made when new */
struct net *net_of_bridge(const struct nets *n, const char *bridge);
/* Answers a verb: how a step ended. err NULL: well. */
void nets_answer(struct nets *n, uint32_t id, const struct name *network, const struct err *err);
/* P_NET_STATE: something about a network that core did not ask for, "" when all is well. */
void net_state(struct net *t, uint32_t id, enum proto_type type, const char *problem);
/* "roost NETWORK INSTANCE": whose tap it is, whoever runs it. */
#define TAP_ALIAS_SIZE (2 * NAME_MAX_LEN + 8)
void net_tap_alias(const struct name *network, const char *instance, char ret[TAP_ALIAS_SIZE]);
/* Opened once; NULL with e. */
struct netlink *nets_netlink(struct nets *n, struct err *e);

/* --- nets_rules.c --- */
/* Queues an iptables run, whose end answers `id`. */
void rules_up(struct net *t, uint32_t id);
void rules_down(struct nets *n, const struct name *network, const char *bridge, uint32_t id);
/* arg is taken over: freed after fn, or when nobody waits any more. */
int rules_look(struct nets *n, rules_look_fn *fn, void *arg, struct err *e);
void rules_free(struct nets *n);

/* --- nets_files.c --- */
/* Links, sysctls, QEMU's scripts. Called when the links are made. */
int net_files_write(const struct net *t, struct err *e);
int net_files_remove(const struct net *t, struct err *e);

/* --- nets_resolved.c --- */
bool resolved_runs(const struct config *c);
/* Always answer `id`, that it went well. */
void resolved_up(struct net *t, uint32_t id);
void resolved_down(struct nets *n, const struct name *network, const char *device, uint32_t id);
void resolved_free(struct nets *n);

/* --- nets_probe.c --- */
struct probe;
/* Once: who answers DHCP there, NULL nobody. The probe is still to be freed, there or later. */
typedef void probe_done_fn(const struct ip *server, void *arg);
struct probe *probe_new(struct loop *l, const char *device, probe_done_fn *done, void *arg,
                        struct err *e);
void probe_free(struct probe *p); /* NULL is fine */

/* --- nets_dnsmasq_find.c --- */
/* A dnsmasq of ours with this argument vector that an earlier roostd started; 0: none. */
pid_t dnsmasq_find(const struct config *c, const struct argv *a);

/* --- nets_dnsmasq_conf.c --- */
int dns_conf_write(struct net *t, bool *ret_changed, struct err *e);

/* --- nets_dnsmasq.c --- */
/* Writes the configuration, starts dnsmasq or finds the one that runs. 1: `id` is answered when it
 * has come up. */
int dns_start(struct net *t, uint32_t id, struct err *e);
/* Ends it. 1: `id` is answered when it has ended, 0: none ran. */
int dns_stop(struct net *t, uint32_t id, struct err *e);
void dns_forget(struct net *t); /* it runs on */
int dns_reload(struct net *t, struct err *e);

/* --- nets_listen.c --- */
int net_listen(struct net *t, const struct step *s, struct err *e);
void net_unlisten(struct net *t);
/* No later roostd gets that one either. */
void net_listen_forget(const char *device);

/* --- nets_lease.c --- */
int leases_open(struct nets *n, struct err *e);
void leases_close(struct nets *n);
void leases_unneeded(struct nets *n); /* closes, unless a dnsmasq is there */
/* What the network's lease file says, to core: at the start. */
void leases_read(struct net *t);
int lease_release(struct net *t, const struct lease *l, struct err *e);

#endif
