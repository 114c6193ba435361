/* A network and its firewall from a file: {"name", "network": its fleet form, "bridge",
 * "seed-port", "allow": [bridges], "to": {INSTANCE: ADDRESS}}. For the goldens and
 * test_firewall.py. */
#ifndef TESTS_UNIT_NETCFG_FWCASE_H
#define TESTS_UNIT_NETCFG_FWCASE_H

#include <string.h>

#include "netcfg/firewall.h"

struct fwcase {
    json_t *tree;
    struct network network;
    struct firewall_net net;
};

static inline int fwcase_addresses(struct fwcase *c, struct err *e)
{
    const json_t *to = json_object_get(c->tree, "to");

    for (int i = 0; i < c->network.n_forwards; i++) {
        const char *s = json_string_value(json_object_get(to, c->network.forwards[i].instance.s));
        if (s && ip_parse(s, &c->net.forward_to[i], e) < 0)
            return -1;
    }
    return 0;
}

static inline int fwcase_load(const char *path, struct fwcase *ret, struct err *e)
{
    json_error_t je;
    const json_t *allow, *one;
    size_t i;

    *ret = (struct fwcase){ .tree = json_load_file(path, JSON_REJECT_DUPLICATES, &je) };
    if (!ret->tree)
        return err_set(e, ERR_INVALID, "%s:%d: %s", path, je.line, je.text);
    ret->net = (struct firewall_net){
        .network = &ret->network,
        .bridge = json_string_value(json_object_get(ret->tree, "bridge")),
        .seed_port = (uint16_t)json_integer_value(json_object_get(ret->tree, "seed-port")),
    };
    allow = json_object_get(ret->tree, "allow");
    json_array_foreach(allow, i, one) ret->net.allow[ret->net.n_allow++] = json_string_value(one);
    if (network_from_json(json_string_value(json_object_get(ret->tree, "name")),
                          json_object_get(ret->tree, "network"), &ret->network, e) < 0)
        return -1;
    return fwcase_addresses(ret, e);
}

static inline void fwcase_done(struct fwcase *c)
{
    json_decref(c->tree);
}

#endif
