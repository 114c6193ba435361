/* What is done about callers that nobody knows (core_unknown.c). */
#include <stdio.h>
#include <string.h>

#include "server/core_apply.h"

int core_forget_caller(struct core *c, const char *caller, struct err *e)
{
    return unknown_drop(c, caller, e);
}

/* Known from now on by all that it sent; where that is nothing, by its address until it is home. */
static json_t *definition(const struct stranger *r, const char *network, struct err *e)
{
    char mac[MAC_TEXT], ip[IP_TEXT];
    struct marks m;
    json_t *j;

    marks_with_tag(&r->marks, r->tag.s, &m);
    if (!r->tag.s[0] && !marks_any(&m) && ip_is_loopback(&r->ip)) {
        err_set(
            e, ERR_CONFLICT,
            "caller %s tells nothing of itself, and every guest of a user network asks from %s: "
            "define it and give it a seed URL of its own (roost seed url)",
            r->id, ip_format(&r->ip, ip));
        return NULL;
    }
    j = json_pack("{s:s}", "launcher", "external");
    if (r->tag.s[0])
        json_object_set_new(j, "tag", json_string(r->tag.s));
    if (m.uuid.s[0])
        json_object_set_new(j, "uuid", json_string(m.uuid.s));
    if (r->marks.serial.s[0])
        json_object_set_new(j, "serial", json_string(r->marks.serial.s));
    if (mac_is_set(&m.mac))
        json_object_set_new(j, "mac", json_string(mac_format(&m.mac, mac)));
    if (*network)
        json_object_set_new(j, "network", json_string(network));
    return j;
}

static int adopt(struct core *c, const char *caller, const char *name, const char *network,
                 const struct actor *who, core_op_fn *done, void *arg, struct err *e)
{
    struct stranger r;
    struct adoption adoption;
    struct name checked;
    struct guest g;
    json_t *j, *tree;
    char ip[IP_TEXT];

    if (unknown_get(c, caller, &r, e) < 0 || instance_name_parse(name, &checked, e) < 0)
        return -1;
    if (store_guest_by_name(c->store, name, &g, NULL) == 0)
        return err_set(e, ERR_CONFLICT, "instance %s is there already: adopt it as another name",
                       name);
    if (!(j = definition(&r, network, e)))
        return -1;
    adoption.ip = r.ip;
    snprintf(adoption.text, sizeof adoption.text, "adopted: \"%s\" from %s", r.claimed,
             ip_format(&r.ip, ip));
    tree = json_pack("{s:{s:o}}", "instances", name, j);
    core_apply_adopted(c, tree, &adoption, who, done, arg);
    json_decref(tree); /* read by now */
    return 0;
}

void core_adopt_caller(struct core *c, const char *caller, const char *name, const char *network,
                       const struct actor *who, core_op_fn *done, void *arg)
{
    struct err e;

    if (adopt(c, caller, name, network, who, done, arg, &e) < 0)
        done(NULL, &e, arg);
}
