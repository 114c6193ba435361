#include "model/name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* <ctype.h> asks the locale; these are ASCII whatever it says. */
static bool lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* One RFC 1123 label in lower case. */
static bool label_ok(const char *s, size_t len)
{
    if (len < 1 || len > NAME_MAX_LEN || s[0] == '-' || s[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!lower_or_digit(s[i]) && s[i] != '-')
            return false;
    return true;
}

int name_parse(const char *s, const char *what, struct name *ret, struct err *e)
{
    size_t len = strnlen(s, NAME_MAX_LEN + 1);
    struct name n = { 0 };

    if (!label_ok(s, len))
        return err_set(e, ERR_INVALID,
                       "%s \"%.80s\": expected 1 to 63 of a-z, 0-9 and '-', with a letter or digit "
                       "at both ends",
                       what, s);
    memcpy(n.s, s, len);
    *ret = n;
    return 0;
}

/* Groups that Ansible makes by itself, and the host that it adds when somebody says so: neither a
 * group nor a host of the inventory may be called so. */
static const char *const reserved[] = { "all", "ungrouped", "localhost" };

static bool is_reserved(const char *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        if (!strcmp(s, reserved[i]))
            return true;
    return false;
}

int instance_name_parse(const char *s, struct name *ret, struct err *e)
{
    if (is_reserved(s))
        return err_set(
            e, ERR_INVALID,
            "instance name \"%s\": Ansible and ssh mean something else by it; take another", s);
    return name_parse(s, "instance name", ret, e);
}

int group_parse(const char *s, struct name *ret, struct err *e)
{
    size_t len = strnlen(s, NAME_MAX_LEN + 1);
    bool ok = len >= 1 && len <= NAME_MAX_LEN && word_start(s[0]);
    struct name n = { 0 };

    for (size_t i = 1; ok && i < len; i++)
        ok = word_start(s[i]) || (s[i] >= '0' && s[i] <= '9');
    if (!ok)
        return err_set(e, ERR_INVALID,
                       "group \"%.80s\": expected 1 to 63 of A-Z, a-z, 0-9 and '_', no digit first "
                       "(Ansible takes no '-' in group names)",
                       s);
    if (is_reserved(s))
        return err_set(e, ERR_INVALID, "group \"%s\" is Ansible's own: choose another name", s);
    memcpy(n.s, s, len);
    *ret = n;
    return 0;
}

int domain_parse(const char *s, char ret[DOMAIN_MAX_LEN + 1], struct err *e)
{
    size_t len = strnlen(s, DOMAIN_MAX_LEN + 1);
    bool ok = len >= 1 && len <= DOMAIN_MAX_LEN;

    for (const char *label = s; ok;) {
        size_t n = strcspn(label, ".");
        ok = label_ok(label, n);
        if (!label[n])
            break;
        label += n + 1;
    }
    if (!ok)
        return err_set(e, ERR_INVALID,
                       "domain \"%.80s\": expected labels of a-z, 0-9 and inner '-' with dots "
                       "between them, at most 253 bytes, no dot at the end, such as lab.internal",
                       s);
    memmove(ret, s, len + 1);
    return 0;
}
