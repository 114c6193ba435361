/* The static inventory (Ansible's "yaml" inventory plugin). Text that came from a guest or an operator
 * can never become a template: values that hold "{{", "{%" or "{#" are tagged !unsafe. Sorted, no timestamps,
 * with a banner. Rows are added one by one in order of name, so that a large fleet needs no tree of itself. */
#ifndef ANSIBLE_INVENTORY_H
#define ANSIBLE_INVENTORY_H

#include "ansible/host.h"
#include "base/buf.h"

struct inventory;
struct inventory *inventory_new(const struct host_defaults *d, struct err *e);
int inventory_add(struct inventory *v, const struct host *h, struct err *e);
/* The whole document; the inventory is freed, also on failure. */
int inventory_finish(struct inventory *v, struct buf *out, struct err *e);
void inventory_free(struct inventory *v);

#endif
