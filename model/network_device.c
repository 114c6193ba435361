/* The devices of a network on the host: computed, so that nothing has to remember them. */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/parse.h"
#include "model/network.h"

int ifname_parse(const char *s, char ret[IFNAME_SIZE], struct err *e)
{
    size_t len = strnlen(s, IFNAME_SIZE);
    bool ok = len > 0 && len < IFNAME_SIZE && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;

    /* The kernel takes bytes beyond ASCII too; nobody's interface is called so, and they would
     * travel into messages and files. '%' stands for a number that the kernel picks
     * (dev_alloc_name()). */
    for (size_t i = 0; ok && i < len; i++)
        ok = s[i] > 0x20 && s[i] < 0x7f && !strchr("/:%\"'\\", s[i]);
    if (!ok)
        return err_set(e, ERR_INVALID,
                       "interface name \"%.40s\": expected 1 to 15 characters without '/', ':', "
                       "'%%', quotes and spaces, such as eth0",
                       s);
    memcpy(ret, s, len + 1);
    return 0;
}

#define PREFIX      "rb-"
#define BRIDGE_NAME (IFNAME_SIZE - 1 - 3) /* bytes of a network's name that fit */
#define HEAD        4                     /* of a longer one, before '-' and the letters */
#define LETTERS     7                     /* 26^7: 33 bits */

/* A name that somebody could take for a cut one is cut as well: so no name is that of another's
 * bridge. */
static bool looks_cut(const char *s)
{
    bool letters = strlen(s) == HEAD + 1 + LETTERS && s[HEAD] == '-';

    for (int i = HEAD + 1; letters && s[i]; i++)
        letters = s[i] >= 'a' && s[i] <= 'z';
    return letters;
}

void network_bridge(const struct name *network, char ret[IFNAME_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    char letters[LETTERS + 1] = "";
    uint64_t n = 0;

    if (strlen(network->s) <= BRIDGE_NAME && !looks_cut(network->s)) {
        snprintf(ret, IFNAME_SIZE, PREFIX "%.*s", BRIDGE_NAME, network->s);
        return;
    }
    sha256(network->s, strlen(network->s), digest);
    for (int i = 0; i < 8; i++)
        n = n << 8 | digest[i];
    for (int i = 0; i < LETTERS; i++, n /= 26)
        letters[i] = (char)('a' + n % 26);
    snprintf(ret, IFNAME_SIZE, PREFIX "%.*s-%s", HEAD, network->s, letters);
}

void network_tap(const struct mac *guest, char ret[IFNAME_SIZE])
{
    char hex[2 * sizeof guest->b + 1];

    hex_encode(guest->b, sizeof guest->b, hex);
    snprintf(ret, IFNAME_SIZE, "rt%s", hex);
}

void network_bridge_mac(const uint8_t salt[16], const struct name *network, struct mac *ret)
{
    static const char purpose[] = "roost-bridge-1"; /* with its NUL: no name runs into it */
    uint8_t text[sizeof purpose + NAME_MAX_LEN], digest[SHA256_SIZE];
    size_t len = strnlen(network->s, NAME_MAX_LEN);

    memcpy(text, purpose, sizeof purpose);
    memcpy(text + sizeof purpose, network->s, len);
    hmac_sha256(salt, 16, text, sizeof purpose + len, digest);
    ret->b[0] = 0x02; /* locally administered, of one station (IEEE 802 section 8.2) */
    memcpy(ret->b + 1, digest, sizeof ret->b - 1);
}

void network_tap_mac(const struct mac *guest, struct mac *ret)
{
    *ret = *guest;
    ret->b[0] = 0xfe;
}
