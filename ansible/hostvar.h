/* What roost says about a host in Ansible's variables: one walk for every form of inventory. */
#ifndef ANSIBLE_HOSTVAR_H
#define ANSIBLE_HOSTVAR_H

#include <stdbool.h>

#include "ansible/host.h"

enum hostvar_kind { HOSTVAR_TEXT, HOSTVAR_NUMBER, HOSTVAR_TRUE };

struct hostvar {
    const char *name;
    enum hostvar_kind kind;
    const char *text; /* never to be a template; hostvar_may_be_template() */
    unsigned number;
};

struct hostvars;
/* Copies what it needs. ERR_INVALID: a path that ssh cannot be told. */
struct hostvars *hostvars_new(const struct host_defaults *d, struct err *e);
void hostvars_free(struct hostvars *s); /* NULL is fine */

/* Calls fn for each in the same order always; it returns 0 to go on. ansible_user and ansible_port
 * are left out where the host's own vars have them. */
typedef int hostvar_fn(const struct hostvar *v, void *arg, struct err *e);
int hostvars_walk(const struct hostvars *s, const struct host *h, hostvar_fn *fn, void *arg,
                  struct err *e);

/* The operator's, less those that are roost's to say: new reference, NULL without memory. For each
 * that was left out `left_out` is called, which may be NULL. */
json_t *hostvars_theirs(const struct host *h, void (*left_out)(const char *name, void *arg),
                        void *arg);

/* Jinja needs a brace, or a "#jinja2:" header that names other marks. */
bool hostvar_may_be_template(const char *text);

#endif
