/* One run of ansible-playbook: what it is to do, rendered as arguments and environment. Pure.
 *
 * What a person's ansible.cfg beside the playbook may not take away (roost's outcome plugin, strict
 * host keys, where connections are shared) is said by the environment, which comes before every
 * ansible.cfg (Ansible: "Ansible Configuration Settings", precedence). */
#ifndef ANSIBLE_RUN_H
#define ANSIBLE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/spawn.h"
#include "model/name.h"

#define RUN_TAGS_MAX  16
#define RUN_FORKS_MAX 500

/* Paths are absolute. "" or NULL: not said, where a field allows it. */
struct ansible_run {
    const char *program;            /* "ansible-playbook", or a path */
    const char *playbook;           /* file */
    const char *directory;          /* the playbook's: working directory; its roles/ is looked in */
    const char *const *inventories; /* in order, later ones win; NULL-terminated */
    const char *limit;              /* file of ansible_limit_render(); "" all hosts */
    const char *cfg;                /* ansible.cfg; "" none but the environment */
    const char *plugins;            /* directory of plugin_write() */
    const char *known_hosts;
    const char *ssh_key;     /* "" whatever the inventory says */
    const char *control_dir; /* for ssh's shared connections; short (at most RUN_CONTROL_MAX bytes):
                                a socket's path has 108; "" none are shared */
    const char *tmp;         /* Ansible's own temporary files */
    const char *const *tags; /* NULL-terminated; NULL all */
    const char *const *skip_tags;
    bool check, diff;   /* --check, --diff */
    bool syntax_check;  /* reads the playbook, touches no host */
    unsigned forks;     /* 1 to RUN_FORKS_MAX; 0: Ansible's default */
    unsigned verbosity; /* 0 to 4 */
    unsigned connect_s; /* ssh's ConnectTimeout; 0: Ansible's default */
    int64_t task_ms;    /* limit of one task on one host, so that a host that hangs fails alone and
                           does not hold the others until the whole run's limit; 0 none */
    const char *const *extra; /* further arguments, as they are; NULL-terminated or NULL */
};
#define RUN_CONTROL_MAX 70

/* A tag as an operator may name it: letters, digits, '_', '-', '.', ':', at most 64. */
int run_tag_check(const char *tag, struct err *e);

/* Appends program and arguments. ERR_INVALID, ERR_TOO_BIG: which field, and what would be right. */
int ansible_argv_render(const struct ansible_run *r, struct argv *a, struct err *e);
/* The whole environment as "NAME=value" strings, NULL-terminated in env->v: of `from` (environ(7))
 * what a person's Ansible, ssh and agent need (PATH, HOME, USER, TZ, proxies, certificates …) and
 * no ANSIBLE_*, then roost's; the locale is C.UTF-8, since Ansible refuses others than UTF-8. The
 * outcome plugin writes to descriptor outcome_fd. */
int ansible_env_render(const struct ansible_run *r, const char *const *from, int outcome_fd,
                       struct argv *env, struct err *e);
/* The file behind --limit: a name per line; an argument could hold 2,000 of them only. */
void ansible_limit_render(const struct name *hosts, int n, struct buf *out);

#endif
