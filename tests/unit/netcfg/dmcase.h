/* A network and its dnsmasq from a file: {"name", "network": its fleet form, "bridge", "user",
 * "group", "script", "reservations": [["web1", MAC, ADDRESS]…]}. For the goldens and
 * test_dnsmasq.py. */
#ifndef TESTS_UNIT_NETCFG_DMCASE_H
#define TESTS_UNIT_NETCFG_DMCASE_H

#include <stdlib.h>

#include "base/cleanup.h"
#include "netcfg/dnsmasq.h"

#define DMCASE_DIR "/var/lib/roost/networks/lab"
struct dmcase {
    json_t *tree;
    struct network network;
    struct dnsmasq_place place; /* dir: DMCASE_DIR */
    struct reservation *r;
    size_t n;
};

static inline int reservation_parse(const char *name, const char *mac, const char *ip,
                                    struct reservation *ret, struct err *e)
{
    if (name_parse(name, "instance name", &ret->name, e) < 0 || mac_parse(mac, &ret->mac, e) < 0)
        return -1;
    return ip_parse(ip, &ret->address, e);
}

static inline int dmcase_reservations(struct dmcase *c, struct err *e)
{
    const json_t *list = json_object_get(c->tree, "reservations"), *one;
    size_t i;

    c->r = calloc(json_array_size(list) + 1, sizeof *c->r);
    json_array_foreach(list, i, one)
    {
        if (reservation_parse(json_string_value(json_array_get(one, 0)),
                              json_string_value(json_array_get(one, 1)),
                              json_string_value(json_array_get(one, 2)), &c->r[c->n++], e) < 0)
            return -1;
    }
    return 0;
}

static inline int dmcase_load(const char *path, struct dmcase *ret, struct err *e)
{
    json_error_t je;

    *ret = (struct dmcase){ .tree = json_load_file(path, JSON_REJECT_DUPLICATES, &je) };
    if (!ret->tree)
        return err_set(e, ERR_INVALID, "%s:%d: %s", path, je.line, je.text);
    ret->place = (struct dnsmasq_place){
        .bridge = json_string_value(json_object_get(ret->tree, "bridge")),
        .dir = DMCASE_DIR,
        .user = json_string_value(json_object_get(ret->tree, "user")),
        .group = json_string_value(json_object_get(ret->tree, "group")),
        .script = json_string_value(json_object_get(ret->tree, "script")),
    };
    if (network_from_json(json_string_value(json_object_get(ret->tree, "name")),
                          json_object_get(ret->tree, "network"), &ret->network, e) < 0)
        return -1;
    return dmcase_reservations(ret, e);
}

static inline void dmcase_done(struct dmcase *c)
{
    json_decref(c->tree);
    free(c->r);
}

#endif
