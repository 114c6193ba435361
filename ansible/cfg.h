/* ansible.cfg (Ansible: "Ansible Configuration Settings"), for people's own ansible-playbook in the
 * fleet's or a guest's directory, and for roost's runs where a playbook brings none. */
#ifndef ANSIBLE_CFG_H
#define ANSIBLE_CFG_H

#include <stdbool.h>

#include "base/buf.h"

/* Paths are absolute; "" leaves the line out. */
struct ansible_cfg {
    const char *inventory; /* the default of -i: a file or the dynamic inventory program */
    const char *known_hosts;
    const char *ssh_key;
    const char *plugins;     /* callback plugins, the directory of plugin_write() */
    const char *remote_user; /* where the inventory names none */
    unsigned forks;          /* 0: 10 */
    unsigned connect_s;      /* 0: 15 */
    bool become;             /* tasks become root unless they say otherwise */
};

/* 0 when ansible.cfg can hold the path as it is: absolute, no control characters, no " ;" (a
 * comment), '$' or "{{" (Ansible expands them), and for a list no ':'. ERR_INVALID names it. */
int cfg_path_check(const char *path, struct err *e);
int ansible_cfg_render(const struct ansible_cfg *c, struct buf *out, struct err *e);

#endif
