/* The body of cloud-init's phone_home POST (cc_phone_home): application/x-www-form-urlencoded
 * fields pub_key_dsa, pub_key_rsa, pub_key_ecdsa, pub_key_ed25519, instance_id, hostname, fqdn. */
#ifndef SEEDS_HOMECOMING_H
#define SEEDS_HOMECOMING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "model/hostkey.h"
#include "model/instance.h"

#define HOMECOMING_BODY_MAX 65536

struct homecoming {
    char iid[IID_MAX + 1]; /* as the guest says */
    char hostname[DOMAIN_MAX_LEN +
                  1]; /* checked: letters, digits, '-', '.'; "" when it was not that */
    char fqdn[DOMAIN_MAX_LEN + 1];
    bool has[HOSTKEY_TYPES];
    struct hostkey keys[HOSTKEY_TYPES]; /* where has[] */
};

/* Unknown fields are ignored, "N/A" and empty keys are absent, a doubled field, a key that is not a
 * key of that field's type, a missing or malformed instance_id or no key at all: ERR_INVALID, and
 * *ret is empty. */
int homecoming_parse(const char *body, size_t len, struct homecoming *ret, struct err *e);

#endif
