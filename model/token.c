#include "model/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const purposes[TOKEN_PURPOSES] = {
    [TOKEN_SEED] = "seed",
    [TOKEN_POST] = "post",
};

void token_derive(struct hmac_key *key, enum token_purpose purpose, const char *iid, uint32_t epoch,
                  struct token *ret)
{
    uint8_t mac[SHA256_SIZE];
    char text[256];
    int len = snprintf(text, sizeof text, "roost-token-1%c%s%c%s%c%u", 0, purposes[purpose], 0, iid,
                       0, epoch);

    /* An instance-id has at most 84 bytes. One that were cut would share its token with others. */
    if (len < 0 || (size_t)len >= sizeof text)
        abort();
    hmac_key_mac(key, text, (size_t)len, mac);
    hex_encode(mac, TOKEN_LEN / 2, ret->s);
    explicit_bzero(mac, sizeof mac);
}

int token_parse(const char *s, size_t len, struct token *ret)
{
    struct token t = { 0 };

    if (len != TOKEN_LEN)
        return -1;
    for (size_t i = 0; i < len; i++)
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
            return -1;
    memcpy(t.s, s, len);
    *ret = t;
    return 0;
}

bool token_equal(const struct token *a, const struct token *b)
{
    return equal_secret(a->s, b->s, TOKEN_LEN);
}
