/* Documents that `roost ansible init` writes once, for people to edit. Pure: text only; whoever
 * saves them never replaces one that is there. */
#ifndef ANSIBLE_INIT_H
#define ANSIBLE_INIT_H

#include <sys/types.h>

#include "base/buf.h"

enum init_for {
    INIT_FLEET,    /* the fleet's directory: site.yaml, ansible.cfg, roost-inventory */
    INIT_INSTANCE, /* an instance's directory: inventory.yaml, ansible.cfg, deploy.yaml */
};

/* Paths are absolute. */
struct init_what {
    enum init_for for_;
    const char *directory;  /* where they will lie */
    const char *state;      /* the state directory */
    const char *instance;   /* name, of INIT_INSTANCE; else "" */
    const char *inventory;  /* the fleet's default of -i: generated/inventory.yaml */
    const char *program;    /* roost-inventory, a path or a name */
    const char *ssh_config; /* generated/ssh_config: how an instance's own inventory finds it, so
                               that the document stays right when addresses change */
    const char *known_hosts;
    const char *ssh_key; /* "" none */
};

#define INIT_SITE      "site.yaml"
#define INIT_CFG       "ansible.cfg"
#define INIT_PROGRAM   "roost-inventory" /* so that `-i roost-inventory` is right in there */
#define INIT_INVENTORY "inventory.yaml"
#define INIT_DEPLOY    "deploy.yaml" /* in an instance's directory: what runs for it */
#define INIT_DOCS      3

struct init_doc {
    const char *file;
    mode_t mode;
    struct buf text; /* buf_done() by the caller */
};
/* Fills all of docs; -1 with all of them empty (a path that cannot be told to Ansible). */
int init_render(const struct init_what *w, struct init_doc docs[INIT_DOCS], struct err *e);

#endif
