/* An account to create in guests. */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include <jansson.h>
#include <stdbool.h>

#include "model/hostkey.h"
#include "model/name.h"

#define IDENTITY_KEYS_MAX 64
struct identity {
    /* the account's login, useradd's rules: [a-z_][a-z0-9_-]{0,31} within struct name */
    struct name name;
    char **public_keys; /* checked one-line keys with comment */
    int n_public_keys;
    char *password_hash; /* crypt(5): yescrypt, sha512crypt …; NULL: locked */
    char *gecos, *shell, *home,
        *sudo; /* NULL: default; sudo is a rule such as "ALL=(ALL) NOPASSWD:ALL" */
    struct name *groups;
    int n_groups;
};

void identity_done(struct identity *i);
/* From the fleet form: {public-keys: [KEY…], password-hash: …, gecos, shell, home, groups, sudo:
 * true|RULE}. Keys must be key lines here (a client has read the files); a key that is there twice
 * counts once. `sudo: true` is "ALL=(ALL) NOPASSWD:ALL". Messages begin with "/identities/NAME/…"
 * and never hold the password hash, which may be a password that stands in the wrong place. */
int identity_from_json(const char *name, const json_t *j, struct identity *ret, struct err *e);
/* Canonical, without the name; identity_from_json() reads it back. New reference. */
json_t *identity_to_json(const struct identity *i);

/* Why key number k is weak, as a sentence that begins with "public key …" (its number from 1, its
 * comment); NULL: it is fine. */
const char *identity_weak_key(const struct identity *i, int k, char out[320]);
/* What may be told of it: the canonical form with "(set)" in place of the password hash, and beside
 * it keys: [{type, bits, fingerprint, comment, weakness}]. New reference. */
json_t *identity_view(const struct identity *i);

/* The login alone, as instances refer to it. */
int identity_name_parse(const char *s, struct name *ret, struct err *e);
/* identity_from_json() for a caller who knows where j stands (model/spot.h). */
struct spot;
int identity_read(const char *name, const json_t *j, const struct spot *at, struct identity *ret,
                  struct err *e);

#endif
