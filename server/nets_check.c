/* The doctor on roostd's side: it has the powers, so it looks; netcfg/doctor.h judges. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netcfg/doctor.h"
#include "server/nets_priv.h"

struct looking {
    uint32_t id;
    struct net_check check;
};

static void send_finding(struct nets *n, uint32_t id, const struct finding *f)
{
    static const enum net_grade grades[] = {
        [FINDING_OK] = NET_FINE, [FINDING_WARN] = NET_WARN, [FINDING_BAD] = NET_BAD
    };
    struct net_finding m = { .grade = grades[f->grade] };

    _Static_assert(sizeof m.what == sizeof f->what && sizeof m.cause == sizeof f->cause &&
                       sizeof m.mend == sizeof f->mend,
                   "findings travel whole");
    memcpy(m.what, f->what, sizeof m.what);
    memcpy(m.cause, f->cause, sizeof m.cause);
    memcpy(m.mend, f->mend, sizeof m.mend);
    net_finding_encode(&m, &n->out);
    n->o.send(P_NET_FINDING, id, &n->out, n->o.arg);
}

static bool names_told(const struct network *n, const struct facts *f)
{
    char bridge[IFNAME_SIZE];

    network_bridge(&n->name, bridge);
    const struct fact_link *l = facts_link(f, bridge);
    return n->domain[0] && doctor_told(n->domain, l ? l->index : 0);
}

/* Those that roost.conf names. */
static void see_programs(const struct nets *n, struct doctor_facts *d)
{
    const char *iptables = n->o.config->iptables;
    char save[PATH_SIZE + 16], restore[PATH_SIZE + 16];

    snprintf(save, sizeof save, "%s-save", iptables);
    snprintf(restore, sizeof restore, "%s-restore", iptables);
    d->dnsmasq = doctor_program(n->o.config->dnsmasq);
    d->iptables = doctor_program(save) && doctor_program(restore);
}

static void judge(struct nets *n, const struct looking *k, const struct firewall_hooks *have,
                  const struct facts *f)
{
    const struct network *of = k->check.of_network ? &k->check.up.network : NULL;
    struct finding list[FINDINGS_MAX];
    struct doctor_facts d;

    doctor_read(&d);
    see_programs(n, &d);
    d.told = of && names_told(of, f);
    d.hooks_known = have != NULL;
    if (have)
        d.hooks = *have;
    int count = doctor_judge(of, k->check.is_up, f, &d, list);
    for (int i = 0; i < count; i++)
        send_finding(n, k->id, &list[i]);
}

static void looked(struct nets *n, const struct firewall_hooks *have, void *arg)
{
    const struct looking *k = arg;
    const struct name *name = &k->check.up.network.name; /* "" the host's */
    struct facts f = { 0 };
    struct err e = { 0 };

    if (!nets_netlink(n, &e) || link_facts(n->netlink, &f, &e) < 0) {
        nets_answer(n, k->id, name, &e);
        return;
    }
    judge(n, k, have, &f);
    facts_done(&f);
    nets_answer(n, k->id, name, NULL);
}

int nets_check(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e)
{
    struct looking *k = calloc(1, sizeof *k);
    struct err why = { 0 };

    if (!k)
        return err_set(e, ERR_INTERNAL, "no memory");
    if (net_check_decode(c, &k->check, e) < 0) {
        free(k);
        return -1;
    }
    k->id = id;
    const struct name name = k->check.up.network.name;
    if (rules_look(n, looked, k, &why) < 0)
        nets_answer(n, id, &name, &why);
    return 0;
}
