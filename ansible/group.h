/* Groups of the inventory and who is in them, by name. */
#ifndef ANSIBLE_GROUP_H
#define ANSIBLE_GROUP_H

#include <stdbool.h>

#include "ansible/host.h"
#include "base/buf.h"

enum group_kind {
    GROUP_FLEET, /* the operator's */
    GROUP_ROOST, /* made from image, network, state */
};

struct groups;
struct groups *groups_new(struct err *e);
void groups_free(struct groups *g); /* NULL is fine */

/* Puts a host into a group. A group of the fleet takes the place of roost's of the same name. */
int groups_add(struct groups *g, enum group_kind kind, const char *group, const char *host,
               struct err *e);
/* Into the fleet's groups that it is in, and roost's: image_NAME, network_NAME, scenario_NAME and
 * state_NAME, with "_" for every "-" (Ansible takes no other mark in a group's name). */
int groups_add_host(struct groups *g, const struct host *h, struct err *e);
/* All groups by name, hosts in the order in which they came, as members of a YAML mapping. */
void groups_put(const struct groups *g, int indent, struct buf *out);
/* The same as further members of a JSON object: ",\n  "NAME": {"hosts": […]}" each. */
void groups_put_json(const struct groups *g, struct buf *out);
bool groups_empty(const struct groups *g);

/* "NAME:" as a key of a YAML mapping, quoted where YAML 1.1 would read anything but text. For names
 * of instances and groups only. */
void group_put_key(struct buf *out, int indent, const char *name);

#endif
