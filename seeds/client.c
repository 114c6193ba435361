#include "seeds/client.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/parse.h"

static int number(const char **s, unsigned *ret)
{
    char digits[8];
    uint64_t n;
    size_t len = strspn(*s, "0123456789");

    if (len < 1 || len >= sizeof digits)
        return -1;
    memcpy(digits, *s, len);
    digits[len] = '\0';
    if (parse_u64(digits, 0, 9999, &n, NULL) < 0)
        return -1;
    *ret = (unsigned)n;
    *s += len;
    return 0;
}

int client_parse(const char *s, struct client *ret, struct err *e)
{
    static const char head[] = "cloud-init/";
    const char *p = s + sizeof head - 1;
    struct client c;
    unsigned patch;

    if (strncasecmp(s, head, sizeof head - 1) == 0 && number(&p, &c.major) == 0 && *p++ == '.' &&
        number(&p, &c.minor) == 0 && (!*p || (*p++ == '.' && number(&p, &patch) == 0 && !*p))) {
        *ret = c;
        return 0;
    }
    return err_set(e, ERR_INVALID, "client \"%.40s\": expected such as cloud-init/22.4", s);
}

static bool since(const struct client *c, unsigned major, unsigned minor)
{
    return c->major > major || (c->major == major && c->minor >= minor);
}

int client_documents(const struct client *c, enum seed_doc ret[SEED_DOCS])
{
    int n = 0;

    if (since(c, 24, 3))
        ret[n++] = SEED_NETWORK;
    ret[n++] = SEED_META;
    ret[n++] = SEED_USER;
    ret[n++] = SEED_VENDOR;
    return n;
}

bool client_waits(const struct client *c)
{
    return since(c, 25, 1);
}

bool client_expands(const struct client *c)
{
    return since(c, 23, 1);
}
