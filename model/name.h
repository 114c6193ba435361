/* Names of instances, networks, images, identities and scenarios; Ansible group names.
 * A value of these types cannot hold anything but its checked form. */
#ifndef MODEL_NAME_H
#define MODEL_NAME_H

#include <stddef.h>

#include "base/err.h"

#define NAME_MAX_LEN 63
struct name {
    char s[NAME_MAX_LEN + 1];
};

/* [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])? , RFC 1123 label in lower case. `what` is for the message:
 * "instance name". */
int name_parse(const char *s, const char *what, struct name *ret, struct err *e);

/* The same for an instance; `all`, `ungrouped` and `localhost` are refused: an inventory has other
 * uses for them. */
int instance_name_parse(const char *s, struct name *ret, struct err *e);

/* Ansible group: [A-Za-z_][A-Za-z0-9_]{0,62}; `all`, `ungrouped` and `localhost` are refused. */
int group_parse(const char *s, struct name *ret, struct err *e);

/* DNS domain: labels of [a-z0-9-], at most 253 bytes; out has 254. */
#define DOMAIN_MAX_LEN 253
int domain_parse(const char *s, char ret[DOMAIN_MAX_LEN + 1], struct err *e);

#endif
