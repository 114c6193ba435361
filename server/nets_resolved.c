/* The host itself resolves its guests' names: systemd-resolved is told by resolvectl(1) whom to ask
 * for their domain. Its per-link settings end with the link. What goes wrong is a line of the log
 * and no reason not to come up: guests live without it, and `network check` says how it is mended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/nets_priv.h"
#include "server/powers.h"

#define LIMIT_MS 5000

enum stage { STAGE_DNS, STAGE_DOMAIN, STAGE_REVERT };

struct resolving {
    LIST_ENTRY(resolving) others;
    struct nets *nets;
    struct child *child;
    uint32_t id;
    enum stage stage;
    struct name network;
    char device[IFNAME_SIZE];
    struct ip host;
    char domain[DOMAIN_MAX_LEN + 1];
};

static void free_one(struct resolving *k)
{
    LIST_REMOVE(k, others);
    child_forget(k->child);
    free(k);
}

static void end(struct resolving *k)
{
    nets_answer(k->nets, k->id, &k->network, NULL);
    free_one(k);
}

static void argv_of(const struct resolving *k, struct argv *a)
{
    static const char *const words[] = {
        [STAGE_DNS] = "dns", [STAGE_DOMAIN] = "domain", [STAGE_REVERT] = "revert"
    };
    char ip[IP_TEXT];

    argv_add(a, "resolvectl");
    argv_add(a, words[k->stage]);
    argv_add(a, k->device);
    if (k->stage == STAGE_DNS)
        argv_add(a, ip_format(&k->host, ip));
    if (k->stage == STAGE_DOMAIN)
        argv_addf(a, "~%s", k->domain); /* to ask for, not to search in */
}

static void ended(const struct spawn_exit *x, void *arg);

static void run(struct resolving *k)
{
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    struct err e = { 0 };

    o.capture = true;
    o.limit_ms = LIMIT_MS;
    o.limit_caps = true;
    o.caps = POWER(CAP_NET_ADMIN); /* systemd-resolved asks for it */
    argv_of(k, &a);
    k->child = child_spawn(k->nets->loop, &a, &o, ended, k, &e);
    if (k->child)
        return;
    log_warn("network %s: names of guests on this host: %s", k->network.s, e.text);
    end(k);
}

static void ended(const struct spawn_exit *x, void *arg)
{
    struct resolving *k = arg;
    char text[64];

    k->child = NULL;
    if (x->status == 0 && !x->timed_out && k->stage == STAGE_DNS) {
        k->stage = STAGE_DOMAIN;
        run(k);
        return;
    }
    if (x->status != 0 || x->timed_out)
        log_warn("network %s: names of guests on this host: resolvectl: %s: %.200s", k->network.s,
                 child_status_text(x->status, x->timed_out, text), buf_str((struct buf *)x->err));
    end(k);
}

static struct resolving *begin(struct nets *n, const struct name *network, const char *device,
                               uint32_t id, enum stage stage)
{
    struct resolving *k = calloc(1, sizeof(*k));
    struct err e = { 0 };

    if (!k) {
        err_set(&e, ERR_INTERNAL, "no memory");
        nets_answer(n, id, network, &e);
        return NULL;
    }
    k->nets = n;
    k->id = id;
    k->stage = stage;
    k->network = *network;
    snprintf(k->device, sizeof(k->device), "%s", device);
    LIST_INSERT_HEAD(&n->resolving, k, others);
    return k;
}

bool resolved_runs(const struct config *c)
{
    /* Devices' numbers are told, so it has to be the host's own network; a rootless roost can be in
     * another one, and lacks the right anyway. */
    return c->mode == MODE_SYSTEM && access("/run/systemd/resolve/stub-resolv.conf", F_OK) == 0;
}

void resolved_up(struct net *t, uint32_t id)
{
    struct resolving *k = begin(t->nets, &t->name, t->plan.bridge, id, STAGE_DNS);

    if (!k)
        return;
    k->host = t->up.network.host;
    memcpy(k->domain, t->up.network.domain, sizeof(k->domain));
    run(k);
}

void resolved_down(struct nets *n, const struct name *network, const char *device, uint32_t id)
{
    struct resolving *k = begin(n, network, device, id, STAGE_REVERT);

    if (k)
        run(k);
}

void resolved_free(struct nets *n)
{
    while (!LIST_EMPTY(&n->resolving))
        free_one(LIST_FIRST(&n->resolving));
}
