/* What the fleet looks like to Ansible and ssh: one row per instance that was ever home. */
#ifndef ANSIBLE_HOST_H
#define ANSIBLE_HOST_H

#include <jansson.h>

#include "model/addr.h"
#include "model/hostkey.h"
#include "model/name.h"

struct host {
    struct name name;
    struct endpoint ssh;     /* where sshd answers; port 0: unknown, host is listed without an address */
    const char *user;        /* login; "" unknown */
    const char *state;       /* "homed" … */
    const char *image, *network; /* "" none */
    const struct name *groups;
    int n_groups;
    const json_t *vars;      /* object or NULL; checked keys */
    const struct hostkey *keys; /* may be NULL with n_keys 0 */
    int n_keys;
};

/* Settings that hold for all hosts. Paths are absolute, "" absent. */
struct host_defaults {
    const char *known_hosts; /* file */
    const char *ssh_key;     /* IdentityFile */
};

#endif
