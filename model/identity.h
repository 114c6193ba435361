/* An account to create in guests. */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include <jansson.h>
#include <stdbool.h>

#include "model/hostkey.h"
#include "model/name.h"

#define IDENTITY_KEYS_MAX 64
struct identity {
    struct name name;      /* the account's login, useradd's rules: [a-z_][a-z0-9_-]{0,31} within struct name */
    char **public_keys;    /* checked one-line keys with comment */
    int n_public_keys;
    char *password_hash;   /* crypt(5): yescrypt, sha512crypt …; NULL: locked */
    char *gecos, *shell, *home, *sudo; /* NULL: default; sudo is a rule such as "ALL=(ALL) NOPASSWD:ALL" */
    struct name *groups;
    int n_groups;
};

void identity_done(struct identity *i);
/* From the fleet form: {public-keys: [KEY…], password-hash: …, gecos, shell, home, groups, sudo: true|RULE}.
 * Keys must be key lines here (a client has read the files). Messages name `pointer` + field. */
int identity_from_json(const char *name, const json_t *j, struct identity *ret, struct err *e);
json_t *identity_to_json(const struct identity *i); /* canonical; new reference */

#endif
