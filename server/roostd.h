/* roostd as a program: options, configuration, then a run of the supervisor. */
#ifndef SERVER_ROOSTD_H
#define SERVER_ROOSTD_H

#include "server/supervise.h"

struct roostd {
    struct loop *loop;
    struct config config;
    char libexec[PATH_SIZE];
    bool single, version, help, check, print_config, print_defaults;
    char *const *argv;
};

/* Reads options and configuration. 0; -1: ERR_INVALID with what is wrong. */
int roostd_options(int argc, char **argv, struct roostd *ret, struct err *e);

/* How the roles are brought to life: as processes, or within this one (server/single.c). */
struct roostd_roles {
    const char *name; /* of this process in the log */
    /* The ops' object, *ret_ops inside it. */
    void *(*make)(struct roostd *d, const struct place *p, const struct role_ops **ret_ops,
                  struct err *e);
    void (*attach)(void *roles, struct supervisor *s);
    void (*free)(void *roles);
};
/* From options to exit code. */
int roostd_run(int argc, char **argv, const struct roostd_roles *roles);

int roostd_main(int argc, char **argv);
int single_main(int argc, char **argv);

#endif
