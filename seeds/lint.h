/* Traps in an operator's user-data or vendor-data: it goes to the guest as it is, and cloud-init says little when
 * it leaves something out. Beside what userdata_inspect() finds. */
#ifndef SEEDS_LINT_H
#define SEEDS_LINT_H

#include <jansson.h>
#include <stddef.h>

/* Called for each finding, one sentence without a full stop, with the line where it has one. */
typedef void lint_fn(const char *text, void *arg);

/* `vars` are what stands under roost: in meta-data (an object, NULL: none), for
 * {{ ds.meta_data.roost.NAME }} that is used but not set. What is gzipped is not looked into, the
 * parts of a MIME document are ("part 2, line 3: …"). At most 16 findings. */
void lint_user_data(const char *data, size_t len, const json_t *vars, lint_fn *fn, void *arg);
/* The same for a network-config: what newer clients warn of or drop. */
void lint_network_config(const char *data, size_t len, lint_fn *fn, void *arg);

#endif
