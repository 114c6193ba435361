/* What a plan warns of: nothing that is wrong, but what somebody would wonder at later. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "server/core_apply.h"
#include "server/core_network.h"

void apply_warn(struct apply *a, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_array_append_new(a->warnings, json_string(text));
}

void apply_warn_once(struct apply *a, const char *text, const char *instance)
{
    if (json_object_get(a->told, text))
        return;
    json_object_set_new(a->told, text, json_true());
    apply_warn(a, "instance %s: %s", instance, text);
}

static const struct network *fleet_network(const struct apply *a, const char *name)
{
    for (int i = 0; i < a->fleet.n_networks; i++)
        if (strcmp(a->fleet.networks[i].name.s, name) == 0)
            return &a->fleet.networks[i];
    return NULL;
}

static bool is_instance(struct apply *a, const char *name)
{
    struct guest g;

    for (int i = 0; i < a->fleet.n_instances; i++)
        if (strcmp(a->fleet.instances[i].name.s, name) == 0)
            return true;
    return store_guest_by_name(a->c->store, name, &g, NULL) == 0;
}

/* ---- networks ---- */

/* A claim can be made by anybody; on a LAN anybody is every machine there. */
static void warn_of_policy(struct apply *a, const char *network)
{
    char at[ENDPOINT_TEXT];

    if (ip_is_loopback(&a->c->seed_at.ip))
        apply_warn(a, "network %s: policy tag: whoever reaches the seed port can read every seed there",
                   network);
    else
        apply_warn(a,
                   "network %s: policy tag: every machine that reaches %s can read every seed there",
                   network, endpoint_format(&a->c->seed_at, at));
}

/* A port that leads nowhere is one that is published before its guest is there, or a slip. */
static void warn_of_targets(struct apply *a, const struct network *n)
{
    char text[FORWARD_TEXT];

    for (int i = 0; i < n->n_forwards; i++)
        if (!is_instance(a, n->forwards[i].instance.s))
            apply_warn(a, "network %s: \"%s\" leads nowhere yet: there is no instance %s", n->name.s,
                       forward_format(&n->forwards[i], text), n->forwards[i].instance.s);
}

void plan_warn_network(struct apply *a, const struct network *n)
{
    if (n->policy == POLICY_TAG)
        warn_of_policy(a, n->name.s);
    warn_of_targets(a, n);
}

/* ---- identities ---- */

void plan_warn_identity(struct apply *a, const struct identity *i)
{
    char text[320];

    for (int k = 0; k < i->n_public_keys; k++)
        if (identity_weak_key(i, k, text))
            apply_warn(a, "identity %s: %s", i->name.s, text);
}

/* ---- instances ---- */

/* Left by an instance that is no longer on record (a lost store): no data is thrown away unasked.
 */
static void warn_of_disk(struct apply *a, const struct fleet_instance *f)
{
    char path[PATH_SIZE + 160];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s/%s/%s", a->c->config.state, DIR_INSTANCES, f->name.s,
             FILE_DISK);
    if (stat(path, &st) == 0)
        apply_warn(
            a,
            "instance %s: a disk of that name is there already and will be used; roost instance "
            "rebuild %s begins with a fresh one",
            f->name.s, f->name.s);
}

/* One that is defined on a network that was there before: its warning was another day's. */
static void warn_of_claim(struct apply *a, const struct fleet_instance *f)
{
    const struct network *n = core_network(a->c, f->spec.network.s);

    if (n && n->policy == POLICY_TAG && !fleet_network(a, n->name.s) && !a->claim_warned) {
        a->claim_warned = true;
        warn_of_policy(a, n->name.s);
    }
}

/* QEMU's user network gives each guest 10.0.2.15 (invocation.texi, -netdev user, dhcpstart). */
static void warn_of_address(struct apply *a, const struct fleet_instance *f)
{
    const struct network *n = fleet_network(a, f->spec.network.s);

    if (!n)
        n = core_network(a->c, f->spec.network.s);
    if (f->spec.address.family && n && n->kind == NETWORK_USER)
        apply_warn(a,
                   "instance %s: address is without effect on %s, a user network, where every guest "
                   "has the same; --forward or another network makes it reachable",
                   f->name.s, n->name.s);
}

void plan_warn_instance(struct apply *a, const struct fleet_instance *f)
{
    if (f->spec.launcher == LAUNCHER_EXTERNAL) {
        warn_of_claim(a, f);
        return;
    }
    warn_of_disk(a, f);
    warn_of_address(a, f);
}

void plan_warn_change(struct apply *a, const struct fleet_instance *f,
                      const struct field_change *fields, int n)
{
    bool moved = false;

    for (int i = 0; i < n; i++)
        moved = moved || !strcmp(fields[i].field, "address") || !strcmp(fields[i].field, "network");
    if (moved && f->spec.launcher == LAUNCHER_ROOST)
        warn_of_address(a, f);
}
