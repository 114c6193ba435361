/* What the fleet looks like to Ansible and ssh: one row per instance that was ever home. */
#ifndef ANSIBLE_HOST_H
#define ANSIBLE_HOST_H

#include <jansson.h>

#include "base/buf.h"
#include "model/addr.h"
#include "model/hostkey.h"
#include "model/name.h"

struct host {
    struct name name;
    /* where sshd answers; port 0: unknown, host is listed without an address */
    struct endpoint ssh;
    const char *user;            /* login; "" unknown */
    /* roost's own login there and its private key (a path); NULL or "": it has none. Ansible's way
     * in before `user`, unless vars say ansible_user; ssh_config is the operator's and without it */
    const char *account, *account_key;
    const char *state;           /* "homed" … */
    const char *image, *network; /* "" none */
    const char *scenario;        /* "" or NULL none */
    const struct name *groups;
    int n_groups;
    const json_t *vars;         /* object or NULL; checked keys */
    const struct hostkey *keys; /* may be NULL with n_keys 0 */
    int n_keys;
};

/* Settings that hold for all hosts. Paths are absolute, "" absent. */
struct host_defaults {
    const char *known_hosts; /* file */
    const char *ssh_key;     /* IdentityFile */
};

/* Whether an address is on record for it. */
bool host_is_found(const struct host *h);
/* Where ssh goes: `ssh`, at the port that the operator's ansible_port names where that is a number.
 * False: no address is on record, *ret is untouched. */
bool host_endpoint(const struct host *h, struct endpoint *ret);
/* Whether the address is the host's now. That of a stopped guest is only what it had last: a user
 * network's forward may have gone to another guest. */
bool host_holds_address(const struct host *h);
/* The comment at the top of each generated file. */
void host_banner(struct buf *out, const char *what);

#endif
