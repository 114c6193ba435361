/* Ansible on homecoming: what the nouns of it share (core_group.c, core_job.c, core_run.c and
 * theirs). */
#ifndef SERVER_CORE_ANSIBLE_H
#define SERVER_CORE_ANSIBLE_H

#include "model/groupdef.h"
#include "server/core_priv.h"

#define PLAYBOOK_DEFAULT "site.yaml"

/* --- core_group.c --- */
int groups_load(struct core *c, struct err *e); /* also again: memory follows the record */
void groups_unload(struct core *c);
const struct groupdef *core_group(const struct core *c, const char *name); /* NULL: none */
int core_group_put(struct core *c, const struct groupdef *g, struct err *e);
/* Its groups' where they say it (the most careful one), else its network's, else [ansible]. */
enum trigger core_trigger(const struct core *c, const struct spec *s);
/* Its own, else that of its groups (apply refuses two), else PLAYBOOK_DEFAULT. */
const char *core_playbook(const struct core *c, const struct spec *s);

#endif
