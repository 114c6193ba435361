/* The dynamic inventory (Ansible: "Developing dynamic inventory", JSON with _meta): the same hosts,
 * variables and groups as inventory.h, as roost-inventory(1) prints them. Ansible reads this in
 * half the time of YAML, and a fifth of the memory. What must never be a template is
 * {"__ansible_unsafe": TEXT}. */
#ifndef ANSIBLE_DYNAMIC_H
#define ANSIBLE_DYNAMIC_H

#include "ansible/host.h"
#include "base/buf.h"

struct dynamic;
/* As their likes in inventory.h. */
struct dynamic *dynamic_new(const struct host_defaults *d, struct err *e);
int dynamic_add(struct dynamic *v, const struct host *h, struct err *e);
int dynamic_finish(struct dynamic *v, struct buf *out, struct err *e);
void dynamic_free(struct dynamic *v);

#endif
