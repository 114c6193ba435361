#include "netcfg/step.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "netcfg/sysctl.h"

enum { LINE_MAX_LEN = 160, WORDS_MAX = 8, MTU_MIN = 68 /* RFC 791 */, VLAN_MAX = 4094 };

enum field { F_END, F_DEVICE, F_PARENT, F_MAC, F_MTU, F_ID, F_NET, F_IP, F_PORT, F_KEY, F_VALUE };

/* Whose may the device be? */
enum owner {
    OWNER_NONE,
    OWNER_BRIDGE = 1,  /* a bridge of ours */
    OWNER_VLAN = 2,    /* a VLAN link of ours */
    OWNER_FOREIGN = 4, /* one that is not ours */
};

static const struct kind {
    const char *name;
    unsigned device, parent; /* enum owner, or'ed */
    enum field fields[5];    /* after the name, in order */
} kinds[STEP_KINDS] = {
    [STEP_VLAN] = { "vlan", OWNER_VLAN, OWNER_FOREIGN, { F_DEVICE, F_PARENT, F_ID, F_MTU } },
    [STEP_BRIDGE] = { "bridge", OWNER_BRIDGE, OWNER_NONE, { F_DEVICE, F_MAC, F_MTU } },
    [STEP_ADDRESS] = { "address", OWNER_BRIDGE, OWNER_NONE, { F_DEVICE, F_NET } },
    [STEP_MOVE] = { "move", OWNER_BRIDGE, OWNER_FOREIGN, { F_DEVICE, F_PARENT } },
    [STEP_PORT] = { "port", OWNER_BRIDGE, OWNER_FOREIGN | OWNER_VLAN, { F_DEVICE, F_PARENT } },
    [STEP_SYSCTL] = { "sysctl", OWNER_NONE, OWNER_NONE, { F_KEY, F_VALUE } },
    [STEP_RULES] = { "rules", OWNER_BRIDGE | OWNER_FOREIGN, OWNER_NONE, { F_DEVICE } },
    [STEP_LISTEN] = { "listen",
                      OWNER_BRIDGE | OWNER_FOREIGN,
                      OWNER_NONE,
                      { F_DEVICE, F_IP, F_PORT } },
    [STEP_DNSMASQ] = { "dnsmasq", OWNER_BRIDGE | OWNER_FOREIGN, OWNER_NONE, { F_DEVICE } },
    [STEP_RESOLVED] = { "resolved", OWNER_BRIDGE | OWNER_FOREIGN, OWNER_NONE, { F_DEVICE } },
};

/* The word in front of a field; NULL: it stands alone. */
static const char *const keywords[] = {
    [F_PARENT] = "parent", [F_MAC] = "mac", [F_MTU] = "mtu", [F_ID] = "id", [F_VALUE] = NULL,
};

const char *step_kind_name(enum step_kind k)
{
    return k < STEP_KINDS ? kinds[k].name : "unknown";
}

/* --- writing --------------------------------------------------------------------------------- */

static void put_field(const struct step *s, enum field f, struct buf *out)
{
    char text[IP_TEXT];

    if (keywords[f])
        buf_printf(out, " %s", keywords[f]);
    switch (f) {
    case F_DEVICE:
        buf_printf(out, " %s", s->device);
        break;
    case F_PARENT:
        buf_printf(out, " %s", s->parent);
        break;
    case F_MAC:
        buf_printf(out, " %s", mac_format(&s->mac, text));
        break;
    case F_MTU:
        buf_printf(out, " %u", s->mtu);
        break;
    case F_ID:
        buf_printf(out, " %u", s->vlan);
        break;
    case F_NET:
        buf_printf(out, " %s/%u", ip_format(&s->address, text), s->prefix);
        break;
    case F_IP:
        buf_printf(out, " %s", ip_format(&s->address, text));
        break;
    case F_PORT:
        buf_printf(out, " %u", s->port);
        break;
    case F_KEY:
        buf_printf(out, " %s", s->key);
        break;
    case F_VALUE:
        buf_printf(out, " %s", s->value);
        break;
    case F_END:
        break;
    }
}

