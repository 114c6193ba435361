/* Documents that `roost ansible init` writes once, for people to edit. Pure: text only; whoever
 * saves them never replaces one that is there. */
#ifndef ANSIBLE_INIT_H
#define ANSIBLE_INIT_H

#include "base/buf.h"

enum init_for {
    INIT_FLEET,    /* DIR_ANSIBLE: site.yaml, ansible.cfg */
    INIT_INSTANCE, /* an instance's directory: inventory.yaml, ansible.cfg, deploy.yaml */
};

/* Paths are absolute. */
struct init_what {
    enum init_for for_;
    const char *instance;   /* name, of INIT_INSTANCE */
    const char *inventory;  /* the fleet's default of -i: generated/inventory.yaml */
    const char *ssh_config; /* generated/ssh_config: how an instance's own inventory finds it, so
                               that the document stays right when addresses change */
    const char *known_hosts;
    const char *ssh_key; /* "" none */
};

#define INIT_SITE      "site.yaml"
#define INIT_CFG       "ansible.cfg"
#define INIT_INVENTORY "inventory.yaml"
#define INIT_DEPLOY    "deploy.yaml" /* in an instance's directory: what runs for it */
#define INIT_DOCS_MAX  3

struct init_doc {
    const char *file;
    struct buf text; /* buf_done() by the caller */
};
/* Fills docs[0 … n-1] and returns n; -1 with all of them empty. */
int init_render(const struct init_what *w, struct init_doc docs[INIT_DOCS_MAX], struct err *e);

#endif
