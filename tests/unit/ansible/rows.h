/* Hosts from a file (YAML, or JSON by its name), for the goldens, and what the room makes of them:
 *   {known_hosts: PATH, ssh_key: PATH, hosts: [{name, ssh: ADDRESS:PORT, user, state, image,
 * network, scenario, groups: [NAME…], vars: {…}, keys: [LINE…]}…]} Everything but the name may be
 * missing. Texts are as the store would give them: unchecked here. */
#ifndef ANSIBLE_ROWS_H
#define ANSIBLE_ROWS_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ansible/dynamic.h"
#include "ansible/inventory.h"
#include "ansible/knownhosts.h"
#include "ansible/sshconfig.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/yaml.h"

struct rows {
    json_t *tree;
    struct host_defaults defaults;
};

/* One host with room for what it points at. */
struct row {
    struct host host;
    struct name groups[32];
    struct hostkey keys[HOSTKEY_TYPES];
};

static const char *const golden_files[] = { "inventory.yaml", "known_hosts", "ssh_config",
                                            "inventory.json" };
#define GOLDEN_FILES 4

static inline const char *rows_text(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));

    return s ? s : "";
}

static inline int rows_load(const char *path, struct rows *ret, struct err *e)
{
    const char *end = strrchr(path, '.');
    auto_buf struct buf text = { .cap = 256u << 20 };

    if (file_read(AT_FDCWD, path, 256u << 20, &text, e) < 0)
        return -1;
    if (end && !strcmp(end, ".json")) {
        if (!(ret->tree = json_loadb(buf_str(&text), text.len, 0, NULL)))
            return err_set(e, ERR_INVALID, "%s is not JSON", path);
    } else if (yaml_read(buf_str(&text), text.len, path, &ret->tree, NULL, e) < 0) {
        return -1;
    }
    ret->defaults = (struct host_defaults){ rows_text(ret->tree, "known_hosts"),
                                            rows_text(ret->tree, "ssh_key") };
    return 0;
}

static inline int row_read(const json_t *j, struct row *r, struct err *e)
{
    const json_t *groups = json_object_get(j, "groups"), *keys = json_object_get(j, "keys");
    const char *ssh = rows_text(j, "ssh");

    memset(r, 0, sizeof(*r));
    r->host = (struct host){ .user = rows_text(j, "user"),
                             .account = rows_text(j, "account"),
                             .account_key = rows_text(j, "account_key"),
                             .state = rows_text(j, "state"),
                             .image = rows_text(j, "image"),
                             .network = rows_text(j, "network"),
                             .scenario = rows_text(j, "scenario"),
                             .vars = json_object_get(j, "vars"),
                             .groups = r->groups,
                             .keys = r->keys };
    if (name_parse(rows_text(j, "name"), "instance name", &r->host.name, e) < 0 ||
        (*ssh && endpoint_parse(ssh, &r->host.ssh, e) < 0))
        return -1;
    for (size_t i = 0; i < json_array_size(groups) && i < ARRAY_SIZE(r->groups); i++)
        if (group_parse(json_string_value(json_array_get(groups, i)),
                        &r->groups[r->host.n_groups++], e) < 0)
            return -1;
    for (size_t i = 0; i < json_array_size(keys) && i < ARRAY_SIZE(r->keys); i++) {
        const char *line = json_string_value(json_array_get(keys, i));
        if (hostkey_parse(line, strlen(line), &r->keys[r->host.n_keys++], e) < 0)
            return -1;
    }
    return 0;
}

/* The generated files, in the order of golden_files. */
static inline int rows_render(const struct rows *rows, struct buf out[GOLDEN_FILES], struct err *e)
{
    struct inventory *v = inventory_new(&rows->defaults, e);
    struct dynamic *d = v ? dynamic_new(&rows->defaults, e) : NULL;
    const json_t *hosts = json_object_get(rows->tree, "hosts");
    struct row r;
    int bad = d ? 0 : -1;

    knownhosts_banner(&out[1]);
    sshconfig_banner(&out[2]);
    for (size_t i = 0; !bad && i < json_array_size(hosts); i++) {
        bad = row_read(json_array_get(hosts, i), &r, e) < 0 || inventory_add(v, &r.host, e) < 0 ||
              dynamic_add(d, &r.host, e) < 0;
        if (!bad) {
            knownhosts_add(&out[1], &r.host);
            sshconfig_add(&out[2], &r.host, &rows->defaults);
        }
    }
    if (bad) {
        inventory_free(v);
        dynamic_free(d);
        return -1;
    }
    bad = inventory_finish(v, &out[0], e);
    if (dynamic_finish(d, &out[3], e) < 0 || bad || buf_check(&out[1], e) < 0)
        return -1;
    return buf_check(&out[2], e);
}

#endif