void step_format(const struct step *s, struct buf *out)
{
    const struct kind *k = &kinds[s->kind];

    buf_puts(out, k->name);
    for (const enum field *f = k->fields; *f != F_END; f++)
        put_field(s, *f, out);
}

/* --- reading --------------------------------------------------------------------------------- */

/* Of our names only letters, digits and hyphens come behind the prefix (network_bridge()). */
static bool is_ours(const char *device, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(device, prefix, len) == 0 && device[len] &&
           strspn(device + len, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(device + len);
}

static enum owner owner_of(const char *device)
{
    if (is_ours(device, "rb-"))
        return OWNER_BRIDGE;
    if (is_ours(device, "rv-"))
        return OWNER_VLAN;
    /* Guests' taps, and the host's loopback. */
    if (strncmp(device, "rt", 2) == 0 && strlen(device) == 14 &&
        strspn(device + 2, "0123456789abcdef") == 12)
        return OWNER_NONE;
    return strcmp(device, "lo") == 0 ? OWNER_NONE : OWNER_FOREIGN;
}

static int read_device(const char *word, unsigned allowed, char ret[IFNAME_SIZE], struct err *e)
{
    if (ifname_parse(word, ret, e) < 0)
        return -1;
    if (!(owner_of(ret) & allowed))
        return err_set(e, ERR_INVALID, "device %s is none that this step may name", ret);
    return 0;
}

static int read_number(const char *word, uint64_t min, uint64_t max, uint16_t *ret, struct err *e)
{
    uint64_t v;

    if (parse_u64(word, min, max, &v, e) < 0)
        return -1;
    *ret = (uint16_t)v;
    return 0;
}

static int read_address(const char *word, struct ip *ret, struct err *e)
{
    if (ip_parse(word, ret, e) < 0)
        return -1;
    if (!ip_is_usable(ret))
        return err_set(e, ERR_INVALID, "address %s is none that a device can have", word);
    return 0;
}

static int read_net(const char *word, struct step *ret, struct err *e)
{
    const char *slash = strchr(word, '/');
    char text[IP_TEXT];
    uint64_t prefix;

    if (!slash || slash - word >= IP_TEXT)
        return err_set(e, ERR_INVALID, "\"%.60s\": expected ADDRESS/PREFIX", word);
    snprintf(text, sizeof(text), "%.*s", (int)(slash - word), word);
    if (read_address(text, &ret->address, e) < 0 ||
        parse_u64(slash + 1, 1, ret->address.family == 4 ? 32 : 128, &prefix, e) < 0)
        return -1;
    ret->prefix = (uint8_t)prefix;
    return 0;
}

static int read_text(const char *word, char *ret, size_t size, struct err *e)
{
    if (strlen(word) >= size)
        return err_set(e, ERR_INVALID, "\"%.60s\" is too long", word);
    memcpy(ret, word, strlen(word) + 1);
    return 0;
}

static int read_field(const struct kind *k, enum field f, const char *word, struct step *ret,
                      struct err *e)
{
    switch (f) {
    case F_DEVICE:
        return read_device(word, k->device, ret->device, e);
    case F_PARENT:
        return read_device(word, k->parent, ret->parent, e);
    case F_MAC:
        return mac_parse(word, &ret->mac, e);
    case F_MTU:
        return read_number(word, MTU_MIN, UINT16_MAX, &ret->mtu, e);
    case F_ID:
        return read_number(word, 1, VLAN_MAX, &ret->vlan, e);
    case F_NET:
        return read_net(word, ret, e);
    case F_IP:
        return read_address(word, &ret->address, e);
    case F_PORT:
        return read_number(word, 1, UINT16_MAX, &ret->port, e);
    case F_KEY:
        return read_text(word, ret->key, sizeof(ret->key), e);
    case F_VALUE:
        return read_text(word, ret->value, sizeof(ret->value), e);
    case F_END:
        break;
    }
    return err_set(e, ERR_INTERNAL, "step: no such field");
}

/* Cuts at single spaces. Returns the number of words, WORDS_MAX + 1 when there are more. */
static int cut_words(char *line, char *words[WORDS_MAX])
{
    int n = 0;

    for (char *save = NULL, *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        if (n == WORDS_MAX)
            return WORDS_MAX + 1;
        words[n++] = w;
    }
    return n;
}

static int read_words(char *const *words, int n, struct step *ret, struct err *e)
{
    const struct kind *k = kinds;
    int at = 1;

    while (k < kinds + STEP_KINDS && (n < 1 || strcmp(k->name, words[0]) != 0))
        k++;
    if (k == kinds + STEP_KINDS)
        return err_set(e, ERR_INVALID, "unknown kind");
    ret->kind = (enum step_kind)(k - kinds);
    for (const enum field *f = k->fields; *f != F_END; f++) {
        if (keywords[*f] && (at >= n || strcmp(words[at++], keywords[*f]) != 0))
            return err_set(e, ERR_INVALID, "expected \"%s\"", keywords[*f]);
        if (at >= n)
            return err_set(e, ERR_INVALID, "cut short");
        if (read_field(k, *f, words[at++], ret, e) < 0)
            return -1;
    }
    return ret->kind == STEP_SYSCTL ? sysctl_check(ret->key, ret->value, e) : 0;
}

int step_parse(const char *line, struct step *ret, struct err *e)
{
    char copy[LINE_MAX_LEN + 1], *words[WORDS_MAX];
    auto_buf struct buf again = BUF_INIT;
    struct step s = { .kind = STEP_VLAN };

    if (strnlen(line, sizeof(copy)) == sizeof(copy))
        return err_set(e, ERR_INVALID, "step: longer than %d bytes", LINE_MAX_LEN);
    memcpy(copy, line, strlen(line) + 1);
    int n = cut_words(copy, words);
    if (n > WORDS_MAX || read_words(words, n, &s, e) < 0)
        return n > WORDS_MAX ? err_set(e, ERR_INVALID, "step \"%.80s\": too many words", line)
                             : err_wrap(e, "step \"%.80s\"", line);
    /* One value, one text: whatever is not written back just so (words left over, a number with
     * leading zeros) was not written by us. */
    step_format(&s, &again);
    if (buf_check(&again, e) < 0)
        return -1;
    if (strcmp(buf_str(&again), line) != 0)
        return err_set(e, ERR_INVALID, "step \"%.80s\" is not in its one form: %.80s", line,
                       buf_str(&again));
    *ret = s;
    return 0;
}

/* --- in words -------------------------------------------------------------------------------- */

void step_describe(const struct step *s, struct buf *out)
{
    char text[IP_TEXT];

    switch (s->kind) {
    case STEP_VLAN:
        buf_printf(out, "make %s, VLAN %u on %s (MTU %u)", s->device, s->vlan, s->parent, s->mtu);
        break;
    case STEP_BRIDGE:
        buf_printf(out, "make bridge %s (%s, MTU %u)", s->device, mac_format(&s->mac, text),
                   s->mtu);
        break;
    case STEP_ADDRESS:
        buf_printf(out, "give %s the address %s/%u", s->device, ip_format(&s->address, text),
                   s->prefix);
        break;
    case STEP_MOVE:
        buf_printf(out, "move addresses and routes of %s to %s, and join the two", s->parent,
                   s->device);
        break;
    case STEP_PORT:
        buf_printf(out, "make %s a port of %s", s->parent, s->device);
        break;
    case STEP_SYSCTL:
        buf_printf(out, "set %s to %s", s->key, s->value);
        break;
    case STEP_RULES:
        buf_printf(out, "add chains of iptables rules for %s", s->device);
        break;
    case STEP_LISTEN:
        buf_printf(out, "serve seeds on %s port %u of %s", ip_format(&s->address, text), s->port,
                   s->device);
        break;
    case STEP_DNSMASQ:
        buf_printf(out, "start dnsmasq on %s", s->device);
        break;
    case STEP_RESOLVED:
        buf_printf(out, "tell systemd-resolved who knows the names on %s", s->device);
        break;
    case STEP_KINDS:
        break;
    }
}
