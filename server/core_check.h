/* Between the files of `roost check`. */
#ifndef SERVER_CORE_CHECK_H
#define SERVER_CORE_CHECK_H

#include "server/core_priv.h"

/* level: "ok", "warn", "error". */
void check_row(json_t *list, const char *name, const char *level, const char *detail,
               const char *mend);
bool check_in_path(const char *program); /* or is it a path that can be executed? */

/* core_check_machines.c: what the images on record ask for beside this host's own QEMU. */
void check_machines(struct core *c, json_t *list);

#endif
