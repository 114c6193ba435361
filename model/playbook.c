#include "model/playbook.h"

#include <stdbool.h>
#include <string.h>

#include "base/parse.h"

static bool climbs(const char *s)
{
    for (const char *part = s; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2]))
            return true;
    }
    return false;
}

int playbook_parse(const char *s, struct playbook *ret, struct err *e)
{
    struct playbook p = { 0 };
    size_t len = strnlen(s, PLAYBOOK_MAX + 1);

    if (len < 1 || len > PLAYBOOK_MAX || !ascii_printable(s, len))
        return err_set(e, ERR_INVALID,
                       "playbook \"%.64s\": expected a file name of 1 to %d printable ASCII bytes, "
                       "such as site.yaml",
                       s, PLAYBOOK_MAX);
    if (s[0] == '-' || s[len - 1] == '/')
        return err_set(e, ERR_INVALID,
                       "playbook \"%.64s\": expected a file, such as site.yaml, and no '-' first",
                       s);
    if (climbs(s))
        return err_set(e, ERR_INVALID,
                       "playbook \"%.64s\": say where it lies without \"..\", absolute if need be",
                       s);
    memcpy(p.s, s, len);
    *ret = p;
    return 0;
}
