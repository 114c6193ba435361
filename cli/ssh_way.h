/* The way to a guest by OpenSSH's programs: its address, and its host keys as it phoned them home.
 */
#ifndef CLI_SSH_WAY_H
#define CLI_SSH_WAY_H

#include "base/spawn.h"
#include "cli/cli.h"

struct ssh_way {
    char host[64], port[8];
    bool ip6;
};

/* Adds to a command line of ssh(1) or scp(1) what makes it reach the guest, believe nobody but it,
 * and log in: options of ssh_config(5), -i, and the person's --identity and --login. ERR_CONFLICT:
 * it has no address, or no keys on record. */
int ssh_way(struct cli *c, const struct args *a, const char *name, struct argv *v,
            struct ssh_way *ret, struct err *e);

#endif
