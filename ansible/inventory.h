/* The static inventory (Ansible's "yaml" inventory plugin). Sorted, no timestamps, with a banner.
 *
 * Templates: an operator's vars are his own, so "{{ }}" in them works as it does in any inventory
 * (whoever writes them writes the fleet file too). Nothing else can become one: what a guest said
 * is here only as checked types (addresses), the rest are names, and free text (user, paths) is
 * tagged !unsafe unless it is plainly none.
 *
 * Variables: roost's own (how a host is verified, where it is, roost_*) win over vars of the same
 * name, which are left out with a comment; ansible_user and ansible_port are the operator's to
 * override.
 *
 * Groups: the fleet's, and image_NAME, network_NAME, scenario_NAME, state_NAME ("-" is "_" there,
 * so that no two names meet). Where the fleet has a group of such a name it alone stands, with a
 * comment: its members are whom the operator put there and nobody else. */
#ifndef ANSIBLE_INVENTORY_H
#define ANSIBLE_INVENTORY_H

#include "ansible/host.h"
#include "base/buf.h"

struct inventory;
/* Copies what it needs. ERR_INVALID: a path that ssh cannot be told. */
struct inventory *inventory_new(const struct host_defaults *d, struct err *e);
/* Rows in order of name (strcmp), each once, so that a large fleet needs no tree of itself. */
int inventory_add(struct inventory *v, const struct host *h, struct err *e);
/* The whole document; the inventory is freed, also on failure. */
int inventory_finish(struct inventory *v, struct buf *out, struct err *e);
void inventory_free(struct inventory *v);

#endif
